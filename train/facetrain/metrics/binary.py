"""How well a yes or no is told: accuracy with its interval, the ROC curve, and whether probabilities mean what they
say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

BINS = 10
"""Of the reliability diagram: equally wide, over the probability of yes."""
RESAMPLES = 2000
CONFIDENCE_LEVEL = 0.95
"""Of the bootstrap interval."""


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """false_share, true_share: of the noes and of the yeses that are called yes, from none to all. area: the
    probability that a yes scores higher than a no, ties counted half (Mann and Whitney)."""

    false_positive_rate: Array
    true_positive_rate: Array
    auc: float


def roc(truth: Flags, score: NDArray[np.floating]) -> RocCurve:
    """(N,) each; NaN area without both yes and no."""
    order = np.argsort(-score, kind="stable")
    yes, ranked = truth[order], score[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.zeros(0, np.intp)
    true, false = np.cumsum(yes)[last], np.cumsum(~yes)[last]
    n_yes, n_no = int(truth.sum()), int((~truth).sum())
    false_positive_rate = np.concatenate([[0.0], false / max(1, n_no)])
    true_positive_rate = np.concatenate([[0.0], true / max(1, n_yes)])
    # Trapezia: a run of equal scores is a slanted piece, which counts its pairs half.
    auc = float(np.sum(np.diff(false_positive_rate) * (true_positive_rate[1:] + true_positive_rate[:-1]) / 2))
    return RocCurve(false_positive_rate, true_positive_rate, auc if n_yes and n_no else float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityDiagram:
    """By bin of the probability: its mean (NaN in an empty bin), the share of yeses there, and how many.

    error: the expected calibration error, the mean over all samples of the distance between the two (Naeini, Cooper
    and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015; in the form for yes or
    no, over the probability of yes).
    """

    probability: Array
    share: Array
    count: Ints
    error: float


def reliability_diagram(truth: Flags, probability: NDArray[np.floating], bins: int = BINS) -> ReliabilityDiagram:
    """truth, probability: (N,), the latter 0..1; a probability on an edge belongs to the bin above, 1 to the last."""
    place = np.minimum((probability.astype(np.float64) * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    mean = np.bincount(place, probability, bins) / filled
    share = np.bincount(place, truth, bins) / filled
    gap = np.nan_to_num(np.abs(mean - share))
    return ReliabilityDiagram(mean, share, count, float((gap * count).sum() / max(1, len(truth))))


def bootstrap_interval(
    values: NDArray[np.generic], groups: NDArray[np.generic] | None = None, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval (Efron and Tibshirani, An introduction to the bootstrap, 1993) of the mean of
    values (N,). groups: (N,) what belongs together, drawn as a whole (one photograph shown in several faces)."""
    if not len(values):
        return float("nan"), float("nan")
    _, group = np.unique(np.arange(len(values)) if groups is None else groups, return_inverse=True)
    sums, counts = np.bincount(group, values.astype(np.float64)), np.bincount(group)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):
        drawn = rng.integers(len(sums), size=len(sums))
        means[i] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class BinaryMetrics:
    """One question on one set. truth, said: (N,). score: (N,) what `predicted` was decided by. groups: (N,), see
    `bootstrap_interval`, or None. probability: whether the score claims to be one. note: what a reader must know."""

    name: str
    data: str
    truth: Flags
    score: Array
    predicted: Flags
    groups: Ints | None = None
    probability: bool = True
    note: str = ""

    @property
    def roc(self) -> RocCurve:
        return roc(self.truth, self.score)

    @property
    def reliability_diagram(self) -> ReliabilityDiagram | None:
        return reliability_diagram(self.truth, self.score) if self.probability else None

    def figures(self) -> dict[str, float]:
        """Shares 0..1; precision and recall are of yes, NaN where nothing was said or nothing was there."""
        right = self.predicted == self.truth
        hits, predicted, true = (int(x.sum()) for x in (self.predicted & self.truth, self.predicted, self.truth))
        low, high = bootstrap_interval(right, self.groups)
        nan = float("nan")
        calibration = self.reliability_diagram
        return {
            "pictures": len(self.truth),
            "yes": true,
            "accuracy": float(right.mean()) if len(right) else nan,
            "accuracy_low": low,
            "accuracy_high": high,
            "precision": hits / predicted if predicted else nan,
            "recall": hits / true if true else nan,
            "f1": 2 * hits / (predicted + true) if predicted + true else nan,
            "roc_area": self.roc.auc,
            "calibration_error": nan if calibration is None else calibration.error,
        }


def binary_figures(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of "yes" over the known labels; 0 where nothing was said or nothing was there."""
    known = labels >= 0
    predicted, true = predicted[known], labels[known] > 0
    hits = float((predicted & true).sum())
    precision, recall = hits / max(1, int(predicted.sum())), hits / max(1, int(true.sum()))
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(1e-9, precision + recall)}
