"""Makes a network's sigma true: the share of errors within one sigma on faces held aside is the density's own.

A network that learned from another network's labels has seen errors smaller than those that people would find, and is
too sure. One factor mends that (temperature scaling, Guo et al., ICML 2017, for a scale instead of logits).
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


def scale_sigma(model: nn.Module, factor: float) -> None:
    """Multiply every sigma that `model`, a `LandmarkNet`, says by `factor`."""
    bias = model.get_parameter("log_sigma.bias")
    bias.data += math.log(factor)
