"""Signals and events that the tracker predicts in labelled clips, by person, with all frames or with frames dropped."""

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
"""Tolerance in frames: an event that starts at the time of a frame includes the frame."""


@dataclass(frozen=True, slots=True)
class PredictedEvent:
    """Predicted event with the first and last frame inside it."""

    kind: str
    first: int
    last: int
    event: Event

    @classmethod
    def at(cls, event: Event, times: Times) -> PredictedEvent:
        """Convert an event's times to frames; times: (frames,) s of all frames of the clip."""
        start, end = np.interp([event.start_s, event.until_s], times, np.arange(len(times)))
        first = int(np.ceil(start - ROUNDING))
        return cls(event.kind, first, max(first, int(np.floor(end + ROUNDING))), event)


@dataclass(slots=True, eq=False)
class Series:
    """One person's signals by frame, where tracked, and events in the order of their ends."""

    signals: dict[int, Signals] = field(default_factory=dict)
    events: list[PredictedEvent] = field(default_factory=list)

    def openness(self, frames: int) -> NDArray[np.float64]:
        """Return the (frames, 2) openness of the right and left eye, NaN where unknown or not tracked."""
        eyes = np.full((frames, 2), np.nan)
        for index, signals in self.signals.items():
            right, left = signals.eyes.right.openness, signals.eyes.left.openness
            eyes[index] = (np.nan if right is None else right, np.nan if left is None else left)
        return eyes


@dataclass(frozen=True, slots=True, eq=False)
class TrackedClip:
    """Labelled clip with the tracker's predictions.

    times: (frames,) s of all frames of the clip
    used: (frames,) whether the tracker got the frame
    persons: predictions by person
    """

    clip: LabelledClip
    times: Times
    used: Flags
    persons: dict[str, Series]

    def seconds(self, person: str, known: Callable[[Signals], bool] = lambda signals: True) -> float:
        """Return the time in which a person was tracked and `known` was true.

        The sum of the steps of at most MAX_GAP_S that end in such a frame.
        """
        signals = self.persons[person].signals
        return sum(
            float(self.times[b] - self.times[a])
            for a, b in pairwise(sorted(signals))
            if self.times[b] - self.times[a] <= MAX_GAP_S and known(signals[b])
        )

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """First and last frame of each gap: more than MAX_GAP_S without a frame for the tracker."""
        used = np.flatnonzero(self.used)
        return [(int(a) + 1, int(b) - 1) for a, b in pairwise(used) if self.times[b] - self.times[a] > MAX_GAP_S + 1e-9]


@dataclass(frozen=True, slots=True)
class FrameSubsampling:
    """Rule for dropping frames; used: (number of frames, frames per second) -> (frames,) whether a frame is kept."""

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
"""The dropped 10 % are random with a fixed seed; the pause is in the middle."""


def clip_path(folder: Path, clip: LabelledClip) -> Path:
    """Return the path of the clip. Raises DataError if it is missing."""
    path = folder / f"{clip.video}.mp4"
    if not path.is_file():
        raise DataError(f"{path}: missing, but labelled; give the folder that holds the clips as --clips")
    return path


def track_clip(
    tracker: FaceTracker, clip: LabelledClip, folder: Path, subsampling: FrameSubsampling = ALL
) -> TrackedClip:
    """Track one clip from the start.

    Raises DataError if the number of frames differs from the labels', SourceError if the clip cannot be read.
    """
    with VideoFile(clip_path(folder, clip)) as source:
        return track_frames(tracker, clip, iter(source), subsampling.used(clip.frames, clip.fps))


def track_frames(tracker: FaceTracker, clip: LabelledClip, frames: Iterator[Frame], used: Flags) -> TrackedClip:
    """Track the used ones of all frames of the clip."""
    tracker.reset()
    times: list[float] = []
    faces: list[tuple[int, float, Face]] = []  # frame index, centre as a share of the image's width, face
    events: list[Event] = []
    for index, frame in enumerate(frames):
        times.append(frame.time_s)
        if index < len(used) and used[index]:
            width = frame.image.shape[1]
            faces += [(index, float(face.box[0] + face.box[2]) / 2 / width, face) for face in tracker.update(frame)]
            # What still lasts at the end of the clip is not scored: its end was not seen.
            events += [event for event in tracker.events if event.is_over]
    if len(times) != clip.frames:
        raise DataError(f"{clip.video} has {len(times)} frames, its labels {clip.frames}; give the clip as labelled")
    return TrackedClip(clip, np.array(times), used, _by_person(clip, faces, events, np.array(times)))


def _by_person(
    clip: LabelledClip, faces: list[tuple[int, float, Face]], events: list[Event], times: Times
) -> dict[str, Series]:
    """Assign the tracks to the persons by the median of the face's horizontal position."""
    positions: dict[int, list[float]] = {}
    for _, x, face in faces:
        positions.setdefault(face.track_id, []).append(x)
    owner = {track_id: clip.person_at(float(np.median(xs))) for track_id, xs in positions.items()}
    persons = {person: Series() for person in clip.places}
    for index, _, face in faces:
        if (person := owner[face.track_id]) is not None:
            persons[person].signals[index] = face.signals
    for event in events:
        if (person := owner[event.track_id]) is not None:
            persons[person].events.append(PredictedEvent.at(event, times))
    return persons
