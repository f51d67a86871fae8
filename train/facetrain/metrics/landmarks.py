"""Landmark metrics: NME, failure rate, AUC. Unlabelled points are NaN and excluded."""

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
LABELS_RIGHT_300W = 1.0
"""Shift of 300-W's hand labels to the right, % of the distance of the outer eye corners: `label_shift` of helen_train
and of lfpw_train from any network that was trained with mirroring, which cannot learn it. AFLW2000-3D has none."""
RIGHT_PUPIL, LEFT_PUPIL = range(2)
"""Indices among the five points."""


def inter_ocular(points: Errors, scheme: str = SCHEME_68) -> Errors | None:
    """Return the (N,) distances of the outer eye corners of (N, K, 2) points, px; None if the scheme has no corners."""
    if topology_maps.groups(scheme, topology_maps.KAGGLE_15) is None:
        return None
    right, left = (topology_maps.convert(points, scheme, topology_maps.KAGGLE_15)[:, i] for i in OUTER_CORNERS)
    return np.linalg.norm(right - left, axis=1)


def inter_pupil(points: Errors, scheme: str = SCHEME_68) -> Errors | None:
    """Return the (N,) distances of the eye centres of (N, K, 2) points, px; None if the scheme has no eye centres.

    In the 68-point scheme an eye's centre is the mean of its six points.
    """
    if topology_maps.groups(scheme, topology_maps.FIVE) is None:
        return None
    five = topology_maps.convert(points, scheme, topology_maps.FIVE)
    return np.linalg.norm(five[:, RIGHT_PUPIL] - five[:, LEFT_PUPIL], axis=1)


def box_size(points: Errors) -> Errors:
    """Return the (N,) square roots of the areas of the boxes of (N, K, 2) points, px; meaningful in profile, too."""
    low = np.where(np.isnan(points), np.inf, points).min(axis=1)
    high = np.where(np.isnan(points), -np.inf, points).max(axis=1)
    return np.sqrt(np.prod(np.maximum(high - low, 0), axis=1))


def nme_per_point(predicted: Errors, truth: Errors, size: Errors | None = None) -> Errors:
    """Return the (N, K) normalised errors of the points, %; NaN where the point or the size is unknown.

    predicted, truth: (N, K, 2) px
    size: (N,) normalising size, px; by default the inter-ocular distance of the ground truth (300-W), which needs the
        68 points
    """
    size = inter_ocular(truth) if size is None else size
    assert size is not None
    size = np.where(size > 0, size, np.nan)
    return 100 * np.linalg.norm(predicted - truth, axis=2) / size[:, None]


def face_error(
    predicted: Errors, truth: Errors, scheme: str = SCHEME_68, points: Sequence[int] | None = None
) -> Errors:
    """Return the (N,) mean errors per face, %; NaN where no point is known.

    Normalised by the distance of the outer eye corners; of the eye centres if the scheme has no corners; by the size of
    the box if it has neither.
    predicted, truth: (N, K, 2) px
    points: indices of the points to average over; all by default
    """
    per_point = nme_per_point(predicted, truth, _first_size(truth, scheme))
    return known_mean(per_point if points is None else per_point[:, list(points)], axis=1)


def _first_size(truth: Errors, scheme: str) -> Errors:
    """Return the (N,) normalising size: inter-ocular, else inter-pupil distance, else box size."""
    ocular = inter_ocular(truth, scheme)
    size = inter_pupil(truth, scheme) if ocular is None else ocular
    return box_size(truth) if size is None else size


def known_mean(values: Errors, axis: int | None = None) -> Errors:
    """Return the mean of the finite values; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.where(known, values, 0).sum(axis=axis) / np.where(count, count, np.nan)


def label_shift(predicted: Errors, truth: Errors) -> tuple[float, float]:
    """Return the systematic offset (right, below) of the labels from the predicted points, both (N, 68, 2).

    Medians over all points except the jaw, in % of the distance of the outer eye corners.
    A network trained with mirroring cannot learn such an offset: labels that all lie to one side (pixels counted from
    1, for instance) lie to the other side in every mirrored image.
    """
    size = inter_ocular(truth)
    assert size is not None
    inner = list(topology.INNER_51)
    shares = 100 * (truth - predicted)[:, inner] / size[:, None, None]
    right, below = np.nanmedian(shares.reshape(-1, 2), axis=0)
    return float(right), float(below)


def as_300w(predicted: Errors, truth: Errors) -> Errors:
    """Move (N, 68, 2) points to the right by LABELS_RIGHT_300W of the true distance of the outer eye corners."""
    size = inter_ocular(truth)
    assert size is not None
    return predicted + np.stack([LABELS_RIGHT_300W / 100 * size, np.zeros_like(size)], axis=1)[:, None]


def kaggle_rmse(predicted: Errors, truth: Errors, image_px: Errors | float) -> float:
    """Return the root mean squared error of the coordinates, in px of Kaggle's 96 px wide images.

    predicted, truth: (N, K, 2) px; missing coordinates (NaN) are excluded
    image_px: width of the images that the points lie in, one or (N,)
    """
    scale = np.reshape(96 / np.asarray(image_px, float), (-1, 1, 1))
    return float(np.sqrt(np.nanmean(((predicted - truth) * scale) ** 2)))


def failure_rate(nme: Errors, threshold: float = 8.0) -> float:
    """Return the failure rate (FR@8): share of faces, in %, whose NME is above the threshold."""
    return float(100 * (nme > threshold).mean())


def auc(nme: Errors, threshold: float = 8.0) -> float:
    """Return the area under the cumulative error distribution up to the threshold (AUC@8), 1 at best.

    The mean of max(0, threshold - nme) / threshold is exactly that area.
    """
    return float(np.clip(threshold - nme, 0, None).mean() / threshold)


def regions(scheme: str) -> dict[str, list[int]]:
    """Return the indices of the scheme's points by region: jaw, brows, nose, eyes, lips, as far as it has them.

    Empty for a scheme that does not map from the 68 points.
    """
    steps = topology_maps.groups(SCHEME_68, scheme)
    if steps is None:
        return {}
    groups = steps[0] if steps else [(index,) for index in range(topology.N_POINTS)]
    indices_by_region = {
        name: [index for index, group in enumerate(groups) if set(group) <= set(region)]
        for name, region in topology.REGIONS.items()
    }
    return {name: indices for name, indices in indices_by_region.items() if indices}


def summary(predicted: Errors, truth: Errors, scheme: str = SCHEME_68) -> dict[str, float]:
    """Return the metrics over all faces, in % (auc: 0..1); those that the scheme allows.

    predicted, truth: (N, K, 2) px
    nme: normalised by the distance of the outer eye corners
    nme_51: the same without the jaw, in the 68-point scheme
    nme_pupil: normalised by the distance of the eye centres
    nme_box: normalised by the square root of the box's area
    nme_REGION: of the points of a region
    fr8, auc8: failure rate and AUC at 8 %
    fr10, auc10: instead of these for a scheme without eye corners, whose regions are normalised by the eye centres;
        10 % is the threshold of TCDCN's authors (Zhang et al., ECCV 2014)
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
