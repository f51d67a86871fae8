"""Average head's rigid points, and its weak-perspective attitude from points of an image (POS)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facetrack.topology import N_POINTS, RIGID

Array = NDArray[np.float64]

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

KEYPOINT_MODEL_MM: Array = np.array(
    [(-32.6, -1.0, -3.2), (32.6, -1.0, -3.2), (0.0, 30.5, -41.7), (-25.3, 68.6, -12.9), (25.3, 68.6, -12.9)]
)
"""(5, 3) mm, in the order of topology.FIVE_POINTS: eye centres, nose tip, mouth corners of the same mean face."""


def linear_fit(model: Array) -> Array:
    """(K, 3) model -> (4, K): image coordinates of its points -> slopes along the model's axes (3 rows), mean (1 row).

    The slopes are the first two rows of the scaled rotation, transposed, by least squares.
    """
    return np.vstack([np.linalg.pinv(model - model.mean(axis=0)), np.full((1, len(model)), 1.0 / len(model))])


def orthogonal_rows(slopes: Sequence[Sequence[float]]) -> tuple[list[float], list[float], float] | None:
    """Return the first two rows of the rotation and its scale from slopes (3, 2), or None if they do not define one.

    The weak-perspective attitude of POS (DeMenthon and Davis, 1995). Plain numbers, since NumPy takes ten times as long
    over so few.
    """
    (a0, b0), (a1, b1), (a2, b2) = slopes
    length_a, length_b = math.sqrt(a0 * a0 + a1 * a1 + a2 * a2), math.sqrt(b0 * b0 + b1 * b1 + b2 * b2)
    if not min(length_a, length_b) > 1e-9:  # also where they are NaN
        return None
    # Two unit rows are made orthogonal evenly: their sum and their difference are, and x, y lie midway between those.
    sums = (a0 / length_a + b0 / length_b, a1 / length_a + b1 / length_b, a2 / length_a + b2 / length_b)
    differences = (a0 / length_a - b0 / length_b, a1 / length_a - b1 / length_b, a2 / length_a - b2 / length_b)
    along, across = (math.sqrt(2.0 * sum(x * x for x in row)) for row in (sums, differences))
    if min(along, across) < 1e-6:
        return None  # all points on one line
    x = [s / along + d / across for s, d in zip(sums, differences, strict=True)]
    y = [s / along - d / across for s, d in zip(sums, differences, strict=True)]
    return x, y, (length_a + length_b) / 2.0


POINTS_FIT: Array = np.zeros((3, N_POINTS))
POINTS_FIT[:, list(RIGID)] = linear_fit(RIGID_MODEL_MM)[:3]
"""(3, 68): the slopes from all 68 points."""
KEYPOINTS_FIT: Array = linear_fit(KEYPOINT_MODEL_MM)[:3]
"""(3, 5): the slopes from the detector's keypoints."""


def roll_from_slopes(slopes: Sequence[Sequence[float]]) -> float:
    """Return the clockwise roll of the head's vertical axis in the image, radians, from slopes (3, 2); 0 without one.

    A profile's eyes lie one behind the other and have no direction in the image; this axis has one up to a pitch of 90
    degrees.
    """
    rows = orthogonal_rows(slopes)
    return 0.0 if rows is None else math.atan2(-rows[0][1], rows[1][1])
