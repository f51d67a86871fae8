"""Calibration after training: scale of sigma, probabilities.

Sigma: a network trained on another network's labels has seen smaller errors than human labels would show, and is
overconfident. One factor corrects this (temperature scaling, Guo et al., ICML 2017, of a scale instead of logits).

Offset: labels may have a common bias (the 300-W files' is about a pixel to the right, in the photographs that come with
this project). A vertical bias is learned like anything else; a horizontal one is not, because training images are
mirrored and the bias of their labels then has the opposite sign: the network learns the mean of both.

Probability: a network is overconfident on memorised faces. A linear map of its logits, fitted on held-out faces,
corrects this (Platt, Advances in Large Margin Classifiers, 1999).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

COVERAGE_OF_ONE_SIGMA = {"laplace": 1 - math.exp(-math.sqrt(2)), "gaussian": math.erf(math.sqrt(0.5))}
"""Probability mass within one standard deviation: .757 and .683."""
MAX_NEWTON_STEPS = 50
"""Upper limit; some ten steps of Newton's method are enough."""


def sigma_factor(ratios: list[NDArray[np.floating]], likelihood: str = "laplace") -> float:
    """Return the factor on every sigma that puts the density's one-sigma share of the errors within one sigma.

    ratios: |error| / sigma of each set of faces; the sets have equal weight, whatever their size.
    Returns 1 if all sets are empty.
    """
    known = [np.log(np.quantile(part, COVERAGE_OF_ONE_SIGMA[likelihood])) for part in ratios if len(part)]
    return float(np.exp(np.mean(known))) if known else 1.0


def scale_sigma(model: nn.Module, factor: float, bias: str = "log_sigma.bias") -> None:
    """Multiply every sigma that `model` predicts by `factor`; bias: the parameter that holds its logarithm's offset."""
    model.get_parameter(bias).data += math.log(factor)


def platt_scaling(logits: NDArray[np.floating], truth: NDArray[np.floating]) -> tuple[float, float]:
    """Fit (slope, offset) of the probability 1 / (1 + exp(-(slope * logit + offset))) by maximum likelihood.

    logits: (N,). truth: (N,) 0 or 1, smoothed as Platt does ((N1 + 1) / (N1 + 2) for 1, 1 / (N0 + 2) for 0), so that
    the slope stays finite for classes that the logits separate perfectly.
    Returns (1, 0), no change, if a class is missing or if the fitted slope is not positive.
    """
    ones = int((truth > 0.5).sum())
    zeros = len(truth) - ones
    if not ones or not zeros:
        return 1.0, 0.0
    target = np.where(truth > 0.5, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    columns = np.stack([logits, np.ones(len(logits))], axis=1).astype(np.float64)
    spread = float(columns[:, 0].std()) or 1.0

    def loss(line: NDArray[np.float64]) -> float:
        scaled = columns @ line
        return float((np.logaddexp(0, scaled) - target * scaled).sum())

    line = np.array([1 / spread, 0.0])
    for _ in range(MAX_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-(columns @ line)))
        gradient = columns.T @ (probability - target)
        hessian = (columns * (probability * (1 - probability))[:, None]).T @ columns + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        # backtracking line search
        while loss(line - step) > loss(line) + 1e-12 and np.abs(step).max() > 1e-9:
            step /= 2
        line = line - step
    return (float(line[0]), float(line[1])) if line[0] > 0 else (1.0, 0.0)


def likelihood_gain(logits: NDArray[np.floating], truth: NDArray[np.floating], line: tuple[float, float]) -> float:
    """Return the increase of the log likelihood of `truth` when the logits are scaled by `line`.

    Akaike's criterion (1974) prefers the scaled logits where this is more than 2, the number of parameters.
    logits: (N,). truth: (N,) 0 or 1. line: (slope, offset).
    """

    def loss(values: NDArray[np.floating]) -> float:
        return float((np.logaddexp(0, values) - truth * values).sum())

    return loss(logits) - loss(line[0] * logits + line[1])
