"""Metrics of temporal stability: jitter, lag and blink depth, on the clips of `evaluation.stability.clips`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.evaluation.stability.clips import BLINK_EVERY_S, BLINK_START_S, PERIOD_S

Array = NDArray[np.float64]

SETTLE_S = 0.3
"""Time excluded from the lag after each turning point and at the start: the lag is defined for constant speed."""
MIN_MOTION = 0.02
"""Minimum range of a point's motion, as a share of the eye distance; points that move less have no defined lag."""
LIDS = tuple(pair for eye in (topology.EAR_RIGHT, topology.EAR_LEFT) for pair in ((eye[1], eye[5]), (eye[2], eye[4])))
"""Pairs of points on the upper and lower lid, two of each eye."""


def jitter_percent(points: Floats, eye_px: float) -> float:
    """Return the mean over frames and points of |p(t) - p(t - 1)| / eye distance, %; NaN if never detected.

    points: (T, N, 2) px of a still face, NaN where it was missed
    eye_px: distance of the outer eye corners
    """
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    return float(100 * np.nanmean(steps) / eye_px) if np.isfinite(steps).any() else float("nan")


def lag_ms(predicted: Floats, truth: Floats, times_s: Array, eye_px: float) -> float:
    """Return the delay of `predicted` behind `truth` in ms, median over the moving points; both (T, N, 2) px.

    Each point is projected onto the line on which it moves. Its delay is the tau that minimises, over the frames of
    constant speed, the squared error of predicted(t) = f(truth(t - tau)), f being the best cubic. The cubic absorbs
    position errors that vary smoothly with the pose, which are no delay; the two are distinguishable because every
    position is passed in both directions. NaN if no point moves or fewer than 8 frames are usable.
    """
    used = is_constant_speed(times_s) & np.isfinite(predicted).all(axis=(1, 2))
    centred = truth - truth.mean(axis=0)
    direction = np.linalg.svd(np.moveaxis(centred, 0, 1), full_matrices=False)[2][:, 0]  # (N, 2) unit vectors
    # (N, T) and (N, used frames): positions along each point's line.
    path, positions = (
        np.einsum("tnd,nd->nt", points.astype(np.float64), direction) for points in (centred, predicted[used])
    )
    amplitude = np.abs(path).max(axis=1)
    moving = amplitude >= MIN_MOTION / 2 * eye_px
    if not moving.any() or used.sum() < 8:
        return float("nan")
    path, positions = path[moving] / amplitude[moving, None], positions[moving]
    taus_s = np.arange(-60, 241, 2) / 1000
    errors = np.stack([_fit_residuals(_at(path, times_s, times_s[used] - tau), positions) for tau in taus_s], axis=1)
    return 1000 * float(np.median([_parabola_minimum(taus_s, row) for row in errors]))


def _at(values: Array, times_s: Array, new_times_s: Array) -> Array:
    """Interpolate (N, T) values linearly at M new times: (N, M)."""
    return np.stack([np.interp(new_times_s, times_s, row) for row in values])


def _fit_residuals(x: Array, y: Array) -> Array:
    """Return the (N,) squared errors of the best cubic through each row of y over x, both (N, T)."""
    # Orthonormal basis of the cubics: the residual is |y|^2 minus the squared projections.
    q = np.linalg.qr(np.stack([x**power for power in range(4)], axis=2))[0]
    return np.asarray((y**2).sum(axis=1) - (np.einsum("ntk,nt->nk", q, y) ** 2).sum(axis=1))


def _parabola_minimum(x: Array, y: Array) -> float:
    """Return the x of the minimum of the parabola through the lowest value and its neighbours."""
    i = int(np.clip(np.argmin(y), 1, len(y) - 2))
    curve = y[i - 1] - 2 * y[i] + y[i + 1]
    return float(x[i] + 0.5 * (x[1] - x[0]) * (y[i - 1] - y[i + 1]) / curve) if curve > 0 else float(x[i])


def is_constant_speed(times_s: Array) -> NDArray[np.bool_]:
    """Return (T,) whether the last turning point of `evaluation.stability.clips.triangle_wave` was SETTLE_S ago."""
    return (times_s + PERIOD_S / 4) % (PERIOD_S / 2) >= SETTLE_S


def blink_amplitude_ratio(predicted: Floats, unsmoothed: Floats, times_s: Array) -> float:
    """Return the blink depth relative to that of the same network without smoothing, median over the blinks.

    predicted, unsmoothed: (T, 68, 2) points in the clip of `evaluation.stability.clips.blink`
    Depth: mean distance of the lids between blinks minus the smallest distance in a blink.
    """
    return float(np.median(_blink_depths(predicted, times_s) / _blink_depths(unsmoothed, times_s)))


def _blink_depths(points: Floats, times_s: Array) -> Array:
    """Return the depth of each blink, px."""
    upper, lower = np.array(LIDS).T
    gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1)
    closing = times_s % BLINK_EVERY_S >= BLINK_START_S
    number = np.floor(times_s / BLINK_EVERY_S).astype(int)
    blinks = range(round((times_s[-1] + times_s[1]) / BLINK_EVERY_S))
    return np.array([gap[~closing].mean() - gap[closing & (number == blink)].min() for blink in blinks])
