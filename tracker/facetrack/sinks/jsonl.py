"""JSON lines: one object per frame, described in schema.json beside this file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.sinks.lines import Lines
from facetrack.sinks.sink import Sink
from facetrack.types import Event, Face, Frame, Pose, Signals

SCHEMA_VERSION = 1
SCHEMA_FILE = Path(__file__).with_name("schema.json")
SIGNALS = tuple(field.name for field in fields(Signals))
"""Names of a face's signals, in the order in which they are written."""


class JsonLinesSink(Sink):
    """One line per frame, also when it shows no face.

    target: a file, or "-" for standard output, flushed after every line. source: a file that must not be overwritten.
    closed: the reader of standard output has gone; stop, or go on for the other sinks. Raises OutputError.
    """

    def __init__(self, target: str | Path, *, source: str | Path | None = None) -> None:
        self._lines = Lines(target, source)

    @property
    def closed(self) -> bool:
        return self._lines.closed

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's line."""
        self._lines.write(json.dumps(record(frame, faces, events), separators=(",", ":"), allow_nan=False) + "\n")

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._lines.commit()

    def discard(self) -> None:
        """Leave no file behind."""
        self._lines.discard()


def record(frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> dict[str, Any]:
    """The JSON object of one frame: plain Python values, rounded; None for what is unknown, never NaN or infinity."""
    return {
        "schema": SCHEMA_VERSION,
        "frame": int(frame.index),
        "time_s": rounded(frame.time_s, 6),
        "faces": [_face(face) for face in faces],
        "events": [_event(event) for event in events],
    }


def rounded(value: float | None, digits: int) -> float | None:
    """A finite number rounded, everything else None."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


def _face(face: Face) -> dict[str, Any]:
    return {
        "id": int(face.track_id),
        "box": _numbers(face.box, 2),
        "score": rounded(face.score, 4),
        "points": _numbers(face.landmarks.points, 2),
        "sigma": _numbers(face.landmarks.sigma, 3),
        "pose": _pose(face.pose),
        "signals": {name: _signal(getattr(face.signals, name)) for name in SIGNALS},
    }


def _signal(value: float | bool | str | Mapping[str, float] | None) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {name: rounded(part, 4) for name, part in value.items()}
    return rounded(value, 4)


def _pose(pose: Pose | None) -> dict[str, float | None] | None:
    if pose is None:
        return None
    return {name: rounded(getattr(pose, name), 2) for name in ("yaw_deg", "pitch_deg", "roll_deg")}


def _event(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "id": int(event.track_id),
        "start_s": rounded(event.start_s, 6),
        "end_s": rounded(event.end_s, 6),
        "amplitude": rounded(event.amplitude, 4),
        "closing_speed_per_s": rounded(event.closing_speed_per_s, 4),
    }


def _numbers(values: np.ndarray, digits: int) -> list[Any]:
    # In float64: a float32 rounded to two decimals would print as 12.340000152587890.
    array = np.asarray(values, dtype=np.float64).round(digits)
    if np.isfinite(array).all():
        return array.tolist()
    return np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()
