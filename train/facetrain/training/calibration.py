"""What a trained network is given at the end, because training cannot teach it: a true sigma, the place that the labels
call x = 0, and true probabilities.

Sigma: a network that learned from another network's labels has seen errors smaller than those that people would find,
and is too sure. One factor mends that (temperature scaling, Guo et al., ICML 2017, for a scale instead of logits).

Offset: labels may all lie off in one direction (the 300-W files' by about a pixel to the right, in the photographs that
come with this project). A constant down the picture is learned like anything else; one along x is not, because pictures
are mirrored in training and their labels then lie off to the other side: the network settles in between.

Probability: a network is surest of the faces it has learnt by heart. A straight line through its logits, fitted on
faces held aside, mends that (Platt, Advances in Large Margin Classifiers, 1999).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

COVERAGE_OF_ONE_SIGMA = {"laplace": 1 - math.exp(-math.sqrt(2)), "gaussian": math.erf(math.sqrt(0.5))}
"""Share of a density within one standard deviation: .757 and .683."""
MAX_NEWTON_STEPS = 50
"""Of Newton's method; some ten are enough."""


def sigma_factor(ratios: list[NDArray[np.floating]], likelihood: str = "laplace") -> float:
    """What every sigma is to be multiplied by, so that the density's share of errors lies within one sigma.

    ratios: |error| / sigma of each set of faces; the sets count alike, however many faces they hold. 1 where there is
    nothing to go by.
    """
    known = [np.log(np.quantile(part, COVERAGE_OF_ONE_SIGMA[likelihood])) for part in ratios if len(part)]
    return float(np.exp(np.mean(known))) if known else 1.0


def label_offset(predicted: NDArray[np.floating], labelled: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) crop px: how far along x the labels lie beyond what is predicted, as a median over the faces; y is left to
    training. predicted, labelled: (N, 68, 2) crop px, NaN where unlabelled. Faces that were trained on may be used: it
    is not for want of having seen them that a network does not know."""
    beyond = np.nanmean(labelled[..., 0] - predicted[..., 0], axis=1)
    return np.array([np.nanmedian(beyond) if len(beyond) else 0.0, 0.0])


def scale_sigma(model: nn.Module, factor: float, bias: str = "log_sigma.bias") -> None:
    """Multiply every sigma that `model` predicts by `factor`; bias: the parameter that holds its logarithm's offset."""
    model.get_parameter(bias).data += math.log(factor)


def platt_scaling(logits: NDArray[np.floating], truth: NDArray[np.floating]) -> tuple[float, float]:
    """(slope, offset) with which 1 / (1 + exp(-(slope * logit + offset))) is the likeliest probability of `truth`.

    logits: (N,); truth: (N,) 0 or 1, softened as Platt does ((N1 + 1) / (N1 + 2) for 1, 1 / (N0 + 2) for 0), so that
    classes that the logits part cleanly do not ask for an endless slope. (1, 0), no change, where a class is missing
    or where the logits rank them the wrong way round.
    """
    ones = int((truth > 0.5).sum())
    zeros = len(truth) - ones
    if not ones or not zeros:
        return 1.0, 0.0
    target = np.where(truth > 0.5, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    columns = np.stack([logits, np.ones(len(logits))], axis=1).astype(np.float64)
    spread = float(columns[:, 0].std()) or 1.0

    def loss(line: NDArray[np.float64]) -> float:
        said = columns @ line
        return float((np.logaddexp(0, said) - target * said).sum())

    line = np.array([1 / spread, 0.0])
    for _ in range(MAX_NEWTON_STEPS):
        said = 1 / (1 + np.exp(-(columns @ line)))
        slopes = columns.T @ (said - target)
        bends = (columns * (said * (1 - said))[:, None]).T @ columns + 1e-9 * np.eye(2)
        step = np.linalg.solve(bends, slopes)
        while loss(line - step) > loss(line) + 1e-12 and np.abs(step).max() > 1e-9:
            step /= 2
        line = line - step
    return (float(line[0]), float(line[1])) if line[0] > 0 else (1.0, 0.0)


def likelihood_gain(logits: NDArray[np.floating], truth: NDArray[np.floating], line: tuple[float, float]) -> float:
    """By how much a line (slope, offset) through the logits (N,) raises the log likelihood of truth (N,) 0 or 1.

    Akaike's criterion (1974) calls it better where that is more than 2, its number of parameters.
    """

    def loss(said: NDArray[np.floating]) -> float:
        return float((np.logaddexp(0, said) - truth * said).sum())

    return loss(logits) - loss(line[0] * logits + line[1])
