"""Losses for landmarks. Errors are in crop px unless said otherwise; weights mask what is unknown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facetrack.errors import DataError


def wing(error: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Wing loss (Feng et al., CVPR 2018, eq. 5), element by element: logarithmic below w, linear above it.

    w ln(1 + |x| / epsilon) for |x| < w, else |x| - C with C = w - w ln(1 + w / epsilon).
    """
    size = error.abs()
    c = w - w * math.log(1 + w / epsilon)
    return torch.where(size < w, w * torch.log1p(size / epsilon), size - c)


def adaptive_wing(
    predicted: Tensor, target: Tensor, alpha: float = 2.1, omega: float = 14.0, epsilon: float = 1.0, theta: float = 0.5
) -> Tensor:
    """Adaptive wing loss for heatmaps in 0..1 (Wang, Bo, Fuxin, ICCV 2019, eq. 3), element by element.

    omega ln(1 + |d / epsilon|^(alpha - y)) for |d| < theta, else A |d| - C with A and C such that both meet smoothly.
    """
    d, power = (target - predicted).abs(), alpha - target
    ratio = theta / epsilon
    slope = omega / (1 + ratio**power) * power * ratio ** (power - 1) / epsilon
    c = theta * slope - omega * torch.log1p(ratio**power)
    return torch.where(d < theta, omega * torch.log1p((d / epsilon) ** power), slope * d - c)


def pairwise(predicted: Tensor, target: Tensor) -> Tensor:
    """(N, K, 2) -> (N,): mean squared error of the differences between all pairs of points.

    Kept as a warning: it is blind to a shift that all points share, because (p_i + t) - (p_j + t) = p_i - p_j. A
    network trained on it alone learns the shape of a face and not where it is.
    `evaluation.landmarks.diagnostics.shift_sensitivity` tells such a loss.
    """
    error = predicted - target
    spread = error - error.mean(dim=1, keepdim=True)
    # The mean over all pairs of |e_i - e_j|^2 is twice the variance of the errors.
    return 2 * (spread**2).mean(dim=(1, 2))


def gaussian_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Negative log-likelihood of a normal density: log(sigma sqrt(2 pi)) + x^2 / (2 sigma^2), element by element."""
    return torch.log(sigma) + 0.5 * math.log(2 * math.pi) + error**2 / (2 * sigma**2)


def laplace_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Negative log-likelihood of a Laplace density with standard deviation sigma: scale b = sigma / sqrt(2).

    log(2 b) + |x| / b, element by element.
    """
    b = sigma / math.sqrt(2)
    return torch.log(2 * b) + error.abs() / b


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of `values` under `weight`; 0 where nothing counts."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


POINT_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "wing": wing,
    "l1": torch.abs,
    "l2": torch.square,
    "smooth_l1": lambda error: F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none"),
}
"""Of the error in crop px, element by element, as recipes name them."""


@dataclass(frozen=True, slots=True)
class LandmarkLoss:
    """One of POINT_LOSSES on the points, a likelihood for sigma alone, binary cross-entropy for presence.

    The likelihood (laplace or gaussian) sees the points' errors as constants: it teaches the network to know its
    errors, not to choose which to make.
    """

    points: str = "wing"
    likelihood: str = "laplace"
    sigma_weight: float = 0.5
    presence_weight: float = 2.0

    def __post_init__(self) -> None:
        for name, got, known in (
            ("points", self.points, POINT_LOSSES),
            ("likelihood", self.likelihood, ("laplace", "gaussian")),
        ):
            if got not in known:
                raise DataError(f"loss.{name} is '{got}'; expected one of {', '.join(known)}")

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        error = outputs["points"] - batch["points"]
        weight = batch["weight"]
        points = weighted_mean(POINT_LOSSES[self.points](error).mean(dim=2), weight)
        likelihood = laplace_nll if self.likelihood == "laplace" else gaussian_nll
        nll = likelihood(error.detach(), outputs["sigma"].unsqueeze(2)).mean(dim=2)
        sigma = weighted_mean(nll, weight)
        presence = F.binary_cross_entropy_with_logits(outputs["presence"], batch["presence"])
        total = points + self.sigma_weight * sigma + self.presence_weight * presence
        return {"total": total, "points": points, "sigma": sigma, "presence": presence}


class ExpressionLoss:
    """Cross-entropy with smoothed labels: many of the pack's are one person's opinion."""

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"total": F.cross_entropy(outputs["expression"], batch["label"], label_smoothing=self.smoothing)}
