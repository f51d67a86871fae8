"""Direction of each eye in the head by the look that the eye network gives relative to the line of sight to the eye.

Appearance alone, as in Wood et al. (Learning an appearance-based gaze estimator from one million synthesised images,
ETRA 2016): what the network learnt of rendered eyes needs no place of the eyeball and no corners to lie right.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from facetrack.gaze.eyeball import LEAST_COSINE, Intrinsics
from facetrack.types import EyeGaze, EyesReading, Pose

Array = NDArray[np.float64]


def sight_axes(place: NDArray[np.floating]) -> Array:
    """Return the (3, 3) rotation from the camera's axes to those of the line of sight to a place, (3,), which is z.

    x stays level in the picture.
    """
    x, y, z = np.asarray(place, np.float64).tolist()
    level, length = math.hypot(x, z), math.sqrt(x * x + y * y + z * z)
    return np.array(
        [[z / level, 0.0, -x / level], [-x * y / (level * length), level / length, -y * z / (level * length)],
         [x / length, y / length, z / length]]
    )  # fmt: skip


def seen_look(reading: EyesReading, side: int, pose: Pose, intrinsics: Intrinsics) -> EyeGaze | None:
    """Return where an eye looks in the head, by `EyesReading.gaze`; None where that is not given."""
    gx, gy = reading.gaze[side].tolist()
    if not math.isfinite(gx + gy):
        return None
    fx, fy, cx, cy = intrinsics
    (ax, ay), (bx, by) = reading.contour[side, (0, 3)].tolist()
    u, v = ((ax + bx) / 2 - cx) / fx, ((ay + by) / 2 - cy) / fy
    across = math.hypot(gx, gy)
    if across > 1.0:
        gx, gy, across = gx / across, gy / across, 1.0
    gz = -math.sqrt(1.0 - across * across)
    # The rows of `sight_axes`, in plain numbers: a tenth of the time of arrays.
    level, length = math.sqrt(u * u + 1.0), math.sqrt(u * u + v * v + 1.0)
    x = gx / level - gy * u * v / (level * length) + gz * u / length
    y = gy * level / length + gz * v / length
    z = -gx * u / level - gy * v / (level * length) + gz / length
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = pose.rotation.tolist()
    hx, hy, hz = r00 * x + r10 * y + r20 * z, r01 * x + r11 * y + r21 * z, r02 * x + r12 * y + r22 * z
    return EyeGaze(
        math.degrees(math.atan2(hx, -hz)), math.degrees(math.asin(max(-1.0, min(1.0, -hy)))),
        math.degrees(float(reading.gaze_sigma[side]) / max(-gz, LEAST_COSINE)),
    )  # fmt: skip
