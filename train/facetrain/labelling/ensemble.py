"""The ensemble teacher: the mapped mesh averaged with a large network's views, weights by region of the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.labelling.self_label import PseudoLabel

Array = NDArray[np.float64]

MESH_SHARE = {"jaw": 0.43, "brows": 0.57, "nose": 0.60, "eyes": 0.90, "lips": 0.84}
"""Share of the mapped mesh in the mean, fitted on 41 held-out faces of helen_train (HELEN-330: 3.01 / 2.18 %; the mesh
alone 3.10 / 2.25, the large network's twelve views 3.34 / 2.55)."""
SMALL_PX, LARGE_PX = 25.0, 40.0
"""Distance of the outer eye corners up to which the large network alone is used, and from which the shares hold: at
25 px it has 4.02 % where the mesh has 4.47."""
MAX_DISAGREEMENT = 0.08
"""Mean distance of the two teachers' inner 51 points over the eye distance above which a face is left out."""
TRUST = 0.7
"""Weight of the teacher's points against a person's."""


def mesh_share(eye_distance_px: NDArray[np.floating]) -> Array:
    """(N,) -> (N, 68) share of the mapped mesh."""
    by_point = np.zeros(topology.N_POINTS)
    for region, share in MESH_SHARE.items():
        by_point[list(topology.REGIONS[region])] = share
    grown = np.clip((eye_distance_px - SMALL_PX) / (LARGE_PX - SMALL_PX), 0, 1)
    return np.asarray(by_point[None] * grown[:, None])


def combine(mapped: Array, views: list[PseudoLabel | str]) -> tuple[Floats, Floats]:
    """(N, 68, 2) points and (N, 68) weights, 0 and NaN where a face is not to be trusted.

    mapped: (N, 68, 2) px, the mesh's prediction. views: the large network's, or why it gave none.
    """
    large, spread = np.full(mapped.shape, np.nan), np.zeros(mapped.shape[:2])
    for index, one in enumerate(views):
        if not isinstance(one, str):
            large[index], spread[index] = one.points, one.weight
    right, left = topology.EYE_OUTER_CORNERS
    eyes = np.linalg.norm(mapped[:, right] - mapped[:, left], axis=1)
    share = mesh_share(eyes)[..., None]
    points = mapped * share + large * (1 - share)
    apart = np.linalg.norm(mapped - large, axis=2) / eyes[:, None]
    with np.errstate(invalid="ignore"):
        kept = apart[:, list(topology.INNER_51)].mean(axis=1) < MAX_DISAGREEMENT
        weight = TRUST * spread * np.clip(1.5 - apart / MAX_DISAGREEMENT, 0.1, 1)
    weight[~kept] = 0
    points[~kept] = np.nan
    return points.astype(np.float32), weight.astype(np.float32)
