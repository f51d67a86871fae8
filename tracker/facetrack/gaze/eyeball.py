"""Direction of each eye in the head: its iris on an eyeball that is held by the head's pose and the eye's corners.

The eyeball is a sphere about the eye's centre of rotation, on which the centre of the iris moves (Wang and Sung, Study
on eye gaze estimation, IEEE Trans. Systems, Man and Cybernetics B 32, 2002; Wood and Bulling, EyeTab, ETRA 2014). Its
centre lies at a fixed place behind the middle of the eye's corners, which are taken from the picture at the depth of
the posed head, so that errors of the pose's position cancel. The line of sight through the iris meets the sphere
there where the iris is.
"""

from __future__ import annotations

import math

import numpy as np

from facetrack import compiled
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.types import EyeGaze, EyesReading, Pose
from facetrack.types.eyes import MAX_COVERED

Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in px."""
TURN_MM = 10.4
"""From an eye's centre of rotation to the iris as it is seen: 13.5 mm to the front of the cornea less 3.05 to the
entrance pupil (Atchison and Smith, Optics of the Human Eye, 2000; Fry and Hill, Am. J. Optometry 39, 1962)."""
UP_MM = 2.0
"""How far the iris of an eye that looks straight ahead lies above the middle of the eye's corners: .07 of the eye's
width, the median of 2406 hand-labelled pictures of scut_eyes' training part."""
FORWARD_MM = 4.3
"""How far it lies before that middle: 7.4 mm to the front of the cornea in ICT-FaceKit's mean head, less 3.05."""
LEAST_COSINE = 0.3
"""Cosine between gaze and line of sight below which an iris's error grows no further."""
_CORNERS_MM = (RIGID_MODEL_MM[:2].tolist(), RIGID_MODEL_MM[2:4].tolist())
"""Corners of the right and of the left eye in the head's axes, in the order of the 68."""
_CORNERS = np.array(_CORNERS_MM)
_OFFSET_MM = (0.0, -UP_MM, TURN_MM - FORWARD_MM)
"""From the middle of the corners to the eyeball's centre, in the head's axes."""


def eyes_in_head(
    reading: EyesReading | None, pose: Pose | None, intrinsics: Intrinsics
) -> tuple[EyeGaze | None, EyeGaze | None]:
    """Return where the right and the left eye look in the head; None for one that is covered or unknown.

    intrinsics: of the camera whose picture was read. Lids are not looked at: a shut eye's iris is a guess of the
    network, which says so by its sigma.
    """
    if reading is None or pose is None:
        return None, None
    if compiled.kernels is not None:
        looks = compiled.kernels.eyes_in_head(
            reading.contour, reading.iris, reading.contour_sigma, reading.iris_sigma, reading.covered, pose.rotation,
            pose.translation_mm, _CORNERS, *intrinsics, *_OFFSET_MM, TURN_MM, LEAST_COSINE, MAX_COVERED,
        )  # fmt: skip
        right, left = (None if look is None else EyeGaze(*look) for look in looks)
        return right, left
    right, left = (_eye(reading, side, pose, intrinsics) for side in (0, 1))
    return right, left


def _eye(reading: EyesReading, side: int, pose: Pose, intrinsics: Intrinsics) -> EyeGaze | None:
    if not float(reading.covered[side]) <= MAX_COVERED:
        return None
    fx, fy, cx, cy = intrinsics
    iris_x, iris_y = reading.iris[side].tolist()
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = pose.rotation.tolist()
    _, _, away_mm = pose.translation_mm.tolist()
    ox, oy, oz = _OFFSET_MM
    # The eyeball's centre, and the line of sight through the iris, in the camera's axes.
    a, b, c = r00 * ox + r01 * oy + r02 * oz, r10 * ox + r11 * oy + r12 * oz, r20 * ox + r21 * oy + r22 * oz
    depth = 0.0
    for (x, y, z), (px, py) in zip(_CORNERS_MM[side], reading.contour[side, (0, 3)].tolist(), strict=True):
        half_mm = (r20 * x + r21 * y + r22 * z + away_mm) / 2.0
        a, b, depth = a + half_mm * (px - cx) / fx, b + half_mm * (py - cy) / fy, depth + half_mm
    c += depth
    u, v = (iris_x - cx) / fx, (iris_y - cy) / fy
    length = math.sqrt(u * u + v * v + 1.0)
    u, v, w = u / length, v / length, 1.0 / length
    along = a * u + b * v + c * w
    left_over = TURN_MM * TURN_MM - (a * a + b * b + c * c - along * along)
    if not (math.isfinite(left_over) and depth > 0.0):
        return None
    near = along - math.sqrt(max(left_over, 0.0))
    gx, gy, gz = near * u - a, near * v - b, near * w - c  # from the centre to the iris; beside the sphere, towards it
    long = math.sqrt(gx * gx + gy * gy + gz * gz)
    cosine = max(-(gx * u + gy * v + gz * w) / long, LEAST_COSINE)
    hx, hy, hz = r00 * gx + r10 * gy + r20 * gz, r01 * gx + r11 * gy + r21 * gz, r02 * gx + r12 * gy + r22 * gz
    sigma_outer, sigma_inner = reading.contour_sigma[side, (0, 3)].tolist()
    sigma_px = math.sqrt(float(reading.iris_sigma[side]) ** 2 + (sigma_outer**2 + sigma_inner**2) / 4.0)
    return EyeGaze(
        math.degrees(math.atan2(hx, -hz)),
        math.degrees(math.asin(max(-1.0, min(1.0, -hy / long)))),
        math.degrees(sigma_px * depth / fx / (TURN_MM * cosine)),
    )
