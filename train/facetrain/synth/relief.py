"""The bundled photograph as a relief that can be turned: a head whose motion is known, from the package alone.

Every pixel gets a depth, interpolated from those of the 68 points; the relief turns about a vertical axis between the
ears and is seen in parallel projection, so a row of the picture stays a row and only x changes:
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
"""(68,) mm towards the camera from the plane of the eye corners, and the distance between the outer ones: the mean face
of USC's ICT-FaceKit (Li et al., CVPR 2020; MIT licence), rounded."""
EARS = [topology.JAW[0], topology.JAW[-1]]
EYE_PX = 66.0
"""Between the outer eye corners in the photograph as it is: a face some 70 cm from a webcam of 640 px."""
MAX_YAW_DEG = 18.0
"""Turned further, the nose would hide skin, and a row of the picture would no longer stay in order."""


class Relief:
    """The photograph in a frame, turned, moved and blinking.

    size: (width, height) px of the frame. eye_px: distance between the outer eye corners, seen from the front.
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
        # Of every frame pixel of the face seen from the front: where it lies in the photograph, and how deep.
        columns, rows = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        self._photo = tuple(
            (np.stack([columns, rows]) - self._middle[:, None, None]) / self._scale + self._axis[:, None, None]
        )
        self._depth_map = self._depths()

    def _depths(self) -> Array:
        """(H, W) depth in photograph px of every frame pixel: the face's, and none outside of the hair."""
        points = self._puppet.points
        centre, reach = points.mean(axis=0), np.ptp(points, axis=0).max()
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        rims = [centre + reach * radius * circle for radius in (1.0, 1.5, 2.5)]
        centres = np.concatenate([points, *rims])
        depths = np.concatenate([self._depth, np.zeros(len(centres) - len(points))])[:, None]
        step = 8  # the spline is smooth: every eighth pixel, the rest in between
        coarse = np.stack([axis[::step, ::step] for axis in self._photo], axis=-1)
        depth = thin_plate(centres, depths, coarse.reshape(-1, 2)).reshape(coarse.shape[:2])
        away = np.linalg.norm(coarse - centre, axis=-1) / reach
        depth *= np.clip(2.0 - away, 0.0, 1.0)
        y, x = np.indices(self._photo[0].shape, np.float32) / step
        return np.asarray(cv2.remap(depth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float64)

    def still(self, shift_px: tuple[float, float] = (0.0, 0.0), closure: float = 0.0) -> tuple[Image, Floats]:
        """Seen from the front: a frame (H, W, 3) uint8 BGR and its points (68, 2) px.

        shift_px: of the whole picture. closure: of the lids, 0 open to 1 closed.
        """
        patch, points = self._puppet.pose(closure, 0.0)
        picture = self._puppet.image.copy()
        x0, y0, x1, y1 = (SCALE * edge for edge in PATCH)
        picture[y0:y1, x0:x1] = patch
        x, y = (axis - shift / self._scale for axis, shift in zip(self._photo, shift_px, strict=True))
        seen = (points - self._axis) * self._scale + self._middle + shift_px
        return _film(picture, x, y), seen.astype(np.float32)

    def turned(self, yaw_deg: float) -> tuple[Image, Floats]:
        """The face turned to the picture's right (negative: left) by at most MAX_YAW_DEG: a frame and its points."""
        cos, sin = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
        x, y = self._photo
        across = x - self._axis[0]
        to = across * cos + self._depth_map * sin  # where each pixel goes; inverted row by row
        back = np.stack([np.interp(wanted, row, start) for wanted, row, start in zip(across, to, x, strict=True)])
        points = self._puppet.points - self._axis
        seen = np.column_stack([points[:, 0] * cos + self._depth * sin, points[:, 1]])
        return _film(self._puppet.image, back, y), (seen * self._scale + self._middle).astype(np.float32)


def _film(picture: Image, x: Array, y: Array) -> Image:
    """The enlarged picture at photograph coordinates (H, W)."""
    map_x, map_y = (((axis + 0.5) * SCALE - 0.5).astype(np.float32) for axis in (x, y))
    filmed = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(filmed, dtype=np.uint8)
