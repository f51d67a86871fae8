"""Losses for landmarks. Errors are in crop px unless said otherwise; weights mask what is unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


def wing(error: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Wing loss (Feng et al., CVPR 2018, eq. 5), element by element: logarithmic below w, linear above it.

    w ln(1 + |x| / epsilon) for |x| < w, else |x| - C with C = w - w ln(1 + w / epsilon).
    """
    size = error.abs()
    c = w - w * math.log(1 + w / epsilon)
    return torch.where(size < w, w * torch.log1p(size / epsilon), size - c)


def laplace_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Negative log-likelihood of a Laplace density with standard deviation sigma: scale b = sigma / sqrt(2).

    log(2 b) + |x| / b, element by element.
    """
    b = sigma / math.sqrt(2)
    return torch.log(2 * b) + error.abs() / b


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight`; 0 where nothing counts."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


@dataclass(frozen=True, slots=True)
class LandmarkLoss:
    """Wing on the points, a Laplace likelihood for sigma alone, binary cross-entropy for presence.

    The likelihood sees the points' errors as constants: it teaches the network to know its errors, not to choose
    which to make.
    """

    sigma_weight: float = 0.5
    presence_weight: float = 2.0

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        error = outputs["points"] - batch["points"]
        weight = batch["weight"]
        points = weighted_mean(wing(error).mean(dim=2), weight)
        nll = laplace_nll(error.detach(), outputs["sigma"].unsqueeze(2)).mean(dim=2)
        sigma = weighted_mean(nll, weight)
        presence = F.binary_cross_entropy_with_logits(outputs["presence"], batch["presence"])
        total = points + self.sigma_weight * sigma + self.presence_weight * presence
        return {"total": total, "points": points, "sigma": sigma, "presence": presence}
