"""Coarse gaze: the direction of the head."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.head.neutral import HeadAngles

HEAD = "head"
"""`Gaze.source` of a gaze that is read from the head alone."""


@dataclass(frozen=True, slots=True)
class Gaze:
    """Direction relative to straight ahead (the neutral head's).

    yaw_deg: positive towards the picture's right. pitch_deg: positive up. source: what it was read from.
    """

    yaw_deg: float
    pitch_deg: float
    source: str


def head_gaze(head: HeadAngles | None) -> Gaze | None:
    """Take the direction of the head for that of the eyes; None where the head is unknown.

    This is all that the 68 points give: none of them is a pupil. People turn their eyes before and beyond the head, so
    a glance that the eyes make alone, of up to some 15 degrees, is not seen, and a turned head may still look ahead.
    """
    if head is None:
        return None
    return Gaze(head.yaw_deg, head.pitch_deg, HEAD)
