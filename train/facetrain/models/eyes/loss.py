"""Loss of the eye network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT
from facetrain.models.eyes.labels import unpack

LEAST_LOG_PX, LEAST_LOG_GAP = -2.5, -5.0
"""Least logarithm of a scale in the loss: .08 px, .007 of the eye's width."""


@dataclass(frozen=True, slots=True)
class EyeLoss:
    """Weighted sum of the outputs' negative log-likelihoods; a recipe's section `loss`.

    Positions, radius and gap have Laplace densities with predicted scales, the states and `covered` are classes.
    far: an eye that looks aside by the unit vector (x, y) weighs 1 + far (x^2 + y^2) in the gaze's term: most look
    ahead. A label of the states is the set of those that are possible: "closed" of a photograph may be lowered, too.
    """

    contour: float = 2.0
    iris: float = 0.6
    gap: float = 1.0
    state: float = 1.0
    covered: float = 0.5
    gaze: float = 2.5
    far: float = 6.0

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        batch = unpack(batch["labels"])
        eyes = {name: outputs[EYES_OUTPUT][:, 0, columns] for name, columns in EYES_COLUMNS.items()}
        contour = _laplace(eyes["contour"].unflatten(1, (6, 2)), batch["contour"], eyes["contour_scale"], LEAST_LOG_PX)
        iris = _laplace(eyes["iris"][:, None], batch["iris"][:, None, :2], eyes["iris_scale"], LEAST_LOG_PX)
        radius = (eyes["iris_radius"][:, 0] - batch["iris"][:, 2]).abs() / 2
        gap = _laplace(eyes["gap"][:, None], batch["gap"][:, None, None], eyes["gap_scale"], LEAST_LOG_GAP)
        possible = batch["state"] > 0
        log_odds = torch.log_softmax(eyes["state"], dim=1).masked_fill(~possible, -1e4)
        state = -torch.logsumexp(log_odds, dim=1)
        gaze = _laplace(eyes["gaze"][:, None], batch["gaze"][:, None], eyes["gaze_scale"], LEAST_LOG_GAP)
        covered = F.binary_cross_entropy_with_logits(eyes["covered"][:, 0], batch["covered"], reduction="none")
        terms = {
            "contour": _mean(contour, batch["contour_weight"]),
            "iris": _mean(iris[:, 0], batch["iris_weight"]),
            "radius": _mean(radius, batch["radius_weight"]),
            "gap": _mean(gap[:, 0], batch["gap_weight"]),
            "state": _mean(state, batch["state_weight"]),
            "covered": _mean(covered, batch["covered_weight"]),
            "gaze": _mean(gaze[:, 0], batch["gaze_weight"] * (1 + self.far * (batch["gaze"] ** 2).sum(dim=1))),
        }
        total = (
            self.contour * terms["contour"] + self.iris * (terms["iris"] + terms["radius"]) + self.gap * terms["gap"]
            + self.state * terms["state"] + self.covered * terms["covered"]
            + self.gaze * terms["gaze"]
        )  # fmt: skip
        return {"total": total, **terms}


def _laplace(predicted: Tensor, truth: Tensor, log_scale: Tensor, least: float) -> Tensor:
    """Return the mean negative log-likelihood over the coordinates, (N, K), without its constant.

    predicted, truth: (N, K, D). log_scale: (N, K).
    """
    log_scale = log_scale.clamp(least, 6)
    return (predicted - truth).abs().mean(dim=-1) * torch.exp(-log_scale) + log_scale


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean of the values over the batch, each scaled by its weight; unlabelled ones have weight 0."""
    return (values * weight).sum() / max(values.numel(), 1)
