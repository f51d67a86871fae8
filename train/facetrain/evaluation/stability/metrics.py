"""How much points tremble and how late they are, measured on clips whose truth is known (see
`evaluation.stability.clips`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.evaluation.stability.clips import BLINK_EVERY_S, BLINK_START_S, PERIOD_S

Array = NDArray[np.float64]

SETTLE_S = 0.3
"""After each turning point, and at the start, this long is left out of the lag: it is a figure of even motion."""
MIN_MOTION = 0.02
"""Points that move less than this share of the eye distance, from end to end, tell nothing of the lag."""
LIDS = tuple(pair for eye in (topology.EAR_RIGHT, topology.EAR_LEFT) for pair in ((eye[1], eye[5]), (eye[2], eye[4])))
"""Upper and lower lid, twice for each eye."""


def jitter_percent(points: Floats, eye_px: float) -> float:
    """Mean over frames and points of |p(t) - p(t - 1)| / eye distance, %. points: (T, N, 2) px of a face that is still,
    NaN where it was not seen. eye_px: between the outer eye corners."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    return float(100 * np.nanmean(steps) / eye_px) if np.isfinite(steps).any() else float("nan")


def lag_ms(seen: Floats, truth: Floats, times_s: Array, eye_px: float) -> float:
    """The delay of `seen` behind `truth` in ms, median over the points that move; both (T, N, 2) px.

    Each point is taken along the line on which it moves. Its delay is the tau that minimises, over the frames of even
    motion, the squared error of seen(t) = f(truth(t - tau)) with f a cubic fitted to it: a network that sets a point
    beside its true place, in every pose a little differently, is not late for that. This can tell the two apart because
    the motion passes every place both ways. NaN where nothing moves or was seen.
    """
    used = even(times_s) & np.isfinite(seen).all(axis=(1, 2))
    centred = truth - truth.mean(axis=0)
    along = np.linalg.svd(np.moveaxis(centred, 0, 1), full_matrices=False)[2][:, 0]  # (N, 2) unit vectors
    way, places = (np.einsum("tnd,nd->nt", points.astype(np.float64), along) for points in (centred, seen[used]))
    reach = np.abs(way).max(axis=1)
    moving = reach >= MIN_MOTION / 2 * eye_px
    if not moving.any() or used.sum() < 8:
        return float("nan")
    way, places = way[moving] / reach[moving, None], places[moving]
    taus_s = np.arange(-60, 241, 2) / 1000
    errors = np.stack([_fit_residuals(_at(way, times_s, times_s[used] - tau), places) for tau in taus_s], axis=1)
    return 1000 * float(np.median([_parabola_minimum(taus_s, row) for row in errors]))


def _at(values: Array, times_s: Array, wanted_s: Array) -> Array:
    """(N, T) -> (N, M) in between, linearly."""
    return np.stack([np.interp(wanted_s, times_s, row) for row in values])


def _fit_residuals(x: Array, y: Array) -> Array:
    """(N, T) twice -> (N,) squared error of the best cubic through each row of y over x."""
    q = np.linalg.qr(np.stack([x**power for power in range(4)], axis=2))[0]
    return np.asarray((y**2).sum(axis=1) - (np.einsum("ntk,nt->nk", q, y) ** 2).sum(axis=1))


def _parabola_minimum(x: Array, y: Array) -> float:
    """Where the parabola through the lowest value and its neighbours is lowest."""
    i = int(np.clip(np.argmin(y), 1, len(y) - 2))
    curve = y[i - 1] - 2 * y[i] + y[i + 1]
    return float(x[i] + 0.5 * (x[1] - x[0]) * (y[i - 1] - y[i + 1]) / curve) if curve > 0 else float(x[i])


def even(times_s: Array) -> NDArray[np.bool_]:
    """(T,) whether the motion of `evaluation.stability.clips.to_and_fro` has been even for SETTLE_S."""
    return (times_s + PERIOD_S / 4) % (PERIOD_S / 2) >= SETTLE_S


def blink_amplitude_ratio(seen: Floats, unsmoothed: Floats, times_s: Array) -> float:
    """How deep the blinks of `evaluation.stability.clips.blink` are in (T, 68, 2) points, over their depth in the same
    network's unsmoothed points: the median over blinks. Depth: mean gap of the lids between blinks less the smallest in
    one."""
    return float(np.median(_blink_depths(seen, times_s) / _blink_depths(unsmoothed, times_s)))


def _blink_depths(points: Floats, times_s: Array) -> Array:
    upper, lower = np.array(LIDS).T
    gap = np.linalg.norm(points[:, upper] - points[:, lower], axis=2).mean(axis=1)
    closing = times_s % BLINK_EVERY_S >= BLINK_START_S
    number = np.floor(times_s / BLINK_EVERY_S).astype(int)
    blinks = range(round((times_s[-1] + times_s[1]) / BLINK_EVERY_S))
    return np.array([gap[~closing].mean() - gap[closing & (number == blink)].min() for blink in blinks])
