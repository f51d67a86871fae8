"""Whether probabilities can be believed: the calibration error, the temperature that mends it, and the picture.

Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from facetrain.metrics import binary
from facetrain.metrics.binary import ReliabilityDiagram

Numbers = NDArray[np.intp]
Matrix = NDArray[np.floating]
BINS = 15
"""As in the paper."""


def softmax(logits: Matrix, temperature: float = 1.0) -> NDArray[np.float64]:
    """(N, C) logits -> (N, C) probabilities."""
    return np.asarray(special.softmax(np.asarray(logits, np.float64) / temperature, axis=1))


def negative_log_likelihood(probabilities: Matrix, labels: Numbers) -> float:
    """Mean over (N, C) probabilities of -log of the label's, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def fit_temperature(logits: Matrix, labels: Numbers) -> float:
    """What to divide (N, C) logits by so that the labels become likeliest. The likelihood has one maximum in
    1 / temperature; it is found to a thousandth, between 1/20 and 20."""
    limit = np.log(20.0)
    found = optimize.minimize_scalar(
        lambda x: negative_log_likelihood(softmax(logits, float(np.exp(x))), labels),
        bounds=(-limit, limit), method="bounded", options={"xatol": 1e-3},
    )  # fmt: skip
    return float(np.exp(found.x))


def reliability_diagram(probabilities: Matrix, labels: Numbers) -> NDArray[np.float64]:
    """(B, 3) for each of BINS equal bins of the largest probability that holds a face: the mean of that probability,
    the share of its faces told right, the number of faces."""
    found = _top_label(probabilities, labels)
    return np.stack([found.probability, found.share, found.count], axis=1)[found.count > 0]


def _top_label(probabilities: Matrix, labels: Numbers) -> ReliabilityDiagram:
    """Whether the likeliest class was right, by its probability."""
    return binary.reliability_diagram(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1), BINS)


def expected_calibration_error(probabilities: Matrix, labels: Numbers) -> float:
    """Expected calibration error: over the bins, how far the mean probability is from the share told right, by their
    faces."""
    return _top_label(probabilities, labels).error


def save_reliability_diagram(of: Mapping[str, tuple[Matrix, Numbers]], path: Path, title: str) -> None:
    """Share told right over the probability said, a line for each name; on the diagonal the probability is true. The
    area of a dot grows with its faces."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, (probabilities, labels) in of.items():
        confidence, right, faces = reliability_diagram(probabilities, labels).T
        error = expected_calibration_error(probabilities, labels)
        (line,) = axis.plot(confidence, right, label=f"{name}: calibration error {error:.1%}")
        axis.scatter(confidence, right, s=8 + 200 * faces / faces.max(), color=line.get_color(), alpha=0.6)
    axis.set(xlabel="probability of what was said", ylabel="share told right", xlim=(0, 1), ylim=(0, 1), title=title)
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=110)
