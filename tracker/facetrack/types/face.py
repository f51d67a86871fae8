"""One tracked face: landmarks, pose, signals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import quaternion
from facetrack.topology import GROUPS
from facetrack.types.frame import Floats
from facetrack.types.plain import numbers, rounded, signals_to_dict
from facetrack.types.signals import Signals


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Landmarks:
    """The 68 points of one face in the 300-W scheme (see `topology`).

    landmarks["left_eye"] is the points of a group of `topology.GROUPS`, (N, 2).

    points: (68, 2) float32 px.
    sigma: (68,) float32 px, one standard deviation of each point's error per coordinate, as the network predicts it.
    visibility: (68,) float32 0..1, 1 for a point that is seen, 0 for an occluded one, which keeps its best position;
        None from a network that does not give it.
    """

    points: Floats
    sigma: Floats
    visibility: Floats | None = None

    def __getitem__(self, group: str) -> Floats:
        """Return the points of a group, (N, 2) px. Raises KeyError for another name."""
        if group not in GROUPS:
            raise KeyError(f"{group!r} is no group of points; expected one of {', '.join(GROUPS)}")
        return self.points[list(GROUPS[group])]

    def __repr__(self) -> str:
        return f"Landmarks({len(self.points)} points, sigma {float(np.median(self.sigma)):.1f} px)"


@dataclass(frozen=True, slots=True, eq=False)
class HeadRotation:
    """Head rotation as a network predicts it, relative to the line of sight to the face.

    rotation: (3, 3) float64, head to the axes of the line of sight: x to the picture's right, y down, z away. The
        identity is a head that looks along this line into the camera.
    precision: (3, 3) float64 rad^-2, inverse covariance of the error, a small rotation about those axes.
    """

    rotation: NDArray[np.float64]
    precision: NDArray[np.float64]

    @property
    def roll_rad(self) -> float:
        """Clockwise roll of the head's vertical axis in the image; see `geometry.face_roll`."""
        return math.atan2(-float(self.rotation[0, 1]), float(self.rotation[1, 1]))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pose:
    """Attitude and position of the head relative to the camera.

    rotation: (3, 3) float64, head to camera. Camera axes: x right, y down, z away from the camera. The identity is a
        head that looks straight into the camera.
    translation_mm: (3,) float64 mm, the head's origin (midway between the eyes) in the camera's axes, for an adult of
        average size: a distance is only as good as that guess and the focal length.
    yaw_deg: positive when the head turns towards the picture's right.
    pitch_deg: positive when it looks up.
    roll_deg: positive when it tilts clockwise as seen in the picture.
    sigma_deg: one standard deviation of (yaw, pitch, roll); None from a network that predicts no rotation.
    """

    rotation: NDArray[np.float64]
    translation_mm: NDArray[np.float64]
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    sigma_deg: tuple[float, float, float] | None = None

    @property
    def quaternion(self) -> tuple[float, float, float, float]:
        """Unit quaternion (x, y, z, w) of `rotation`, w >= 0."""
        return quaternion(self.rotation)

    def __repr__(self) -> str:
        angles = f"yaw {self.yaw_deg:+.1f}, pitch {self.pitch_deg:+.1f}, roll {self.roll_deg:+.1f} deg"
        return f"Pose({angles}, {self.translation_mm[2] / 1000:.2f} m away)"

    def to_dict(self) -> dict[str, Any]:
        """Return the object `pose` of a face's JSON, see docs/output.md."""
        return {
            "yaw_deg": rounded(self.yaw_deg, 2),
            "pitch_deg": rounded(self.pitch_deg, 2),
            "roll_deg": rounded(self.roll_deg, 2),
            "translation_mm": numbers(self.translation_mm, 1),
            "quaternion": [rounded(part, 5) for part in self.quaternion],
            "sigma_deg": None if self.sigma_deg is None else [rounded(part, 2) for part in self.sigma_deg],
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Face:
    """One tracked face in one frame.

    track_id: from 1, the same for one face as long as it is followed. box: (4,) float32 x0 y0 x1 y1 px, the extent of
    the points.
    score: 0..1, the network's belief that this is a face. pose: None where it is unknown.
    """

    track_id: int
    box: Floats
    landmarks: Landmarks
    score: float
    pose: Pose | None = None
    signals: Signals = field(default_factory=Signals)

    def __repr__(self) -> str:
        box = ", ".join(f"{value:.0f}" for value in self.box)
        return f"Face({self.track_id}, box=({box}), score={self.score:.2f}, pose={self.pose})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values with the names of the JSON lines (docs/output.md), None for what is unknown."""
        marks = self.landmarks
        return {
            "id": int(self.track_id),
            "box": numbers(self.box, 2),
            "score": rounded(self.score, 4),
            "points": numbers(marks.points, 2),
            "sigma": numbers(marks.sigma, 3),
            "visibility": None if marks.visibility is None else numbers(marks.visibility, 3),
            "pose": None if self.pose is None else self.pose.to_dict(),
            "signals": signals_to_dict(self.signals),
        }
