"""3-D points of a face: an average head under the pose, drawn to where the picture shows each point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.topology import LEFT_EYE_INNER, LEFT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER, RIGID
from facetrack.types import Face

Array = NDArray[np.float64]

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
`pose.RIGID_MODEL_MM`."""

_RIGID = np.array(RIGID)
EYE_DEPTH = 0.385
"""Eyeball's centre behind the middle of the corners, as a share of their distance: OpenSeeFace's own rule."""
_CORNERS = ((RIGHT_EYE_OUTER, RIGHT_EYE_INNER), (LEFT_EYE_INNER, LEFT_EYE_OUTER))


@dataclass(frozen=True, slots=True, eq=False)
class HeadPoints:
    """The 68 points in the head's own axes.

    points_mm: (68, 3). error_px: rms distance in the picture between the rigid points and the posed head's.
    """

    points_mm: Array
    error_px: float


def head_points(face: Face) -> HeadPoints | None:
    """Return a face's points in 3-D; None without a pose, or where its rigid points lie on one spot.

    Each lies at the depth that the average head has there, on the line of sight through its place in the picture. The
    camera's focal length and centre are those with which the posed head fits the rigid points best (least squares).
    """
    pose = face.pose
    if pose is None:
        return None
    place = _turned(HEAD_MODEL_MM, pose.rotation)
    place += pose.translation_mm
    depth = place[:, 2:]
    if not depth.min() > 0.0:
        return None
    place[:, :2] /= depth  # now the slopes of the lines of sight
    marks = np.asarray(face.landmarks.points, np.float64)
    fit = _fit(place.take(_RIGID, axis=0).tolist(), marks.take(_RIGID, axis=0).tolist())
    if fit is None:
        return None
    focal_px, offset, error_px = fit
    np.multiply(marks / focal_px + offset, depth, out=place[:, :2])
    place -= pose.translation_mm
    return HeadPoints(_turned(place, pose.rotation.T), error_px)


def _turned(points: Array, rotation: Array) -> Array:
    """(N, 3) points, each times a (3, 3) rotation. Without BLAS, whose start costs more than so few numbers."""
    return np.asarray(np.add.reduce(points[:, None, :] * rotation, axis=2))


def _fit(sights: list[list[float]], points: list[list[float]]) -> tuple[float, tuple[float, float], float] | None:
    """Fit points = focal x (slopes - offset) by least squares.

    Returns the focal length (px), the offset to add to points / focal, and the rms error (px); None for one spot.
    """
    n, u, v, x, y, sight, both, point = len(sights), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for (a, b, _), (c, d) in zip(sights, points, strict=True):
        u, v, x, y = u + a, v + b, x + c, y + d
        sight += a * a + b * b
        both += a * c + b * d
        point += c * c + d * d
    sight, both, point = sight - (u * u + v * v) / n, both - (u * x + v * y) / n, point - (x * x + y * y) / n
    focal_px = both / max(sight, 1e-12)
    if not focal_px > 1e-6:
        return None
    offset = u / n - x / n / focal_px, v / n - y / n / focal_px
    return focal_px, offset, math.sqrt(max(point - focal_px * both, 0.0) / n)


def eyeballs_mm(points_mm: Array) -> Array:
    """(2, 3) mm: centres of the right and the left eyeball, in the axes of `points_mm`, behind the eyes' corners."""
    centres = np.empty((2, 3))
    for row, (a, b) in enumerate(_CORNERS):
        (ax, ay, az), (bx, by, bz) = points_mm[a].tolist(), points_mm[b].tolist()
        behind = EYE_DEPTH * math.dist((ax, ay, az), (bx, by, bz))
        centres[row] = (ax + bx) / 2.0, (ay + by) / 2.0, (az + bz) / 2.0 + behind
    return centres
