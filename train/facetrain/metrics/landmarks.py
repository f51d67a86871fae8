"""How wrong landmarks are, in the field's own measures. Points that are not labelled are NaN and count nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps

Errors = NDArray[np.floating]

SCHEME_68 = topology.SCHEME
OUTER_CORNERS = tuple(
    topology_maps.KAGGLE_NAMES.index(name) for name in ("right_eye_outer_corner", "left_eye_outer_corner")
)
RIGHT_PUPIL, LEFT_PUPIL = range(2)
"""Of the five points."""


def inter_ocular(points: Errors, scheme: str = SCHEME_68) -> Errors | None:
    """(N, K, 2) -> (N,) distance of the outer eye corners in px; None where the scheme has none."""
    if topology_maps.groups(scheme, topology_maps.KAGGLE_15) is None:
        return None
    right, left = (topology_maps.convert(points, scheme, topology_maps.KAGGLE_15)[:, i] for i in OUTER_CORNERS)
    return np.linalg.norm(right - left, axis=1)


def inter_pupil(points: Errors, scheme: str = SCHEME_68) -> Errors | None:
    """(N, K, 2) -> (N,) distance of the eyes' middles in px, of the 68 each the mean of six; None where the scheme has
    none."""
    if topology_maps.groups(scheme, topology_maps.FIVE) is None:
        return None
    five = topology_maps.convert(points, scheme, topology_maps.FIVE)
    return np.linalg.norm(five[:, RIGHT_PUPIL] - five[:, LEFT_PUPIL], axis=1)


def box_size(points: Errors) -> Errors:
    """(N, K, 2) -> (N,) square root of the area of the points' box in px: stays sensible in profile."""
    low = np.where(np.isnan(points), np.inf, points).min(axis=1)
    high = np.where(np.isnan(points), -np.inf, points).max(axis=1)
    return np.sqrt(np.prod(np.maximum(high - low, 0), axis=1))


def nme_per_point(predicted: Errors, truth: Errors, size: Errors | None = None) -> Errors:
    """(N, K, 2) twice -> (N, K) errors in % of `size` (N,): the truth's inter-ocular distance (300-W's) by default,
    which needs the 68 points. NaN where the point or the size is not known."""
    size = inter_ocular(truth) if size is None else size
    assert size is not None
    size = np.where(size > 0, size, np.nan)
    return 100 * np.linalg.norm(predicted - truth, axis=2) / size[:, None]


def face_error(
    predicted: Errors, truth: Errors, scheme: str = SCHEME_68, points: Sequence[int] | None = None
) -> Errors:
    """(N, K, 2) twice -> (N,) mean over a face's points, in % of the outer eye corners' distance, or of the eye
    centres' where the scheme has no corners; NaN where nothing is known. points: the mean is over these only."""
    per_point = nme_per_point(predicted, truth, _first_size(truth, scheme))
    return known_mean(per_point if points is None else per_point[:, list(points)], axis=1)


def _first_size(truth: Errors, scheme: str) -> Errors:
    ocular = inter_ocular(truth, scheme)
    size = inter_pupil(truth, scheme) if ocular is None else ocular
    return box_size(truth) if size is None else size


def known_mean(values: Errors, axis: int | None = None) -> Errors:
    """The mean of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.where(known, values, 0).sum(axis=axis) / np.where(count, count, np.nan)


def label_shift(predicted: Errors, truth: Errors) -> tuple[float, float]:
    """(N, 68, 2) twice -> how far the labels lie to the right of the predicted points and below them, in % of the outer
    eye corners' distance: medians over all points but the jaw's.

    What a network trained on mirrored pictures cannot learn stays here: labels that all lie to one side, as by pixels
    counted from 1, are on the other side of every mirrored face.
    """
    size = inter_ocular(truth)
    assert size is not None
    inner = list(topology.INNER_51)
    shares = 100 * (truth - predicted)[:, inner] / size[:, None, None]
    right, below = np.nanmedian(shares.reshape(-1, 2), axis=0)
    return float(right), float(below)


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


def regions(scheme: str) -> dict[str, list[int]]:
    """Region -> which of the scheme's points are in it: jaw, brows, nose, eyes, lips as far as the scheme has them;
    empty for a scheme that does not follow from the 68."""
    steps = topology_maps.groups(SCHEME_68, scheme)
    if steps is None:
        return {}
    groups = steps[0] if steps else [(index,) for index in range(topology.N_POINTS)]
    found = {
        name: [index for index, group in enumerate(groups) if set(group) <= set(region)]
        for name, region in topology.REGIONS.items()
    }
    return {name: indices for name, indices in found.items() if indices}


def summary(predicted: Errors, truth: Errors, scheme: str = SCHEME_68) -> dict[str, float]:
    """(N, K, 2) twice -> means over the faces, in %.

    nme (over the outer eye corners' distance), nme_51 (of the 68 points, those without the jaw), nme_pupil (over the
    eye centres'), nme_box (over the root of the box's area), nme_REGION, fr8 and auc8: those that the scheme allows.
    Where it has no eye corners, regions are over the eye centres, and fr10 and auc10 stand in for the others: 10 % is
    the threshold of TCDCN's authors (Zhang et al., ECCV 2014).
    """
    ocular, pupil = inter_ocular(truth, scheme), inter_pupil(truth, scheme)
    per_point = nme_per_point(predicted, truth, _first_size(truth, scheme))
    per_face = known_mean(per_point, axis=1)
    per_face = per_face[np.isfinite(per_face)]
    named = {"nme": ocular, "nme_pupil": pupil, "nme_box": box_size(truth)}
    figures = {
        name: float(known_mean(known_mean(nme_per_point(predicted, truth, size), axis=1)))
        for name, size in named.items()
        if size is not None
    }
    if scheme == SCHEME_68:
        figures = {"nme": figures["nme"], "nme_51": float(known_mean(per_point[:, list(topology.INNER_51)])), **figures}
    figures |= {f"nme_{name}": float(known_mean(per_point[:, group])) for name, group in regions(scheme).items()}
    limit = 8 if ocular is not None else 10
    return figures | {f"fr{limit}": failure_rate(per_face, limit), f"auc{limit}": auc(per_face, limit)}
