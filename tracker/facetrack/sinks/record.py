"""JSON objects of the lines: plain Python values, rounded; None for what is unknown, never NaN or infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetrack.sinks.fields import rounded, signals_to_json
from facetrack.types import Event, Face, Frame, Pose


def record(frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> dict[str, Any]:
    """Return the JSON object of one frame."""
    line: dict[str, Any] = {"frame": int(frame.index), "time_s": rounded(frame.time_s, 6)}
    if frame.name is not None:
        line["image"] = frame.name
    line["faces"] = [_face(face) for face in faces]
    line["events"] = [event_record(event) for event in events]
    return line


def _face(face: Face) -> dict[str, Any]:
    marks = face.landmarks
    return {
        "id": int(face.track_id),
        "box": _numbers(face.box, 2),
        "score": rounded(face.score, 4),
        "points": _numbers(marks.points, 2),
        "sigma": _numbers(marks.sigma, 3),
        "visibility": None if marks.visibility is None else _numbers(marks.visibility, 3),
        "pose": None if face.pose is None else _pose(face.pose),
        "signals": signals_to_json(face.signals),
    }


def _pose(pose: Pose) -> dict[str, Any]:
    return {
        "yaw_deg": rounded(pose.yaw_deg, 2),
        "pitch_deg": rounded(pose.pitch_deg, 2),
        "roll_deg": rounded(pose.roll_deg, 2),
        "translation_mm": _numbers(pose.translation_mm, 1),
        "quaternion": [rounded(part, 5) for part in pose.quaternion],
        "sigma_deg": None if pose.sigma_deg is None else [rounded(part, 2) for part in pose.sigma_deg],
    }


def event_record(event: Event) -> dict[str, Any]:
    """Return the JSON object of one event."""
    return {
        "kind": event.kind,
        "id": int(event.track_id),
        "phase": event.phase,
        "start_s": rounded(event.start_s, 6),
        "since_s": rounded(event.since_s, 6),
        "end_s": rounded(event.end_s, 6),
        "amplitude": rounded(event.amplitude, 4),
        "closing_speed_per_s": rounded(event.closing_speed_per_s, 4),
        "evidence": {name: rounded(value, 4) for name, value in event.evidence.items()},
    }


def _numbers(values: NDArray[Any], digits: int) -> list[Any]:
    # In float64: a float32 rounded to two decimals would print as 12.340000152587890.
    array = np.asarray(values, dtype=np.float64).round(digits)
    if np.isfinite(array).all():
        return array.tolist()
    return np.where(np.isfinite(array), array.astype(object), np.array(None)).tolist()
