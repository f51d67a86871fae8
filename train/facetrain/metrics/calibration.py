"""Confidence calibration: expected calibration error, temperature scaling, reliability diagram.

Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
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
"""Number of bins of the reliability diagram, as in the paper."""


def softmax(logits: Matrix, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the (N, C) probabilities of (N, C) logits."""
    return np.asarray(special.softmax(np.asarray(logits, np.float64) / temperature, axis=1))


def negative_log_likelihood(probabilities: Matrix, labels: Numbers) -> float:
    """Return the mean negative log-likelihood of (N,) labels under (N, C) probabilities, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-12)).mean())


def fit_temperature(logits: Matrix, labels: Numbers) -> float:
    """Return the temperature that maximises the likelihood of (N,) labels under (N, C) logits.

    The likelihood has one maximum in 1 / temperature; the search has a tolerance of a thousandth, between 1/20 and 20.
    """
    limit = np.log(20.0)
    optimum = optimize.minimize_scalar(
        lambda x: negative_log_likelihood(softmax(logits, float(np.exp(x))), labels),
        bounds=(-limit, limit), method="bounded", options={"xatol": 1e-3},
    )  # fmt: skip
    return float(np.exp(optimum.x))


def reliability_diagram(probabilities: Matrix, labels: Numbers) -> NDArray[np.float64]:
    """Return the non-empty ones of BINS equal bins of the confidence, the largest of (N, C) probabilities.

    Returns (B, 3): mean confidence, accuracy, number of faces.
    """
    diagram = _top_label(probabilities, labels)
    return np.stack([diagram.probability, diagram.share, diagram.count], axis=1)[diagram.count > 0]


def _top_label(probabilities: Matrix, labels: Numbers) -> ReliabilityDiagram:
    """Return the reliability diagram of the most probable class, over its probability."""
    return binary.reliability_diagram(probabilities.argmax(axis=1) == labels, probabilities.max(axis=1), BINS)


def expected_calibration_error(probabilities: Matrix, labels: Numbers) -> float:
    """Return the expected calibration error: |confidence - accuracy| of the bins, weighted by their number of faces."""
    return _top_label(probabilities, labels).error


def save_reliability_diagram(predictions: Mapping[str, tuple[Matrix, Numbers]], path: Path, title: str) -> None:
    """Draw accuracy over confidence, a line for each name; perfect calibration lies on the diagonal.

    predictions: name -> (N, C) probabilities, (N,) labels
    The area of a dot grows with the number of faces in its bin.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, (probabilities, labels) in predictions.items():
        confidence, accuracy, faces = reliability_diagram(probabilities, labels).T
        error = expected_calibration_error(probabilities, labels)
        (line,) = axis.plot(confidence, accuracy, label=f"{name}: calibration error {error:.1%}")
        axis.scatter(confidence, accuracy, s=8 + 200 * faces / faces.max(), color=line.get_color(), alpha=0.6)
    axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title=title)
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=110)
