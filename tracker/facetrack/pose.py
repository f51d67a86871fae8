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
from facetrack.topology import RIGID
from facetrack.types import CameraModel, Floats, Pose

Array = NDArray[np.float64]

WEBCAM = CameraModel()
"""Camera that is assumed where nothing is known."""
MAX_ERROR = 0.25
"""Reprojection error (rms) over the spread (rms radius) of the rigid points above which they are no face."""
MAX_TURN_DEG = 100.0
"""A head turned further shows neither eye; a solution out there is a wrong one."""

RIGID_MODEL_MM: Array = np.array(
    [
        (-44.6, -0.9, 3.0), (-18.4, 0.9, -3.0), (18.4, 0.9, -3.0), (44.6, -0.9, 3.0),  # eye corners, right to left
        (0.0, -4.0, -18.4), (0.0, 7.1, -26.2), (0.0, 17.3, -34.1), (0.0, 30.5, -41.7),  # bridge of the nose to its tip
        (-15.5, 42.5, -18.0), (-7.0, 44.8, -24.5), (0.0, 45.5, -26.7), (7.0, 44.8, -24.5), (15.5, 42.5, -18.0),  # base
    ]
)  # fmt: skip
"""(13, 3) mm, in the order of topology.RIGID: the head's own axes are the camera's when it looks straight into it (x to
the picture's right, y down, z into the head), the origin midway between the four eye corners.

Measured at these landmarks on the mean face of USC's ICT-FaceKit (Li et al., CVPR 2020; MIT licence), whose 89 mm
between the outer corners lie between the 88 (women) and 91 mm (men) of Farkas (Anthropometry of the Head and Face,
1994). Two changes, since its vertices lie elsewhere than the points in photographs, made after a look at the mean
reprojection residuals over labelled training photographs: the wings of the nose, which it has at the nostrils, are set
out to Farkas's width of 31 mm, and the tip is 1 mm lower."""

_MODEL_MEAN = RIGID_MODEL_MM.mean(axis=0)
_FIT = np.vstack([np.linalg.pinv(RIGID_MODEL_MM - _MODEL_MEAN), np.full((1, len(RIGID)), 1.0 / len(RIGID))])
"""(4, 13): image coordinates of the points -> the first rows of the scaled rotation, by least squares, and their
middle."""
_RIGID = np.array(RIGID)
_REFINEMENT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 3, 1e-7)


def head_pose(points: Floats, image_size: tuple[int, int], camera: CameraModel = WEBCAM) -> Pose | None:
    """(68, 2) px -> Pose, or None when the points fit no head in front of the camera.

    image_size: (width, height) px. camera: what is known of its lens.

    The start is the weak-perspective pose (POS of DeMenthon and Davis, 1995): linear, and since the nose sticks out of
    the plane of the eyes it has one solution only, so a frontal face cannot flip between two. Levenberg-Marquardt
    on the reprojection error refines it. Angles are relative to the camera's optical axis.
    """
    matrix, centre, stretch, focal = _pinhole(image_size, camera)
    seen = points.take(_RIGID, axis=0) - centre  # from the principal point
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
    rotation, translation = _float64(cv2.Rodrigues(rvec)[0]), _float64(tvec.ravel())
    if not _plausible(rotation, translation, seen, focal, MAX_ERROR * spread_px):
        return None
    yaw, pitch, roll = euler_deg(rotation)
    return Pose(rotation, translation, yaw, pitch, roll)


@functools.lru_cache(maxsize=64)
def _pinhole(size: tuple[int, int], camera: CameraModel) -> tuple[Array, Array, float, float]:
    """Camera matrix (3, 3) for points relative to the principal point, that point (2,), fx / fy, and fx, px."""
    fx, fy, cx, cy = camera.intrinsics(size)
    return np.diag((fx, fx, 1.0)), np.array((cx, cy)), fx / fy, fx


def _weak_perspective(
    slopes: list[list[float]], middle: tuple[float, float], focal: float
) -> tuple[Array, Array] | None:
    """Solve POS: slopes of the image coordinates and the points' middle -> rotation vector and translation, or None.

    slopes: least-squares, along the model's axes, (3, 2). middle: px from the principal point. Returns (3, 1) and
    (3, 1). Plain numbers, since NumPy takes ten times as long over so few.
    """
    # Scaled first two rows of the rotation.
    (a0, b0), (a1, b1), (a2, b2) = slopes
    length_a, length_b = math.sqrt(a0 * a0 + a1 * a1 + a2 * a2), math.sqrt(b0 * b0 + b1 * b1 + b2 * b2)
    if min(length_a, length_b) < 1e-9:
        return None
    # Two unit rows are made orthogonal evenly: their sum and their difference are, and x, y lie midway between those.
    sums = (a0 / length_a + b0 / length_b, a1 / length_a + b1 / length_b, a2 / length_a + b2 / length_b)
    differences = (a0 / length_a - b0 / length_b, a1 / length_a - b1 / length_b, a2 / length_a - b2 / length_b)
    along, across = (math.sqrt(2.0 * sum(x * x for x in row)) for row in (sums, differences))
    if min(along, across) < 1e-6:
        return None  # all points on one line
    x0, x1, x2 = (s / along + d / across for s, d in zip(sums, differences, strict=True))
    y0, y1, y2 = (s / along - d / across for s, d in zip(sums, differences, strict=True))
    rotation = np.array(((x0, x1, x2), (y0, y1, y2), (x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0)))
    depth = focal / ((length_a + length_b) / 2.0)
    translation = np.array((middle[0] * depth / focal, middle[1] * depth / focal, depth)) - rotation @ _MODEL_MEAN
    return _float64(cv2.Rodrigues(rotation)[0]), translation.reshape(3, 1)


def _float64(array: NDArray[Any]) -> Array:
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
