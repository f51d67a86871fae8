"""Label tables of the packs that turned faces are learned from: the points, which of them are occluded, the rotation.

What a pack's own labels are worth decides how they are used:

    helen_train, lfpw_train   hand-labelled 68 points, kept
    ytfaces_train             semi-automatic points, averaged with the large network's views
    expressions               the stored mesh, mapped, with the large network's views (`labelling.ensemble`)
    aflw21                    21 points by hand; the 68 from a head fitted to them (`labelling.head_fit`)
    pointing04                the head's angles alone
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.types import Floats
from facetrain.formats.label_tables import LabelTable, empty_table
from facetrain.labelling.head_fit import N_HEAD_POINTS, HeadBasis, HeadFit, fit_heads
from facetrain.labelling.jaw import fit_gold
from facetrain.labelling.self_occlusion import look_up
from facetrain.sample import Sample

Array = NDArray[np.float64]

OUTLINE_DEG = 20.0
"""Beyond this yaw a hand-labelled far jaw follows the visible outline, which is not the jaw: its visibility is
unknown there."""
SURE = 0.4
"""Visibility from the table nearer to 1/2 than this is unknown."""
MAX_RESIDUAL = 0.05
"""Fits with more residual (share of the face's extent) teach no rotation, and their points hardly anything."""
FITTED_WEIGHT, FITTED_JAW_WEIGHT, DISTRUSTED = 0.3, 0.15, 0.05
"""Weights of points from a fitted head against a person's, of its jaw, and the factor for fits beyond MAX_RESIDUAL."""
PULL_CM, PULL_NOISE = 1.5, 0.1
"""Length scale over the mean head, and noise, of the Gaussian process that pulls fitted points to the hand's."""
MAX_TILT_DEG = 60.0
"""Pointing'04 at 90 degrees up or down has no yaw."""
AFLW_WEIGHT = np.array([0.5] * 6 + [1.0] * 14 + [0.7], np.float32)
"""Of AFLW's points in the fit: brows move, the chin is drawn loosely; ears below."""
EAR_WEIGHT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class TurnedTeacher:
    """Labels of packs for a training on turned faces.

    basis: a head with the 300-W jaw. visibility: `self_occlusion.visibility_table` of it. shift: by pack, how far its
    labels lie to the right of what mirrored labels can teach, in extents of the face (`label_shift`).
    """

    basis: HeadBasis
    visibility: Floats
    shift: dict[str, float]

    def of_points(self, names: Sequence[str], points: Floats, weight: Floats, source: str = "") -> LabelTable:
        """Make a table of (N, 68, 2) px points of which all are known, the pack's shift along x taken out."""
        points = points.astype(np.float32).copy()
        extent = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
        points[..., 0] -= self.shift.get(source, 0.0) * extent[:, None]
        fit = fit_gold(self.basis, points)
        yaw = np.array([euler_deg(rotation.astype(np.float64))[0] for rotation in fit.rotation])
        visible = look_up(self.visibility, fit.rotation)
        visible[np.abs(visible - 0.5) < SURE] = np.nan
        jaw = visible[:, list(topology.JAW)]
        jaw[np.abs(yaw) > OUTLINE_DEG] = np.nan
        visible[:, list(topology.JAW)] = jaw
        trust = (fit.residual < MAX_RESIDUAL).astype(np.float32)
        known = {"points": points, "weight": weight, "visible": visible}
        known |= {"rotation": fit.rotation, "rotation_weight": trust}
        return LabelTable(tuple(names), **{**empty_table(tuple(names)), **known})

    def of_aflw(self, names: Sequence[str], hand: Floats, yaw_deg: NDArray[np.floating]) -> LabelTable:
        """Make a table of AFLW's 21 hand points, (N, 21, 2) px, NaN where not visible, and of a rough yaw (N,)."""
        combinations, weight, yaws = aflw_combinations(yaw_deg)
        fit = fit_heads(self.basis, combinations, hand, weight, yaws)
        points = pulled(self.basis, fit, hand)
        trust = (fit.residual < MAX_RESIDUAL).astype(np.float32)
        weights = np.full(points.shape[:2], FITTED_WEIGHT, np.float32)
        weights[:, list(topology.JAW)] = FITTED_JAW_WEIGHT
        weights *= trust[:, None] + DISTRUSTED
        for row, point in topology_maps.AFLW_EYE_CORNERS:
            weights[np.isfinite(hand[:, row, 0]), point] = 1.0
        visible = look_up(self.visibility, fit.rotation)
        visible[np.abs(visible - 0.5) < SURE - 0.05] = np.nan
        for row, hidden in topology_maps.AFLW_HIDES.items():
            visible[:, list(hidden)] = np.isfinite(hand[:, row, :1])
        known = {"points": points, "weight": weights, "visible": visible, "hand": hand}
        known |= {"rotation": fit.rotation, "rotation_weight": trust}
        return LabelTable(tuple(names), **{**empty_table(tuple(names)), **known})


def aflw_combinations(yaw_deg: NDArray[np.floating]) -> tuple[Floats, Floats, Array]:
    """AFLW's points as combinations (21, 70) of a head's, their weights (21,) in a fit, yaws (N, 3) to start from."""
    combinations = np.zeros((len(AFLW_WEIGHT), N_HEAD_POINTS), np.float32)
    combinations[:, : topology.N_POINTS] = topology_maps.aflw_from_68()
    weight = AFLW_WEIGHT.copy()
    for ear, row in enumerate(topology_maps.AFLW_EARS):
        combinations[row, topology.N_POINTS + ear] = 1
        weight[row] = EAR_WEIGHT
    return combinations, weight, (np.round(yaw_deg / 6) * 6)[:, None] + np.array([-12.0, 0.0, 12.0])


def of_angles(samples: Sequence[Sample], trust: float = 0.3) -> LabelTable:
    """Make a table of pointing04's samples: rotations from the marked yaw and pitch, of weight `trust`.

    The angles are good to 5 or 10 degrees. Those who look straight up or down are left out.
    """
    chosen = [s for s in samples if abs(float(s.attributes["pitch_deg"])) <= MAX_TILT_DEG]
    names = tuple(sample.name for sample in chosen)
    known = empty_table(names)
    known["rotation"] = np.array(
        [rotation_from_deg(float(s.attributes["yaw_deg"]), float(s.attributes["pitch_deg"]), 0.0) for s in chosen],
        np.float32,
    ).reshape(-1, 3, 3)
    known["rotation_weight"] = np.full(len(chosen), trust, np.float32)
    return LabelTable(names, **known)


def pulled(basis: HeadBasis, fit: HeadFit, hand: Floats) -> Floats:
    """(N, 68, 2) px: the fitted points moved so that their combinations meet the hand's points.

    The mean of a Gaussian process over the mean head (Rasmussen and Williams, 2006, eq. 2.23, of linear observations):
    neighbours move along.
    """
    combinations = topology_maps.aflw_from_68().astype(np.float64)
    head = basis.mean[: topology.N_POINTS]
    kernel = np.exp(-((head[:, None] - head[None]) ** 2).sum(axis=2) / (2 * PULL_CM**2))
    rows = np.flatnonzero(combinations.sum(axis=1) > 0)
    points = fit.points[:, : topology.N_POINTS].astype(np.float64)
    for index in range(len(points)):
        seen = rows[np.isfinite(hand[index, rows, 0])]
        part = combinations[seen]
        inner = part @ kernel @ part.T + PULL_NOISE * np.eye(len(seen))
        points[index] += kernel @ part.T @ np.linalg.solve(inner, hand[index, seen] - part @ points[index])
    return points.astype(np.float32)


def label_shift(predicted: NDArray[np.floating], labelled: NDArray[np.floating]) -> float:
    """How far labels lie to the right of mirror-symmetric predictions of them, as a median, in extents of the face.

    predicted, labelled: (N, 68, 2) px.
    """
    extent = (labelled.max(axis=1) - labelled.min(axis=1)).max(axis=1)
    return float(np.median((labelled - predicted)[..., 0].mean(axis=1) / extent))
