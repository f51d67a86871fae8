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

HEAD_MODEL_MM: Array = np.array(
    [
        (-73.6, -3.3, 52.4), (-72.8, 18.5, 49.7), (-69.4, 38.0, 43.7), (-65.6, 57.0, 37.3),
        (-57.2, 78.3, 27.7), (-43.0, 95.5, 15.5), (-30.5, 102.5, 1.3), (-15.4, 106.0, -13.7),
        (0.0, 109.1, -15.3), (15.4, 106.0, -13.7), (30.5, 102.5, 1.3), (43.0, 95.5, 15.5),
        (57.2, 78.3, 27.7), (65.6, 57.0, 37.3), (69.4, 38.0, 43.7), (72.8, 18.5, 49.7), (73.6, -3.3, 52.4),
        (-58.2, -18.6, 9.9), (-49.3, -26.3, -0.9), (-37.9, -29.1, -9.3), (-24.1, -28.5, -15.8), (-11.7, -25.7, -18.3),
        (11.7, -25.7, -18.3), (24.1, -28.5, -15.8), (37.9, -29.1, -9.3), (49.3, -26.3, -0.9), (58.2, -18.6, 9.9),
        (0.0, -4.0, -18.4), (0.0, 7.1, -26.2), (0.0, 17.3, -34.1), (0.0, 30.5, -41.7),
        (-15.5, 42.5, -18.0), (-7.0, 44.8, -24.5), (0.0, 45.5, -26.7), (7.0, 44.8, -24.5), (15.5, 42.5, -18.0),
        (-44.6, -0.9, 3.0), (-38.7, -5.3, -4.6), (-27.8, -5.9, -6.3), (-18.4, 0.9, -3.0), (-27.3, 2.6, -5.1),
        (-38.6, 2.7, -3.3), (18.4, 0.9, -3.0), (27.8, -5.9, -6.3), (38.7, -5.3, -4.6), (44.6, -0.9, 3.0),
        (38.6, 2.7, -3.3), (27.3, 2.6, -5.1),
        (-25.3, 68.6, -12.9), (-17.0, 61.2, -23.2), (-7.3, 57.6, -28.3), (0.0, 58.2, -29.4), (7.3, 57.6, -28.3),
        (17.0, 61.2, -23.2), (25.3, 68.6, -12.9), (18.0, 74.0, -20.0), (10.3, 76.4, -24.9), (0.0, 77.2, -26.5),
        (-10.3, 76.4, -24.9), (-18.0, 74.0, -20.0), (-22.1, 68.3, -12.3), (-10.0, 66.4, -21.9), (0.0, 66.7, -23.8),
        (10.0, 66.4, -21.9), (22.1, 68.3, -12.3), (10.7, 67.2, -21.4), (0.0, 67.4, -23.5), (-10.7, 67.2, -21.4),
    ]
)  # fmt: skip
"""(68, 3) mm in the head's own axes (x the person's left, y down, z into the head), origin midway between the corners
of the eyes: the mean face of USC's ICT-FaceKit (Li et al., CVPR 2020; MIT licence), the rigid points as in
RIGID_MODEL_MM."""

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
