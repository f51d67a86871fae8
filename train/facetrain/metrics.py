"""How wrong landmarks are, in the field's own measures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology

Errors = NDArray[np.floating]


def inter_ocular(points: Errors) -> Errors:
    """(N, 68, 2) -> (N,) distance of the outer eye corners in px."""
    right, left = topology.EYE_OUTER_CORNERS
    return np.linalg.norm(points[:, right] - points[:, left], axis=1)


def nme_per_point(predicted: Errors, truth: Errors) -> Errors:
    """(N, 68, 2) twice -> (N, 68) errors in % of the truth's inter-ocular distance (300-W's normalisation)."""
    return 100 * np.linalg.norm(predicted - truth, axis=2) / inter_ocular(truth)[:, None]


def failure_rate(nme: Errors, threshold: float = 8.0) -> float:
    """FR@8: share of faces, in %, whose NME is above the threshold."""
    return float(100 * (nme > threshold).mean())


def auc(nme: Errors, threshold: float = 8.0) -> float:
    """AUC@8: area under the cumulative error distribution up to the threshold, 1 at best.

    The mean of max(0, threshold - nme) / threshold is that area, exactly.
    """
    return float(np.clip(threshold - nme, 0, None).mean() / threshold)


def summary(predicted: Errors, truth: Errors) -> dict[str, float]:
    """NME over all 68 points and the inner 51, per region, FR@8 and AUC@8."""
    per_point = nme_per_point(predicted, truth)
    per_face = per_point.mean(axis=1)
    regions = {f"nme_{name}": float(per_point[:, list(group)].mean()) for name, group in topology.REGIONS.items()}
    return {
        "nme": float(per_face.mean()),
        "nme_51": float(per_point[:, list(topology.INNER_51)].mean()),
        **regions,
        "fr8": failure_rate(per_face),
        "auc8": auc(per_face),
    }
