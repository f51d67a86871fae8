"""Losses of landmarks and expressions; errors are in crop px unless stated otherwise, weights mask missing labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facetrack.errors import DataError


def wing(error: Tensor, w: float = 10.0, epsilon: float = 2.0) -> Tensor:
    """Compute the wing loss, elementwise: logarithmic below w, linear above (Feng et al., CVPR 2018, eq. 5).

    w ln(1 + |x| / epsilon) for |x| < w, else |x| - C with C = w - w ln(1 + w / epsilon).
    """
    size = error.abs()
    c = w - w * math.log(1 + w / epsilon)
    return torch.where(size < w, w * torch.log1p(size / epsilon), size - c)


def adaptive_wing(
    predicted: Tensor, target: Tensor, alpha: float = 2.1, omega: float = 14.0, epsilon: float = 1.0, theta: float = 0.5
) -> Tensor:
    """Compute the adaptive wing loss of heatmaps in 0..1, elementwise (Wang, Bo, Fuxin, ICCV 2019, eq. 3).

    omega ln(1 + |d / epsilon|^(alpha - y)) for |d| < theta, else A |d| - C with A and C for a continuous derivative.
    """
    d, power = (target - predicted).abs(), alpha - target
    ratio = theta / epsilon
    slope = omega / (1 + ratio**power) * power * ratio ** (power - 1) / epsilon
    c = theta * slope - omega * torch.log1p(ratio**power)
    return torch.where(d < theta, omega * torch.log1p((d / epsilon) ** power), slope * d - c)


def pairwise(predicted: Tensor, target: Tensor) -> Tensor:
    """Compute the mean squared error of the differences between all pairs of points.

    Kept as a counterexample: it is invariant to a common shift of all points, because (p_i + t) - (p_j + t) =
    p_i - p_j. A network trained on it alone learns the shape of a face and not its position.
    `evaluation.landmarks.diagnostics.shift_sensitivity` detects such a loss.
    predicted, target: (N, K, 2). Returns (N,).
    """
    error = predicted - target
    deviation = error - error.mean(dim=1, keepdim=True)
    # The mean over all pairs of |e_i - e_j|^2 is twice the variance of the errors.
    return 2 * (deviation**2).mean(dim=(1, 2))


def gaussian_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Compute the normal density's negative log-likelihood, elementwise: log(sigma sqrt(2 pi)) + x^2 / (2 sigma^2)."""
    return torch.log(sigma) + 0.5 * math.log(2 * math.pi) + error**2 / (2 * sigma**2)


def laplace_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Compute the Laplace density's negative log-likelihood, elementwise: log(2 b) + |x| / b with b = sigma / sqrt(2).

    sigma: standard deviation.
    """
    b = sigma / math.sqrt(2)
    return torch.log(2 * b) + error.abs() / b


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean; 0 if all weights are 0."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)


POINT_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "wing": wing,
    "l1": torch.abs,
    "l2": torch.square,
    "smooth_l1": lambda error: F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none"),
}
"""Elementwise losses of the error in crop px, by the names that recipes use."""


@dataclass(frozen=True, slots=True)
class LandmarkLoss:
    """Loss of the landmark network: points, sigma, presence.

    The likelihood's gradient does not reach the points: it fits sigma to their errors and does not trade one for the
    other. Presence has a binary cross-entropy loss.

    points: one of POINT_LOSSES
    likelihood: of the errors given sigma, laplace or gaussian
    sigma_weight, presence_weight: weights relative to the points' loss
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
    """Cross-entropy with label smoothing: many of the pack's labels are a single annotator's."""

    def __init__(self, smoothing: float) -> None:
        self.smoothing = smoothing

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"total": F.cross_entropy(outputs["expression"], batch["label"], label_smoothing=self.smoothing)}
