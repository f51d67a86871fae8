"""JSON objects of the lines: plain Python values, rounded; None for what is unknown, never NaN or infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facetrack.types import Event, Face, Frame
from facetrack.types.plain import rounded


def record(frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> dict[str, Any]:
    """Return the JSON object of one frame."""
    line: dict[str, Any] = {"frame": int(frame.index), "time_s": rounded(frame.time_s, 6)}
    if frame.name is not None:
        line["image"] = frame.name
    line["faces"] = [face.to_dict() for face in faces]
    line["events"] = [event.to_dict() for event in events]
    return line
