"""Signs of the head's angles in the protocols that send angles, each against those of `types.Pose`."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.types import Pose

AXES = ("yaw", "pitch", "roll")
SIGNS = {
    "ifacialmocap": (1.0, -1.0, -1.0),
    "livelink": (1.0, 1.0, -1.0),
    "vts": (1.0, 1.0, -1.0),
    "vts_phone": (1.0, 1.0, -1.0),
    "opentrack": (-1.0, 1.0, 1.0),
}
"""Signs of yaw, pitch and roll by the option that opens the protocol."""
FLIPPABLE = ("ifacialmocap", "livelink", "vts", "vts_phone")
"""Protocols whose signs are unverified or receivers disagree about: `--flip` changes them."""


@dataclass(frozen=True, slots=True)
class HeadAngles:
    """Yaw, pitch and roll of a pose, degrees, as a protocol sends them."""

    signs: tuple[float, float, float]

    @classmethod
    def of(cls, protocol: str, flip: frozenset[str] = frozenset()) -> HeadAngles:
        """Look up a protocol's signs. flip: the AXES to send with the other sign."""
        yaw, pitch, roll = (-sign if axis in flip else sign for axis, sign in zip(AXES, SIGNS[protocol], strict=True))
        return cls((yaw, pitch, roll))

    def __call__(self, pose: Pose) -> tuple[float, float, float]:
        """Return the angles to send."""
        yaw, pitch, roll = self.signs
        return yaw * pose.yaw_deg, pitch * pose.pitch_deg, roll * pose.roll_deg
