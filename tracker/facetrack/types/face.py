"""One tracked face: landmarks, pose, signals."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import quaternion
from facetrack.types.frame import Floats
from facetrack.types.signals import Signals


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The 68 points of one face in the 300-W scheme (see `topology`).

    points: (68, 2) float32 px.
    sigma: (68,) float32 px, one standard deviation of each point's error per coordinate, as the network predicts it.
    visibility: (68,) float32 0..1, 1 for a point that is seen, 0 for an occluded one, which keeps its best position;
        None from a network that does not give it.
    """

    points: Floats
    sigma: Floats
    visibility: Floats | None = None


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


@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True, eq=False)
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
