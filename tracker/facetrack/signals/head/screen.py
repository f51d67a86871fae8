"""Gaze on the screen: five points that a person looked at, and the map from a line of sight to the screen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.angles import Angles
from facetrack.types import Pose

Array = NDArray[np.float64]
Row = tuple[float, float, float]

SCREEN_MM = (400.0, 240.0)
"""Size of the screen that the map begins at, a choice of this project: a laptop's or a desk's lie within a factor of
1.6 of it."""
PRIOR_SHARE = 0.5
"""Standard deviation of the map's slopes, as a share of those of that screen."""
POINT_SHARE = 0.05
"""Standard deviation of one point's place on the screen: 2 degrees at .6 m."""


@dataclass(frozen=True, slots=True)
class GazeCalibration:
    """What five points on the screen showed of one person's eyes before one camera.

    right_deg, left_deg: yaw and pitch in the head of each eye that looks at the middle of the screen; None for an eye
        that was not seen. to_screen: two rows (constant, per mm to the picture's right, per mm down): from where the
        line of sight meets the camera's plane to the place on the screen, shares of its width and height from the top
        left. sigma_deg: standard deviation of one point that the map was fitted without.
    Raises ValueError for values that are no finite numbers, and without either eye.
    """

    right_deg: Angles | None
    left_deg: Angles | None
    to_screen: tuple[Row, Row]
    sigma_deg: float

    def __post_init__(self) -> None:
        if self.right_deg is None and self.left_deg is None:
            raise ValueError("neither eye is known")
        eyes, (first, second) = (*(self.right_deg or ()), *(self.left_deg or ())), self.to_screen
        numbers = [*eyes, *first, *second, self.sigma_deg]
        if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in numbers):
            raise ValueError(f"{numbers} are not all finite numbers")

    def on_screen(self, camera_deg: Angles, pose: Pose) -> Angles:
        """Return the place on the screen, shares from its top left; beyond 0..1 beside it."""
        x_mm, y_mm = on_camera_plane(camera_deg, pose)
        (a, b, c), (d, e, f) = self.to_screen
        return a + b * x_mm + c * y_mm, d + e * x_mm + f * y_mm


def on_camera_plane(camera_deg: Angles, pose: Pose) -> Angles:
    """Return where the line of sight from between the eyes meets the plane of the camera's lens, mm right and down.

    camera_deg: yaw and pitch of the gaze against the camera's axis, at which the plane is reached in front alone: they
    are cut at 80 degrees.
    """
    x_mm, y_mm, z_mm = pose.translation_mm.tolist()
    yaw, pitch = (math.radians(max(-80.0, min(80.0, angle))) for angle in camera_deg)
    return x_mm + z_mm * math.tan(yaw), y_mm - z_mm * math.tan(pitch) / math.cos(yaw)


def fit_screen(places: Array, targets: Array) -> tuple[Row, Row]:
    """Fit `GazeCalibration.to_screen` by a regularised least-squares fit.

    places: (N, 2) mm, `on_camera_plane` of what was looked at. targets: (N, 2) shares of the screen.
    The prior is a screen of SCREEN_MM below the camera, whose left is the picture's right; as of a Gaussian prior
    (Bishop, Pattern Recognition and Machine Learning, 2006, 3.3), each slope is weighed by PRIOR_SHARE against
    POINT_SHARE. The constants have none.
    """
    rows: list[Row] = []
    middle = places.mean(axis=0)
    for axis, slope in ((0, -1.0 / SCREEN_MM[0]), (1, 1.0 / SCREEN_MM[1])):
        prior = np.zeros(2)
        prior[axis] = slope
        weight = (POINT_SHARE / (PRIOR_SHARE * abs(slope))) ** 2
        off = places - middle
        wanted = targets[:, axis] - targets[:, axis].mean()
        slopes = np.linalg.solve(off.T @ off + weight * np.eye(2), off.T @ wanted + weight * prior)
        constant = float(targets[:, axis].mean() - slopes @ middle)
        rows.append((constant, float(slopes[0]), float(slopes[1])))
    return rows[0], rows[1]


def left_out_sigma_deg(places: Array, targets: Array, distances_mm: Sequence[float]) -> float:
    """Return the standard deviation, per coordinate, of each point by the map that was fitted without it, degrees."""
    squares = []
    for i in range(len(places)):
        others = np.arange(len(places)) != i
        (a, b, c), (d, e, f) = fit_screen(places[others], targets[others])
        back = np.linalg.solve(np.array(((b, c), (e, f))), targets[i] - (a, d))
        squares.append(np.degrees(np.arctan((back - places[i]) / distances_mm[i])) ** 2)
    return float(np.sqrt(np.mean(squares)))
