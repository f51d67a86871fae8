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
from facetrack.types import Floats, Pose

Array = NDArray[np.float64]

DEFAULT_FOV_DEG = 60.0
"""Assumed horizontal field of view: webcams and phones lie between 55 and 75 degrees."""
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
_RIGID = np.array(RIGID)
_REFINEMENT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 3, 1e-7)


def focal_from_fov(width_px: float, fov_deg: float = DEFAULT_FOV_DEG) -> float:
    """Focal length in px of a camera that sees fov_deg across width_px."""
    return width_px / 2.0 / math.tan(math.radians(fov_deg) / 2.0)


def head_pose(points: Floats, image_size: tuple[int, int], focal_px: float | None = None) -> Pose | None:
    """(68, 2) px -> Pose, or None when the points fit no head in front of the camera.

    image_size: (width, height) px; the principal point is taken at its centre. focal_px: from a calibration, or None
    for DEFAULT_FOV_DEG across the longer side (so that a camera held upright keeps its lens).

    The start is the weak-perspective pose (POS of DeMenthon and Davis, 1995): linear, and since the nose sticks out of
    the plane of the eyes it has one solution only, so a frontal face cannot flip between two. Levenberg-Marquardt
    on the reprojection error refines it. Angles are relative to the camera's optical axis.
    """
    width, height = image_size
    focal = focal_px if focal_px is not None else focal_from_fov(max(width, height))
    centre = np.array([(width - 1) / 2.0, (height - 1) / 2.0])
    seen = np.asarray(points, dtype=np.float64)[_RIGID]
    spread_px = float(np.sqrt(((seen - seen.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if not (np.isfinite(spread_px) and spread_px > 1.0):
        return None
    start = _weak_perspective(seen - centre, focal)
    if start is None:
        return None
    camera = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
    rvec, tvec = cv2.solvePnPRefineLM(RIGID_MODEL_MM, seen, camera, None, *start, _REFINEMENT)
    rotation, translation = _float64(cv2.Rodrigues(rvec)[0]), _float64(tvec.ravel())
    if not _plausible(rotation, translation, seen - centre, focal, MAX_ERROR * spread_px):
        return None
    yaw, pitch, roll = euler_deg(rotation)
    return Pose(rotation, translation, yaw, pitch, roll)


@functools.cache
def _model_pseudo_inverse() -> Array:
    """(3, 13): image coordinates of the points -> the first rows of the scaled rotation, by least squares."""
    return np.linalg.pinv(RIGID_MODEL_MM - _MODEL_MEAN)


def _weak_perspective(seen: Array, focal: float) -> tuple[Array, Array] | None:
    """POS: points (13, 2) px from the principal point -> rotation vector (3, 1) and translation (3, 1), or None."""
    mean = seen.mean(axis=0)
    rows = (_model_pseudo_inverse() @ (seen - mean)).T  # (2, 3): scaled first two rows of the rotation
    lengths = np.sqrt((rows**2).sum(axis=1))
    if lengths.min() < 1e-9:
        return None
    # Two unit rows are made orthogonal evenly: their sum and their difference are, and x, y lie midway between those.
    unit = rows / lengths[:, None]
    along, across = unit[0] + unit[1], unit[0] - unit[1]
    lengths_sum, lengths_difference = math.sqrt(2.0 * along @ along), math.sqrt(2.0 * across @ across)
    if min(lengths_sum, lengths_difference) < 1e-6:
        return None  # all points on one line
    along, across = along / lengths_sum, across / lengths_difference
    x, y = along + across, along - across
    z = (x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0])
    rotation = np.array([x, y, z])
    depth = focal / float(lengths.mean())
    translation = np.array([*(mean * depth / focal), depth]) - rotation @ _MODEL_MEAN
    return _float64(cv2.Rodrigues(rotation)[0]), translation.reshape(3, 1)


def _float64(array: NDArray[Any]) -> Array:
    """OpenCV's stubs know no element types."""
    return np.asarray(array, dtype=np.float64)


def _plausible(rotation: Array, translation: Array, seen: Array, focal: float, max_error_px: float) -> bool:
    """Whether the head is in front of the camera, faces it, and explains the points."""
    in_camera = RIGID_MODEL_MM @ rotation.T + translation
    if not np.isfinite(in_camera).all() or in_camera[:, 2].min() <= 0:
        return False
    # Against the line of sight, not the optical axis: a head at the edge of a wide picture is seen from the side.
    to_camera = -translation / np.linalg.norm(translation)
    if float(-rotation[:, 2] @ to_camera) < math.cos(math.radians(MAX_TURN_DEG)):
        return False
    error = focal * in_camera[:, :2] / in_camera[:, 2:] - seen
    return bool(np.sqrt((error**2).sum(axis=1).mean()) <= max_error_px)
