"""3-D points of a face: an average head under the pose, drawn to where the picture shows each point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.head_model import HEAD_MODEL_MM
from facetrack.topology import LEFT_EYE_INNER, LEFT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER, RIGID
from facetrack.types import Face

Array = NDArray[np.float64]

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
