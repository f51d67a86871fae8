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


def inter_pupil(points: Errors) -> Errors:
    """(N, 68, 2) -> (N,) distance of the eyes' middles in px, each the mean of its six points."""
    right, left = (points[:, list(eye)].mean(axis=1) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE))
    return np.linalg.norm(right - left, axis=1)


def box_size(points: Errors) -> Errors:
    """(N, K, 2) -> (N,) square root of the area of the points' box in px: stays sensible in profile."""
    return np.sqrt(np.prod(points.max(axis=1) - points.min(axis=1), axis=1))


def nme_per_point(predicted: Errors, truth: Errors, size: Errors | None = None) -> Errors:
    """(N, K, 2) twice -> (N, K) errors in % of `size` (N,): the truth's inter-ocular distance (300-W's) by default."""
    size = inter_ocular(truth) if size is None else size
    return 100 * np.linalg.norm(predicted - truth, axis=2) / size[:, None]


def kaggle_rmse(predicted: Errors, truth: Errors, picture_px: Errors | float) -> float:
    """Root mean squared error of the coordinates as in Kaggle's competition: in px of a picture 96 px wide.

    picture_px: the width of what the points were found in, one or (N,). Missing coordinates (NaN) do not count.
    """
    scale = np.reshape(96 / np.asarray(picture_px, float), (-1, 1, 1))
    return float(np.sqrt(np.nanmean(((predicted - truth) * scale) ** 2)))


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
        "nme_pupil": float(nme_per_point(predicted, truth, inter_pupil(truth)).mean()),
        "nme_box": float(nme_per_point(predicted, truth, box_size(truth)).mean()),
        **regions,
        "fr8": failure_rate(per_face),
        "auc8": auc(per_face),
    }
