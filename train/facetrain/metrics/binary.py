"""Binary classification metrics: accuracy with bootstrap interval, ROC curve, calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

BINS = 10
"""Number of equally wide bins of the reliability diagram, over the probability of the positive class."""
RESAMPLES = 2000
"""Number of bootstrap resamples."""
CONFIDENCE_LEVEL = 0.95
"""Confidence level of the bootstrap interval."""


@dataclass(frozen=True, slots=True, eq=False)
class RocCurve:
    """ROC curve.

    false_positive_rate, true_positive_rate: (P,) shares of the negatives and of the positives predicted positive, from
        0 to 1
    auc: probability that a positive scores higher than a negative, ties counted half (Mann and Whitney)
    """

    false_positive_rate: Array
    true_positive_rate: Array
    auc: float


def roc(truth: Flags, score: NDArray[np.floating]) -> RocCurve:
    """Return the ROC curve of (N,) labels and (N,) scores; its area is NaN unless both classes are present."""
    order = np.argsort(-score, kind="stable")
    positive, ranked = truth[order], score[order]
    # One point of the curve for each distinct score: the last of equal scores.
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1) if len(ranked) else np.zeros(0, np.intp)
    true, false = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    n_positive, n_negative = int(truth.sum()), int((~truth).sum())
    false_positive_rate = np.concatenate([[0.0], false / max(1, n_negative)])
    true_positive_rate = np.concatenate([[0.0], true / max(1, n_positive)])
    # Trapezoidal rule: a run of equal scores is a slanted segment, which counts its pairs half.
    auc = float(np.sum(np.diff(false_positive_rate) * (true_positive_rate[1:] + true_positive_rate[:-1]) / 2))
    return RocCurve(false_positive_rate, true_positive_rate, auc if n_positive and n_negative else float("nan"))


@dataclass(frozen=True, slots=True, eq=False)
class ReliabilityDiagram:
    """Reliability diagram over the bins of the probability, and the expected calibration error.

    probability: (B,) mean probability in the bin, NaN if empty
    share: (B,) share of positives in the bin, NaN if empty
    count: (B,) number of samples in the bin
    error: expected calibration error, the mean over all samples of |probability - share| of their bin (Naeini, Cooper
        and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015; the binary form, over
        the probability of the positive class)
    """

    probability: Array
    share: Array
    count: Ints
    error: float


def reliability_diagram(truth: Flags, probability: NDArray[np.floating], bins: int = BINS) -> ReliabilityDiagram:
    """Return the reliability diagram of (N,) labels and (N,) probabilities, 0..1.

    A probability on an edge belongs to the bin above, 1 to the last bin.
    """
    bin_index = np.minimum((probability.astype(np.float64) * bins).astype(np.int64), bins - 1)
    count = np.bincount(bin_index, minlength=bins)
    filled = np.where(count > 0, count, np.nan)
    mean = np.bincount(bin_index, probability, bins) / filled
    share = np.bincount(bin_index, truth, bins) / filled
    gap = np.nan_to_num(np.abs(mean - share))
    return ReliabilityDiagram(mean, share, count, float((gap * count).sum() / max(1, len(truth))))


def bootstrap_interval(values: NDArray[np.generic], resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean of (N,) values; NaN without values.

    Source: Efron and Tibshirani, An introduction to the bootstrap, 1993.
    """
    if not len(values):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class BinaryMetrics:
    """Binary predictions of one attribute on one data set.

    truth, predicted: (N,)
    score: (N,) score that `predicted` was thresholded from
    probability: whether the score is meant as a probability
    note: remark for the reader of the figures
    """

    name: str
    data: str
    truth: Flags
    score: Array
    predicted: Flags
    probability: bool = True
    note: str = ""

    @property
    def roc(self) -> RocCurve:
        return roc(self.truth, self.score)

    @property
    def reliability_diagram(self) -> ReliabilityDiagram | None:
        return reliability_diagram(self.truth, self.score) if self.probability else None

    def figures(self) -> dict[str, float]:
        """Return the metrics of the positive class, 0..1; NaN for a ratio over nothing."""
        correct = self.predicted == self.truth
        hits, predicted, true = (int(x.sum()) for x in (self.predicted & self.truth, self.predicted, self.truth))
        low, high = bootstrap_interval(correct)
        nan = float("nan")
        calibration = self.reliability_diagram
        return {
            "pictures": len(self.truth),
            "yes": true,
            "accuracy": float(correct.mean()) if len(correct) else nan,
            "accuracy_low": low,
            "accuracy_high": high,
            "precision": hits / predicted if predicted else nan,
            "recall": hits / true if true else nan,
            "f1": 2 * hits / (predicted + true) if predicted + true else nan,
            "roc_area": self.roc.auc,
            "calibration_error": nan if calibration is None else calibration.error,
        }


def binary_figures(predicted: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return precision, recall and F1 of the positive class; 0 for a ratio over nothing.

    predicted, labels: (N,) bool; (N,) 1 or 0, negative if unknown
    """
    known = labels >= 0
    predicted, true = predicted[known], labels[known] > 0
    hits = float((predicted & true).sum())
    precision, recall = hits / max(1, int(predicted.sum())), hits / max(1, int(true.sum()))
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(1e-9, precision + recall)}
