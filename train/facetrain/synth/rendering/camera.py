"""Where a head's points fall in a picture: a rotation by the angles of `facetrack.types.Pose`, and a pinhole camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODEL_TO_CAMERA: Array = np.diag([1.0, -1.0, -1.0])
"""The model's axes (x to the picture's right, y up, z towards the camera) to the camera's (y down, z away) for a head
that looks straight into it."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera: focal length in px, principal point (x, y) in px with pixel centres at integers, and the size
    (width, height) in px of its picture. It looks along +z from the origin."""

    focal_px: float
    centre: tuple[float, float]
    size: tuple[int, int]

    def project(self, points: NDArray[np.floating]) -> Array:
        """(..., 3) in the camera's axes, any unit -> (..., 2) px."""
        return np.asarray(self.focal_px * points[..., :2] / points[..., 2:] + self.centre, dtype=np.float64)

    def enlarged(self, factor: int) -> Camera:
        """The same view with every pixel cut into factor x factor."""
        x, y = ((value + 0.5) * factor - 0.5 for value in self.centre)
        return Camera(self.focal_px * factor, (x, y), (self.size[0] * factor, self.size[1] * factor))
