"""The tracker's signals and events in labelled clips, person by person, with all frames or with some left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack.capture import VideoFile
from facetrack.errors import DataError
from facetrack.signals.observation import MAX_GAP_S
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Event, Face, Frame, Signals
from facetrain.evaluation.signals.clip_labels import LabelledClip

Flags = NDArray[np.bool_]
Times = NDArray[np.float64]
ROUNDING = 1e-4
"""Of a frame: an event that starts on a frame's own time starts with it."""


@dataclass(frozen=True, slots=True)
class PredictedEvent:
    """An event, from the first to the last frame inside it."""

    kind: str
    first: int
    last: int
    event: Event

    @classmethod
    def at(cls, event: Event, times: Times) -> PredictedEvent:
        """times: (frames,) s of all the clip's frames."""
        start, end = np.interp([event.start_s, event.end_s], times, np.arange(len(times)))
        first = int(np.ceil(start - ROUNDING))
        return cls(event.kind, first, max(first, int(np.floor(end + ROUNDING))), event)


@dataclass(slots=True, eq=False)
class Series:
    """One person's signals by frame, where followed, and events in the order in which they ended."""

    signals: dict[int, Signals] = field(default_factory=dict)
    events: list[PredictedEvent] = field(default_factory=list)

    def openness(self, frames: int) -> NDArray[np.float64]:
        """(frames, 2) of the right and left eye, NaN where unknown or not followed."""
        eyes = np.full((frames, 2), np.nan)
        for index, signals in self.signals.items():
            right, left = signals.eye_right_openness, signals.eye_left_openness
            eyes[index] = (np.nan if right is None else right, np.nan if left is None else left)
        return eyes


@dataclass(frozen=True, slots=True, eq=False)
class TrackedClip:
    """times: (frames,) s of all frames of the clip; used: (frames,) which of them the tracker was given."""

    clip: LabelledClip
    times: Times
    used: Flags
    persons: dict[str, Series]

    def seconds(self, person: str, known: Callable[[Signals], bool] = lambda signals: True) -> float:
        """For how long a person was followed, and `known` held: steps of at most MAX_GAP_S that lead to such a
        frame."""
        signals = self.persons[person].signals
        return sum(
            float(self.times[b] - self.times[a])
            for a, b in pairwise(sorted(signals))
            if self.times[b] - self.times[a] <= MAX_GAP_S and known(signals[b])
        )

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First and last frame of each stretch so long without a given frame that nothing is known of it."""
        given = np.flatnonzero(self.used)
        return [
            (int(a) + 1, int(b) - 1) for a, b in pairwise(given) if self.times[b] - self.times[a] > MAX_GAP_S + 1e-9
        ]


@dataclass(frozen=True, slots=True)
class FrameSubsampling:
    """Which frames of a clip are given: (frames, frames per second) -> (frames,) flags."""

    name: str
    used: Callable[[int, float], Flags]


def _all(frames: int, fps: float) -> Flags:
    return np.ones(frames, bool)


def _every_second(frames: int, fps: float) -> Flags:
    return np.arange(frames) % 2 == 0


def _drop_tenth(frames: int, fps: float) -> Flags:
    return np.random.default_rng(0).random(frames) >= 0.1


def _paused(frames: int, fps: float) -> Flags:
    index = np.arange(frames)
    return (index < frames // 2) | (index >= frames // 2 + fps)


ALL = FrameSubsampling("all frames", _all)
SUBSAMPLINGS = (
    FrameSubsampling("every second frame", _every_second),
    FrameSubsampling("10 % dropped", _drop_tenth),
    FrameSubsampling("1 s pause", _paused),
)
"""The drops fall at random, the same each time; the pause lies in the middle."""


def clip_path(folder: Path, clip: LabelledClip) -> Path:
    """Raises DataError where the clip is not there."""
    path = folder / f"{clip.video}.mp4"
    if not path.is_file():
        raise DataError(f"{path}: not there, but labelled; give the folder that holds the clips as --clips")
    return path


def follow(tracker: FaceTracker, clip: LabelledClip, folder: Path, subsampling: FrameSubsampling = ALL) -> TrackedClip:
    """Follow one clip from the start. Raises DataError where it is not as long as labelled, SourceError where it
    cannot be read."""
    with VideoFile(clip_path(folder, clip)) as source:
        return followed(tracker, clip, iter(source), subsampling.used(clip.frames, clip.fps))


def followed(tracker: FaceTracker, clip: LabelledClip, frames: Iterator[Frame], used: Flags) -> TrackedClip:
    """frames: all of the clip; used: which of them the tracker is given."""
    tracker.reset()
    times: list[float] = []
    faces: list[tuple[int, float, Face]] = []  # frame, place as a share of the width
    events: list[Event] = []
    for index, frame in enumerate(frames):
        times.append(frame.time_s)
        if index < len(used) and used[index]:
            width = frame.image.shape[1]
            faces += [(index, float(face.box[0] + face.box[2]) / 2 / width, face) for face in tracker.update(frame)]
            events += tracker.events
    if len(times) != clip.frames:
        raise DataError(f"{clip.video} has {len(times)} frames, its labels {clip.frames}; give the clip as labelled")
    return TrackedClip(clip, np.array(times), used, _by_person(clip, faces, events, np.array(times)))


def _by_person(
    clip: LabelledClip, faces: list[tuple[int, float, Face]], events: list[Event], times: Times
) -> dict[str, Series]:
    """A number is the person's at whose place it was in the middle of its frames, sorted from left to right."""
    where: dict[int, list[float]] = {}
    for _, x, face in faces:
        where.setdefault(face.track_id, []).append(x)
    owner = {number: clip.person_at(float(np.median(xs))) for number, xs in where.items()}
    persons = {person: Series() for person in clip.places}
    for index, _, face in faces:
        if (person := owner[face.track_id]) is not None:
            persons[person].signals[index] = face.signals
    for event in events:
        if (person := owner[event.track_id]) is not None:
            persons[person].events.append(PredictedEvent.at(event, times))
    return persons
