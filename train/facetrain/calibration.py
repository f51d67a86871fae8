"""What a trained network is given at the end, because training cannot teach it: a true sigma, and the place that the
labels call x = 0.

Sigma: a network that learned from another network's labels has seen errors smaller than those that people would find,
and is too sure. One factor mends that (temperature scaling, Guo et al., ICML 2017, for a scale instead of logits).

Offset: labels may all lie off in one direction (the 300-W files' by about a pixel to the right, in the photographs that
come with this project). A constant down the picture is learned like anything else; one along x is not, because pictures
are mirrored in training and their labels then lie off to the other side: the network settles in between.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

WITHIN_ONE = {"laplace": 1 - math.exp(-math.sqrt(2)), "gaussian": math.erf(math.sqrt(0.5))}
"""Share of a density within one standard deviation: .757 and .683."""


def sigma_factor(ratios: list[NDArray[np.floating]], likelihood: str = "laplace") -> float:
    """What every sigma is to be multiplied by, so that the density's share of errors lies within one sigma.

    ratios: |error| / sigma of each set of faces; the sets count alike, however many faces they hold. 1 where there is
    nothing to go by.
    """
    known = [np.log(np.quantile(part, WITHIN_ONE[likelihood])) for part in ratios if len(part)]
    return float(np.exp(np.mean(known))) if known else 1.0


def labels_offset(predicted: NDArray[np.floating], labelled: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) crop px: how far along x the labels lie beyond what is predicted, as a median over the faces; y is left to
    training. predicted, labelled: (N, 68, 2) crop px, NaN where unlabelled. Faces that were trained on may be used: it
    is not for want of having seen them that a network does not know."""
    beyond = np.nanmean(labelled[..., 0] - predicted[..., 0], axis=1)
    return np.array([np.nanmedian(beyond) if len(beyond) else 0.0, 0.0])


def scale_sigma(model: nn.Module, factor: float) -> None:
    """Multiply every sigma that `model`, a `LandmarkNet`, says by `factor`."""
    bias = model.get_parameter("log_sigma.bias")
    bias.data += math.log(factor)
