"""Whether probabilities can be believed: the calibration error, the temperature that mends it, and the picture.

Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.intp]
Matrix = NDArray[np.floating]
BINS = 15
"""As in the paper."""


def softmax(logits: Matrix, temperature: float = 1.0) -> NDArray[np.float64]:
    """(N, C) logits -> (N, C) probabilities."""
    scaled = np.asarray(logits, np.float64) / temperature
    values = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def negative_log_likelihood(probabilities: Matrix, labels: Numbers) -> float:
    """Mean over (N, C) probabilities of -log of the label's, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def best_temperature(logits: Matrix, labels: Numbers) -> float:
    """What to divide (N, C) logits by so that the labels become likeliest. The likelihood has one maximum in
    1 / temperature; it is found to a thousandth, between 1/20 and 20."""
    low, high = -np.log(20.0), np.log(20.0)
    ratio = (np.sqrt(5) - 1) / 2  # golden section (Kiefer 1953)
    while high - low > 1e-3:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        of_a, of_b = (negative_log_likelihood(softmax(logits, float(np.exp(x))), labels) for x in (a, b))
        low, high = (low, b) if of_a < of_b else (a, high)
    return float(np.exp((low + high) / 2))


def reliability(probabilities: Matrix, labels: Numbers) -> NDArray[np.float64]:
    """(B, 3) for each of BINS equal bins of the largest probability that holds a face: the mean of that probability,
    the share of its faces told right, the number of faces."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    of_bin = np.minimum((confidence * BINS).astype(int), BINS - 1)
    rows = [(confidence[m].mean(), right[m].mean(), m.sum()) for b in range(BINS) if (m := of_bin == b).any()]
    return np.array(rows, np.float64).reshape(-1, 3)


def calibration_error(probabilities: Matrix, labels: Numbers) -> float:
    """Expected calibration error: over the bins, how far the mean probability is from the share told right, by their
    faces."""
    said, right, faces = reliability(probabilities, labels).T
    return float((np.abs(said - right) * faces).sum() / faces.sum())


def save_reliability(of: Mapping[str, tuple[Matrix, Numbers]], path: Path, title: str) -> None:
    """Share told right over the probability said, a line for each name; on the diagonal the probability is true. The
    area of a dot grows with its faces."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, (probabilities, labels) in of.items():
        said, right, faces = reliability(probabilities, labels).T
        error = calibration_error(probabilities, labels)
        (line,) = axis.plot(said, right, label=f"{name}: calibration error {error:.1%}")
        axis.scatter(said, right, s=8 + 200 * faces / faces.max(), color=line.get_color(), alpha=0.6)
    axis.set(xlabel="probability of what was said", ylabel="share told right", xlim=(0, 1), ylim=(0, 1), title=title)
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=110)
