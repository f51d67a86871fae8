"""Pinhole camera, and the rotation from the head model's axes to the camera's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MODEL_TO_CAMERA: Array = np.diag([1.0, -1.0, -1.0])
"""Maps the model's axes (x to the image's right, y up, z towards the camera) to the camera's (y down, z away) for a
head that faces the camera."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole camera at the origin, looking along +z.

    focal_px: focal length in px.
    centre: principal point (x, y) in px, pixel centres at integers.
    size: (width, height) of the image in px.
    """

    focal_px: float
    centre: tuple[float, float]
    size: tuple[int, int]

    def project(self, points: NDArray[np.floating]) -> Array:
        """Project (..., 3) points in the camera's axes, any unit, to (..., 2) px."""
        return np.asarray(self.focal_px * points[..., :2] / points[..., 2:] + self.centre, dtype=np.float64)

    def enlarged(self, factor: int) -> Camera:
        """Return the camera of the same view with every pixel divided into factor x factor."""
        x, y = ((value + 0.5) * factor - 0.5 for value in self.centre)
        return Camera(self.focal_px * factor, (x, y), (self.size[0] * factor, self.size[1] * factor))
