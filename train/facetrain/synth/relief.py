"""Bundled photograph as a rotatable depth relief: a head with known motion that needs no other data.

Every pixel has a depth, interpolated from those of the 68 points; the relief rotates about a vertical axis between the
ears and is projected orthographically, so an image row stays a row and only x changes:
x' = x_axis + (x - x_axis) cos(yaw) + depth sin(yaw). Depth is measured from the axis towards the camera.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.demo_clip.puppet import PATCH, SCALE, Puppet, thin_plate
from facetrack.types import Floats, Image

Array = NDArray[np.float64]

EYE_DISTANCE_MM = 89.2
DEPTH_MM: Array = np.array([
    -52, -50, -44, -37, -28, -16, -1, 14, 15, 14, -1, -16, -28, -37, -44, -50, -52,  # jaw
    -10, 1, 9, 16, 18, 18, 16, 9, 1, -10, 18, 26, 34, 42, 20, 25, 27, 25, 20,  # brows, nose
    -3, 5, 6, 3, 5, 4, 3, 6, 5, -3, 4, 5,  # eyes
    13, 24, 28, 29, 28, 24, 13, 22, 26, 26, 26, 22, 12, 23, 24, 23, 12, 22, 24, 22,  # lips
])  # fmt: skip
"""(68,) depth in mm towards the camera from the plane of the eye corners, and above the distance of the outer eye
corners: the mean face of USC's ICT-FaceKit (Li et al., CVPR 2020; MIT licence), rounded."""
EARS = [topology.JAW[0], topology.JAW[-1]]
EYE_PX = 66.0
"""Default distance between the outer eye corners: a face some 70 cm from a webcam of 640 px."""
MAX_YAW_DEG = 18.0
"""Largest yaw: beyond it the nose would occlude skin, and the mapping of a row would no longer be monotonic."""


class Relief:
    """Renderer of the photograph with a given yaw, shift or eye closure.

    size: (width, height) px of the frame. eye_px: distance between the outer eye corners in the frontal view.
    """

    def __init__(self, size: tuple[int, int] = (640, 480), eye_px: float = EYE_PX) -> None:
        self.eye_px = eye_px
        self._puppet = Puppet()
        points = self._puppet.points
        eye_distance = float(np.linalg.norm(np.diff(points[list(topology.EYE_OUTER_CORNERS)], axis=0)))
        self._scale = eye_px / eye_distance
        self._axis = np.array([points[EARS, 0].mean(), points[:, 1].mean()])
        self._middle = (np.array(size) - 1) / 2.0
        self._depth = (DEPTH_MM - DEPTH_MM[EARS].mean()) * eye_distance / EYE_DISTANCE_MM  # photograph px
        # For every frame pixel in the frontal view: its photograph coordinates and its depth.
        columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        self._photo = tuple(
            (np.stack([columns, rows]) - self._middle[:, None, None]) / self._scale + self._axis[:, None, None]
        )
        self._depth_map = self._depths()

    def _depths(self) -> Array:
        """Return the (H, W) depth in photograph px of every frame pixel, falling to 0 outside the hair."""
        points = self._puppet.points
        centre, reach = points.mean(axis=0), np.ptp(points, axis=0).max()
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        rims = [centre + reach * radius * circle for radius in (1.0, 1.5, 2.5)]
        centres = np.concatenate([points, *rims])
        depths = np.concatenate([self._depth, np.zeros(len(centres) - len(points))])[:, None]
        step = 8  # the spline is smooth: evaluate every 8th pixel and interpolate
        coarse = np.stack([axis[::step, ::step] for axis in self._photo], axis=-1)
        depth = thin_plate(centres, depths, coarse.reshape(-1, 2)).reshape(coarse.shape[:2])
        distance = np.linalg.norm(coarse - centre, axis=-1) / reach
        depth *= np.clip(2.0 - distance, 0.0, 1.0)
        y, x = np.indices(self._photo[0].shape, np.float32) / step
        return np.asarray(cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float64)

    def still(self, shift_px: tuple[float, float] = (0.0, 0.0), closure: float = 0.0) -> tuple[Image, Floats]:
        """Render the frontal view: a frame (H, W, 3) uint8 BGR and its points (68, 2) px.

        shift_px: shift of the whole image. closure: of the lids, 0 open to 1 closed.
        """
        patch, points = self._puppet.pose(closure, 0.0)
        photograph = self._puppet.image.copy()
        x0, y0, x1, y1 = (SCALE * edge for edge in PATCH)
        photograph[y0:y1, x0:x1] = patch
        x, y = (axis - shift / self._scale for axis, shift in zip(self._photo, shift_px, strict=True))
        projected = (points - self._axis) * self._scale + self._middle + shift_px
        return _sample(photograph, x, y), projected.astype(np.float32)

    def turned(self, yaw_deg: float) -> tuple[Image, Floats]:
        """Render the face turned to the image's right (negative: left) by at most MAX_YAW_DEG, with its points."""
        cos, sin = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
        x, y = self._photo
        across = x - self._axis[0]
        target_x = across * cos + self._depth_map * sin  # target x of each pixel; inverted row by row
        source_x = np.stack([np.interp(at, row, start) for at, row, start in zip(across, target_x, x, strict=True)])
        points = self._puppet.points - self._axis
        projected = np.column_stack([points[:, 0] * cos + self._depth * sin, points[:, 1]])
        return _sample(self._puppet.image, source_x, y), (projected * self._scale + self._middle).astype(np.float32)


def _sample(photograph: Image, x: Array, y: Array) -> Image:
    """Sample the enlarged photograph at photograph coordinates (H, W)."""
    map_x, map_y = (((axis + 0.5) * SCALE - 0.5).astype(np.float32) for axis in (x, y))
    sampled = cv2.remap(photograph, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.uint8)
