"""Fit of `facetrack.tracking.confidence` to a landmark network's readings of pictures with and without a face."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import crop_from_box, points_box
from facetrack.landmarker import Landmarker
from facetrack.tracking.confidence import Confidence, features
from facetrack.tracking.gating import shown_points
from facetrain.evaluation.gates.cases import Case, jittered

Array = NDArray[np.float64]

USABLE_ERROR, WRONG_ERROR = 0.10, 0.16
"""Mean error of the inner points over the root of the face's box, up to which they are usable and from which they are
wrong; a reading in between teaches nothing."""
WEIGHT_USABLE, WEIGHT_FACELESS, WEIGHT_WRONG = 0.5, 0.4, 0.1
"""Shares of the loss: usable points, pictures without a face, wrong points on a face."""
FALSE_ENTER, FALSE_KEEP = 0.0005, 0.003
"""Shares of the readings without a face that may pass as a new face's and as a followed one's."""
TAIL = 0.02
"""Share of the readings without a face whose log-odds give the levels."""
CLEARLY = 2.0
"""Log-odds above `enter` from which a reading is certain."""
PASSES = 2


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """N readings that the tracker could get, without those that it drops for their size or place.

    source, kind: of their cases. yaw_deg: (N,) |labelled yaw|, NaN unknown. inputs: (N, 2) `confidence.features`.
    usable: (N,) 1 a face with usable points, 0 none or wrong points, NaN undecided. faceless: (N,) no face at all.
    fitted: (N,) whether the fit may see it; the others measure it.
    """

    source: NDArray[np.str_]
    kind: NDArray[np.str_]
    yaw_deg: Array
    inputs: Array
    usable: Array
    faceless: NDArray[np.bool_]
    fitted: NDArray[np.bool_]

    def log_odds(self, confidence: Confidence) -> Array:
        """Return (N,) the log-odds."""
        weights = np.array([confidence.presence, confidence.log_sigma])
        odds = self.inputs @ weights + confidence.bias
        return np.where(np.exp(self.inputs[:, 1]) > confidence.most_sigma, -np.inf, odds)


def read(landmarker: Landmarker, cases: Iterable[Case], seed: int = 0) -> Readings:
    """Read each case through its crop and then through one around the points read, as the tracker does."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str, float, tuple[float, float], float, bool, bool]] = []
    for case in cases:
        crop, fitted = case.crop, zlib.crc32(f"{case.source}/{case.name}".encode()) % 2 == 0
        for _ in range(PASSES):
            (reading,) = landmarker(case.image, [crop])
            points = reading.landmarks.points
            shown, inside = shown_points(points, case.image)
            if shown:
                error, faceless = case.error(points), case.kind == ""
                given = features(reading, inside)
                rows.append((case.source, case.kind, abs(case.yaw_deg), given, _usable(error), faceless, fitted))
            crop = jittered(crop_from_box(points_box(points), landmarker.margin), rng)
    source, kind, yaw, inputs, usable, faceless_rows, fitted_rows = zip(*rows, strict=True)
    return Readings(
        np.array(source), np.array(kind), np.array(yaw), np.array(inputs), np.array(usable),
        np.array(faceless_rows) & (np.array(usable) == 0), np.array(fitted_rows),
    )  # fmt: skip


def _usable(error: float) -> float:
    if error <= USABLE_ERROR:
        return 1.0
    return 0.0 if error >= WRONG_ERROR else np.nan


def fit(readings: Readings, most_sigma: float = math.inf) -> Confidence:
    """Fit the logistic model on the readings that may be seen, and set its levels by the shares that pass falsely.

    most_sigma: see `Confidence`; of a network that tells no visibility.
    """
    seen = readings.fitted & np.isfinite(readings.usable)
    usable, faceless = readings.usable[seen] == 1, readings.faceless[seen]
    wrong = ~usable & ~faceless
    weight = np.zeros(len(usable))
    for part, share in ((usable, WEIGHT_USABLE), (faceless, WEIGHT_FACELESS), (wrong, WEIGHT_WRONG)):
        weight[part] = share * len(usable) / max(int(part.sum()), 1)
    presence, log_sigma, bias = logistic(readings.inputs[seen], usable.astype(np.float64), weight).tolist()
    odds = readings.inputs[seen] @ [presence, log_sigma] + bias
    keep, enter = (passed_by(odds[faceless], share) for share in (FALSE_KEEP, FALSE_ENTER))
    values = (presence, log_sigma, bias, enter, keep, enter + CLEARLY)
    return replace(Confidence(*(round(value, 3) for value in values)), most_sigma=most_sigma)


def passed_by(odds: Array, share: float) -> float:
    """Return the level that this share of the (N,) log-odds exceeds.

    From the exponential tail beyond their highest TAIL (peaks over a threshold: Pickands, Annals of Statistics 1975),
    since a quantile of a few in ten thousand is one reading's chance.
    """
    start = float(np.quantile(odds, 1 - TAIL))
    scale = float((odds[odds >= start] - start).mean())
    return start + scale * math.log(TAIL / share)


def logistic(inputs: Array, truth: Array, weight: Array, ridge: float = 1e-3, steps: int = 50) -> Array:
    """Fit a weighted logistic regression by Newton's method (iteratively reweighted least squares).

    inputs: (N, K). truth: (N,) 0 or 1. Returns (K + 1,), the last one the bias.
    """
    columns = np.column_stack([inputs, np.ones(len(inputs))])
    penalty = ridge * np.diag([*np.ones(inputs.shape[1]), 0.0])
    found = np.zeros(columns.shape[1])
    for _ in range(steps):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -500, 500)))
        slope = columns.T @ (weight * (chance - truth)) + penalty @ found
        curve = (columns * (weight * chance * (1 - chance))[:, None]).T @ columns + penalty
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(curve)), slope)
        found -= step
        if np.abs(step).max() < 1e-8:
            break
    return found


def stored(confidence: Confidence) -> dict[str, float]:
    """Return what a network's file keeps as `ModelSpec.gates`; JSON knows no infinity."""
    return {name: value for name, value in asdict(confidence).items() if math.isfinite(value)}
