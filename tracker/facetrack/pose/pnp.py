"""The head's pose from its 68 points: a rigid model of an average head, seen through a pinhole camera (PnP).

Only the corners of the eyes and the nose take part: they stay put when the face talks or blinks.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.angles import euler_deg
from facetrack.head_model import RIGID_MODEL_MM, linear_fit, orthogonal_rows
from facetrack.topology import RIGID
from facetrack.types import CameraModel, Floats, Pose

Array = NDArray[np.float64]

WEBCAM = CameraModel()
"""Camera that is assumed where nothing is known."""
MAX_ERROR = 0.25
"""Reprojection error (rms) over the spread (rms radius) of the rigid points above which they are no face."""
MAX_TURN_DEG = 100.0
"""A head turned further shows neither eye; a solution out there is a wrong one."""

_MODEL_MEAN = RIGID_MODEL_MM.mean(axis=0)
_FIT = linear_fit(RIGID_MODEL_MM)
RIGID_POINTS = np.array(RIGID)
_REFINEMENT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 3, 1e-7)


def head_pose(points: Floats, image_size: tuple[int, int], camera: CameraModel = WEBCAM) -> Pose | None:
    """(68, 2) px -> Pose, or None when the points fit no head in front of the camera.

    image_size: (width, height) px. camera: what is known of its lens.

    The start is the weak-perspective pose (POS of DeMenthon and Davis, 1995): linear, and since the nose sticks out of
    the plane of the eyes it has one solution only, so a frontal face cannot flip between two. Levenberg-Marquardt
    on the reprojection error refines it. Angles are relative to the camera's optical axis.
    """
    matrix, centre, stretch, focal = pinhole(image_size, camera)
    seen = points.take(RIGID_POINTS, axis=0) - centre  # from the principal point
    if stretch != 1.0:  # as a camera with square pixels would see it
        seen *= (1.0, stretch)
    *slopes, (middle_x, middle_y) = (_FIT @ seen).tolist()
    spread_px = math.sqrt(max(float(np.vdot(seen, seen)) / len(seen) - middle_x**2 - middle_y**2, 0.0))
    if not (math.isfinite(spread_px) and spread_px > 1.0):
        return None
    start = _weak_perspective(slopes, (middle_x, middle_y), focal)
    if start is None:
        return None
    rvec, tvec = cv2.solvePnPRefineLM(RIGID_MODEL_MM, seen, matrix, None, *start, _REFINEMENT)
    rotation, translation = float64(cv2.Rodrigues(rvec)[0]), float64(tvec.ravel())
    if not _plausible(rotation, translation, seen, focal, MAX_ERROR * spread_px):
        return None
    yaw, pitch, roll = euler_deg(rotation)
    return Pose(rotation, translation, yaw, pitch, roll)


@functools.lru_cache(maxsize=64)
def pinhole(size: tuple[int, int], camera: CameraModel) -> tuple[Array, Array, float, float]:
    """Camera matrix (3, 3) for points relative to the principal point, that point (2,), fx / fy, and fx, px."""
    fx, fy, cx, cy = camera.intrinsics(size)
    return np.diag((fx, fx, 1.0)), np.array((cx, cy)), fx / fy, fx


def _weak_perspective(
    slopes: list[list[float]], middle: tuple[float, float], focal: float
) -> tuple[Array, Array] | None:
    """Solve POS: slopes of the image coordinates and the points' middle -> rotation vector and translation, or None.

    slopes: least-squares, along the model's axes, (3, 2). middle: px from the principal point. Returns (3, 1) and
    (3, 1).
    """
    rows = orthogonal_rows(slopes)
    if rows is None:
        return None
    (x0, x1, x2), (y0, y1, y2), scale = rows
    rotation = np.array(((x0, x1, x2), (y0, y1, y2), (x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0)))
    depth = focal / scale
    translation = np.array((middle[0] * depth / focal, middle[1] * depth / focal, depth)) - rotation @ _MODEL_MEAN
    return float64(cv2.Rodrigues(rotation)[0]), translation.reshape(3, 1)


def float64(array: NDArray[Any]) -> Array:
    """OpenCV's stubs know no element types."""
    return np.asarray(array, dtype=np.float64)


def _plausible(rotation: Array, translation: Array, seen: Array, focal: float, max_error_px: float) -> bool:
    """Whether the head is in front of the camera, faces it, and explains the points."""
    place = RIGID_MODEL_MM @ rotation.T + translation
    depth = place[:, 2:]
    # A comparison with NaN is False.
    if not depth.min() > 0.0:
        return False
    # Against the line of sight, not the optical axis: a head at the edge of a wide picture is seen from the side.
    (_, _, a), (_, _, b), (_, _, c) = rotation.tolist()
    x, y, z = translation.tolist()
    if not (a * x + b * y + c * z) / math.hypot(x, y, z) >= math.cos(math.radians(MAX_TURN_DEG)):
        return False
    off = place[:, :2] * (focal / depth) - seen
    return math.sqrt(float(np.vdot(off, off)) / len(seen)) <= max_error_px
