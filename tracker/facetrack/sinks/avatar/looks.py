"""Where the eyes of a face look in its head, as avatars take it."""

from __future__ import annotations

from facetrack.angles import Angles, rotation_from_deg, turned_by
from facetrack.types import Face


def eyes_deg(face: Face) -> Angles | None:
    """Return (yaw, pitch) of both eyes in the head, 0 as they usually look; None where the eyes do not tell.

    Signs as of `types.Pose`. It is the gaze in the axes of the head, both relative to straight ahead.
    """
    gaze, head = face.signals.gaze, face.signals.head
    if gaze.source in (None, "head") or gaze.yaw_deg is None or gaze.pitch_deg is None:
        return None
    if head.yaw_deg is None or head.pitch_deg is None:
        return None
    turn = rotation_from_deg(head.yaw_deg, head.pitch_deg, head.roll_deg or 0.0)
    return turned_by(turn.T, (gaze.yaw_deg, gaze.pitch_deg))
