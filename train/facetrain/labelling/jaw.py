"""Where the 300-W jaw lies on a morphable head, whose own landmark vertices lie too high and too far forward."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import euler_deg
from facetrack.types import Floats
from facetrain.labelling.head_fit import HeadBasis, HeadFit, fit_heads, of_points68

Array = NDArray[np.float64]

NEAR_SIDE_DEG = 8.0
"""A face turned by less shows both sides of the jaw; of one turned further only the near side is used: the far one's
labels follow the outline, not the jaw."""
RAMP = np.array([1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
"""Share of the offset in depth by point: whole beside the ear, none at the chin."""
DEPTH_TO_LOBE = 0.5
"""The jaw's third point is set midway in depth between the model's vertex and the ear lobe, which it lies before in the
300-W scheme. AFLW's hand points place the lobe 2.5 cm behind the vertex, so that the offset is 1.26 cm."""
STIFFNESS = 0.02
"""Ridge penalty of an offset of 1 cm, in the square of an error of the face's extent."""
BESIDE_LOBE = 2
"""The jaw point at the height of the ear lobe, of the right half."""


def gold_weight() -> Floats:
    """(68,) of a fit to hand-labelled 68 points: without the jaw but for the chin, brows half."""
    weight = np.ones(topology.N_POINTS, np.float32)
    weight[list(topology.JAW)] = 0
    weight[topology.CHIN] = 0.5
    weight[list(topology.REGIONS["brows"])] = 0.5
    return weight


def fit_gold(basis: HeadBasis, points: Floats, steps: int = 150) -> HeadFit:
    """Heads fitted to (N, 68, 2) px of faces that are turned by at most about 60 degrees."""
    yaws = np.broadcast_to(np.arange(-45.0, 46.0, 15.0), (len(points), 7))
    return fit_heads(basis, of_points68(), points, gold_weight(), yaws, steps)


def jaw_offset(fit: HeadFit, points: Floats, lobe_behind_cm: float) -> Array:
    """(17, 3) cm to add to the jaw's points, in the axes of `HeadBasis`, symmetric about the middle.

    fit: of a basis without offset to `points`, (N, 68, 2) px labelled by hand. x and y are least squares over the near
    side of every face, iteratively reweighted to L1; the depth, which the labels' outlines cannot tell, comes from the
    ear lobe (see DEPTH_TO_LOBE). lobe_behind_cm: its depth behind the model's vertex beside it.
    """
    yaw = np.array([euler_deg(rotation.astype(np.float64))[0] for rotation in fit.rotation])
    extent = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
    residual = (points - fit.points[:, : topology.N_POINTS]) / extent[:, None, None]
    out = np.zeros((len(topology.JAW), 3))
    for right in range(topology.CHIN + 1):
        rows, targets = [], []
        for point, side in ((right, 1.0), (2 * topology.CHIN - right, -1.0)):
            near = side * yaw > -NEAR_SIDE_DEG if right != topology.CHIN else np.abs(yaw) < 20
            slopes = fit.scale[:, None, None] * fit.rotation[:, :2] * np.array([side, 1, 1]) / extent[:, None, None]
            rows.append(slopes[near])
            targets.append(residual[near, point])
        offset = _l1(np.concatenate(rows), np.concatenate(targets))
        offset[2] = DEPTH_TO_LOBE * lobe_behind_cm * RAMP[right]
        if right == topology.CHIN:
            offset[0] = 0
        out[right] = offset
        out[2 * topology.CHIN - right] = offset * (1 if right == topology.CHIN else np.array([-1, 1, 1]))
    return out


def lobe_behind_cm(basis: HeadBasis, fit: HeadFit, lobes: Floats) -> float:
    """Depth of the ear lobes behind the jaw's point beside them, cm.

    fit: to labels without the lobes. lobes: (N, 2, 2) px of the right and left lobe, NaN where unknown.
    """
    extent = (fit.points[:, :68].max(axis=1) - fit.points[:, :68].min(axis=1)).max(axis=1)
    rows, targets = [], []
    for index, side in ((0, 1.0), (1, -1.0)):
        residual = (lobes[:, index] - fit.points[:, topology.N_POINTS + index]) / extent[:, None]
        known = np.isfinite(residual).all(axis=1)
        slopes = fit.scale[:, None, None] * fit.rotation[:, :2] * np.array([side, 1, 1]) / extent[:, None, None]
        rows.append(slopes[known])
        targets.append(residual[known])
    moved = _l1(np.concatenate(rows), np.concatenate(targets), stiffness=0.0)
    return float(basis.mean[topology.N_POINTS, 2] + moved[2] - basis.mean[BESIDE_LOBE, 2])


def _l1(slopes: NDArray[np.floating], targets: NDArray[np.floating], stiffness: float = STIFFNESS) -> Array:
    """(N, 2, 3), (N, 2) -> (3,) the offset of the least sum of distances, by iteratively reweighted least squares."""
    weight: Array = np.ones(len(slopes))
    offset: Array = np.zeros(3)
    for _ in range(30):
        weighted = (slopes * weight[:, None, None]).reshape(-1, 3)
        normal = weighted.T @ slopes.reshape(-1, 3) + stiffness * np.eye(3)
        offset = np.asarray(np.linalg.solve(normal, weighted.T @ targets.reshape(-1)), np.float64)
        weight = np.asarray(1 / np.maximum(np.linalg.norm(targets - slopes @ offset, axis=1), 0.01), np.float64)
    return offset
