"""Direction of each eye in the head: its iris on an eyeball that is held by the head's pose and the eye's corners.

The eyeball is a sphere about the eye's centre of rotation, on which the centre of the iris moves (Wang and Sung, Study
on eye gaze estimation, IEEE Trans. Systems, Man and Cybernetics B 32, 2002; Wood and Bulling, EyeTab, ETRA 2014). Its
centre lies at a fixed place behind the middle of the eye's corners, which are taken from the picture at the depth of
the posed head, so that errors of the pose's position cancel. The line of sight through the iris meets the sphere
there where the iris is.
"""

from __future__ import annotations

import math

from facetrack.head_model import RIGID_MODEL_MM
from facetrack.types import EyeGaze, EyesReading, Pose

Intrinsics = tuple[float, float, float, float]
"""fx, fy, cx, cy in px."""
TURN_MM = 10.4
"""From an eye's centre of rotation to the iris as it is seen: 13.5 mm to the front of the cornea less 3.05 to the
entrance pupil (Atchison and Smith, Optics of the Human Eye, 2000; Fry and Hill, Am. J. Optometry 39, 1962)."""
UP_MM, OUT_MM = 2.5, 0.9
"""How far the iris of an eye that looks straight ahead lies above the middle of the eye's corners, and outwards of it:
2.5 and 1.0 mm in ICT-FaceKit's mean head, on which the pose's corners lie; 2.6 to 2.7 and .4 to 1.1 in 12,760 eyes of
photographs of people (helen_train, expressions, ytfaces_train; MediaPipe's irises), most of whom look into the camera;
1.9 and 0 by hand in scut_eyes' training part (4804 pupils)."""
FORWARD_MM = 4.3
"""How far it lies before that middle: 7.4 mm to the front of the cornea in that mean head, less 3.05."""
LEAST_COSINE = 0.3
"""Cosine between gaze and line of sight below which an iris's error grows no further."""
_CORNERS_MM = (RIGID_MODEL_MM[:2].tolist(), RIGID_MODEL_MM[2:4].tolist())
"""Corners of the right and of the left eye in the head's axes, in the order of the 68."""
_OFFSETS_MM = ((-OUT_MM, -UP_MM, TURN_MM - FORWARD_MM), (OUT_MM, -UP_MM, TURN_MM - FORWARD_MM))
"""From the middle of the right and the left eye's corners to the eyeball's centre, in the head's axes."""


def eyeball_look(reading: EyesReading, side: int, pose: Pose, intrinsics: Intrinsics) -> EyeGaze | None:
    """Return where an eye looks in the head by its iris; None where the eyeball does not fit. Lids are not looked at.

    side: 0 the right eye, 1 the left. intrinsics: of the camera whose picture was read.
    """
    fx, fy, cx, cy = intrinsics
    iris_x, iris_y = reading.iris[side].tolist()
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = pose.rotation.tolist()
    _, _, away_mm = pose.translation_mm.tolist()
    ox, oy, oz = _OFFSETS_MM[side]
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
