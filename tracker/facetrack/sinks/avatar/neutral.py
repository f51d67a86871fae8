"""The neutral pose: what the person takes for looking straight ahead, which all protocols share."""

from __future__ import annotations

from dataclasses import replace

from facetrack.angles import euler_deg
from facetrack.sinks.avatar.head import Array
from facetrack.types import Pose


class Neutral:
    """Rotation and position from which the main face is measured; none until the first is taken.

    asked: the next pose will be taken.
    """

    def __init__(self) -> None:
        self.asked = False
        self.rotation: Array | None = None
        self.position_mm: Array | None = None

    def ask(self) -> None:
        """Take the next pose that is known."""
        self.asked = True

    def answer(self, pose: Pose | None) -> bool:
        """Take this pose if one was asked for. Returns whether it was."""
        if not self.asked or pose is None:
            return False
        self.asked = False
        self.rotation, self.position_mm = pose.rotation, pose.translation_mm
        return True

    def turned(self, pose: Pose) -> Pose:
        """Return the pose with its rotation relative to the neutral's, its position as it is."""
        if self.rotation is None:
            return pose
        rotation = self.rotation.T @ pose.rotation
        yaw_deg, pitch_deg, roll_deg = euler_deg(rotation)
        return replace(pose, rotation=rotation, yaw_deg=yaw_deg, pitch_deg=pitch_deg, roll_deg=roll_deg)

    def moved_mm(self, pose: Pose) -> Array:
        """(3,) mm: the position relative to the neutral's."""
        return pose.translation_mm if self.position_mm is None else pose.translation_mm - self.position_mm
