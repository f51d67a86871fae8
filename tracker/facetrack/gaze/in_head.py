"""Direction of both eyes in the head."""

from __future__ import annotations

from facetrack.gaze.eyeball import Intrinsics, eyeball_look
from facetrack.gaze.sight import seen_look
from facetrack.types import EyeGaze, EyesReading, Pose
from facetrack.types.eyes import MAX_COVERED


def eyes_in_head(
    reading: EyesReading | None, pose: Pose | None, intrinsics: Intrinsics
) -> tuple[EyeGaze | None, EyeGaze | None]:
    """Return where the right and the left eye look in the head; None for one that is covered or unknown.

    intrinsics: of the camera whose picture was read. By the network's own look where it gives one, else by the iris on
    an eyeball. Lids are not looked at: a shut eye's look is a guess of the network, which says so by its sigma.
    """
    if reading is None or pose is None:
        return None, None
    right, left = (_look(reading, side, pose, intrinsics) for side in (0, 1))
    return right, left


def _look(reading: EyesReading, side: int, pose: Pose, intrinsics: Intrinsics) -> EyeGaze | None:
    if not float(reading.covered[side]) <= MAX_COVERED:
        return None
    look = seen_look(reading, side, pose, intrinsics)
    return eyeball_look(reading, side, pose, intrinsics) if look is None else look
