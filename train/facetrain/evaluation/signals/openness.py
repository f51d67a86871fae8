"""Openness of the eyes that the tracker measures in every frame, against manually labelled blinks."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facetrack.capture import VideoFile
from facetrack.errors import DataError
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Floats
from facetrain.reporting.progress import with_progress

COLUMNS = ("video", "first_closed_frame", "last_closed_frame")
BLINK_BELOW = 0.5
"""Threshold of the openness below which a blink is visible, as a share of the median in the clip."""
AROUND = 2
"""Number of frames before and after a blink in which the lids are closing and opening."""


@dataclass(frozen=True, slots=True)
class Blink:
    """First and last frame in which the eyes are closed."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Measured openness in a clip.

    eyes: (frames, 2) openness 0..1 of the right and the left eye of the main face, NaN where unknown
    blinks: labelled blinks
    """

    video: str
    eyes: Floats
    blinks: tuple[Blink, ...]

    @property
    def mean(self) -> Floats:
        """(frames,) mean over the known eyes, NaN where neither is known."""
        known = np.isfinite(self.eyes)
        return np.where(known.any(axis=1), np.where(known, self.eyes, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1),
                        np.nan).astype(np.float32)  # fmt: skip

    @property
    def limit(self) -> float:
        """Openness below which the eyes count as closed; NaN if it was never known."""
        known = self.mean[np.isfinite(self.mean)]
        return BLINK_BELOW * float(np.median(known)) if len(known) else float("nan")

    def lowest(self, blink: Blink) -> float:
        """Return the lowest openness in a blink; NaN if it was unknown."""
        part = self.mean[blink.first : blink.last + 1]
        return float(np.nanmin(part)) if np.isfinite(part).any() else float("nan")

    def shows(self, blink: Blink) -> bool:
        """Return whether the blink is visible in the openness."""
        return self.lowest(blink) < self.limit

    def closed_outside_blinks(self) -> int:
        """Return the number of frames in which the eyes are closed, but no blink is labelled."""
        closed = self.mean < self.limit
        for blink in self.blinks:
            closed[max(0, blink.first - AROUND) : blink.last + AROUND + 1] = False
        return int(closed.sum())


def read_blinks(path: Path) -> dict[str, tuple[Blink, ...]]:
    """Read a table with the columns video (a file beside it), first_closed_frame and last_closed_frame.

    Raises DataError if it is malformed or empty.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        clips: dict[str, tuple[Blink, ...]] = {}
        for row in rows:
            video, first, last = (row[name] for name in COLUMNS)
            clips[video] = (*clips.get(video, ()), Blink(int(first), int(last)))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected a CSV with the columns {', '.join(COLUMNS)}, got {error}") from error
    if not clips:
        raise DataError(f"{path}: no blinks in it; expected a row for each")
    return clips


def traces(table: Path, landmarks: Path | None = None) -> list[Trace]:
    """Measure the openness in every clip of a table of blinks.

    landmarks: the network, the bundled one if None
    Raises DataError or SourceError for unreadable files.
    """
    clips = read_blinks(table)
    tracker = FaceTracker.from_weights(landmarks)
    return [
        Trace(video, _eyes(table.with_name(video), tracker), clips[video]) for video in with_progress(clips, "tracking")
    ]


def _eyes(clip: Path, tracker: FaceTracker) -> Floats:
    """Return the (frames, 2) openness of the main face, that with the largest sum of areas over its frames."""
    tracker.reset()
    readings: dict[int, dict[int, tuple[float, float]]] = {}
    total_area: dict[int, float] = {}
    count = 0
    with VideoFile(clip) as source:
        for frame in source:
            count = frame.index + 1
            for face in tracker.update(frame):
                both = face.signals.eyes
                right, left = (np.nan if x is None else x for x in (both.right.openness, both.left.openness))
                readings.setdefault(face.track_id, {})[frame.index] = (right, left)
                area = float(np.prod(face.box[2:] - face.box[:2]))
                total_area[face.track_id] = total_area.get(face.track_id, 0.0) + area
    eyes = np.full((count, 2), np.nan, np.float32)
    if total_area:
        for index, pair in readings[max(total_area, key=lambda i: total_area[i])].items():
            eyes[index] = pair
    return eyes


def save_picture(clip_traces: list[Trace], path: Path) -> None:
    """Draw a row per clip: both eyes, mean, threshold, and the labelled blinks, green if visible, else red."""
    figure = Figure(figsize=(12, 2.4 * len(clip_traces)), layout="constrained")
    for axis, trace in zip(figure.subplots(len(clip_traces), 1, squeeze=False)[:, 0], clip_traces, strict=True):
        _plot(axis, trace)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _plot(axis: Axes, trace: Trace) -> None:
    frames: NDArray[np.intp] = np.arange(len(trace.eyes))
    for column, (name, colour) in enumerate((("right eye", "C0"), ("left eye", "C1"))):
        axis.plot(frames, trace.eyes[:, column], colour, lw=0.8, label=name)
    axis.plot(frames, trace.mean, "k", lw=1.4, label="mean")
    axis.axhline(trace.limit, color="0.5", lw=0.8, ls=":", label="half the median")
    for blink in trace.blinks:
        shows = trace.shows(blink)
        axis.axvspan(blink.first - 0.5, blink.last + 0.5, color="C2" if shows else "C3", alpha=0.3)
        axis.text(blink.first, 1.01, f"{trace.lowest(blink):.2f}", fontsize="small", color="C2" if shows else "C3")
    visible = sum(map(trace.shows, trace.blinks))
    title = f"{trace.video}: {visible} of {len(trace.blinks)} labelled blinks visible"
    axis.set_title(title, loc="left", fontsize="medium")
    axis.set(ylim=(-0.03, 1.12), ylabel="openness", xlim=(0, max(1, len(frames) - 1)))
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize="x-small", ncols=4)
