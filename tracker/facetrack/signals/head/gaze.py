"""Where somebody looks, coarsely."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.head.neutral import HeadAngles

HEAD = "head"
"""`Gaze.source`: told from the head alone."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """Direction relative to straight ahead (the neutral head's): yaw_deg positive towards the picture's right,
    pitch_deg up. source: what it was told from."""

    yaw_deg: float
    pitch_deg: float
    source: str


def head_gaze(head: HeadAngles | None) -> Gaze | None:
    """The direction of the head, taken for that of the eyes; None where the head is unknown.

    This is all that the 68 points give: none of them is a pupil. People turn their eyes before and beyond the head, so
    a glance that the eyes make alone, of up to some 15 degrees, is not seen, and a turned head may still look ahead.
    """
    if head is None:
        return None
    return Gaze(head.yaw_deg, head.pitch_deg, HEAD)
