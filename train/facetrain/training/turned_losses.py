"""The loss of a landmark network on turned faces: points, combinations of points, sigma, visibility and rotation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facetrack.topology_maps import aflw_from_68
from facetrain.training.losses import laplace_nll, weighted_mean, wing

RAD_DEG = math.degrees(1.0)
ROTATION_UNIT_DEG = 10.0
"""An error of the rotation of this size has the loss 1."""


def euler(rotation: Tensor) -> Tensor:
    """(N, 3, 3) head to camera -> (N, 3) yaw, pitch, roll in degrees, as `facetrack.angles.euler_deg`."""
    yaw = torch.atan2(-rotation[:, 0, 2], rotation[:, 2, 2])
    pitch = torch.asin(rotation[:, 1, 2].clamp(-1, 1))
    roll = torch.atan2(rotation[:, 1, 0], rotation[:, 1, 1])
    return torch.stack([yaw, pitch, roll], dim=1) * RAD_DEG


def angle_difference(predicted: Tensor, truth: Tensor) -> Tensor:
    """(N, 3, 3) rotations -> (N, 3) difference of yaw, pitch and roll in degrees, from -180 to 180."""
    return (euler(predicted) - euler(truth) + 180) % 360 - 180


@dataclass(frozen=True, slots=True)
class TurnedLoss:
    """Loss of a landmark network with `TurnedHeads`, a weighted sum.

    Wing loss of the 68 points and of AFLW's 21 as their combinations; Laplace likelihood of sigma; cross entropy of
    presence and visibility; chordal distance of the rotation and Laplace likelihood of its angles' sigma.

    Unknown labels (weight 0, NaN) count nowhere. Likelihoods see the errors as constants, as in `LandmarkLoss`.
    """

    hand_weight: float = 2.0
    sigma_weight: float = 0.5
    presence_weight: float = 2.0
    visibility_weight: float = 1.0
    rotation_weight: float = 1.0
    rotation_sigma_weight: float = 0.2

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        points, sigma = self._points(outputs, batch)
        presence = F.binary_cross_entropy_with_logits(outputs["presence"], batch["presence"])
        seen = batch["visible"]
        entropy = F.binary_cross_entropy_with_logits(outputs["visibility"], seen.nan_to_num(), reduction="none")
        visibility = weighted_mean(entropy, seen.isfinite().float())
        rotation, rotation_nll = self._rotation(outputs, batch)
        total = (
            points
            + self.sigma_weight * sigma
            + self.presence_weight * presence
            + self.visibility_weight * visibility
            + self.rotation_weight * rotation
            + self.rotation_sigma_weight * rotation_nll
        )
        return {
            "total": total,
            "points": points,
            "sigma": sigma,
            "presence": presence,
            "visibility": visibility,
            "rotation": rotation,
            "rotation_nll": rotation_nll,
        }

    def _points(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        error = outputs["points"] - batch["points"]
        combinations = torch.from_numpy(aflw_from_68()).to(error)
        hand = batch["hand"]
        known = hand.isfinite().all(dim=2) & (combinations.sum(dim=1) > 0)
        hand_error = torch.einsum("mk,nkd->nmd", combinations, outputs["points"]) - hand.nan_to_num()
        every = torch.cat([error, hand_error * known[..., None]], dim=1)
        weight = torch.cat([batch["weight"], self.hand_weight * known], dim=1)
        nll = laplace_nll(error.detach(), outputs["sigma"].unsqueeze(2)).mean(dim=2)
        return weighted_mean(wing(every).mean(dim=2), weight), weighted_mean(nll, batch["weight"])

    def _rotation(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        weight = batch["rotation_weight"]
        square = ((outputs["rotation"] - batch["rotation"]) ** 2).sum(dim=(1, 2))
        chord = (square / 2 + 1e-6).sqrt()  # 2 sin(angle / 2): the angle in radians where it is small
        distance = weighted_mean(chord * (RAD_DEG / ROTATION_UNIT_DEG), weight)
        off = angle_difference(outputs["rotation"].detach(), batch["rotation"])
        return distance, weighted_mean(laplace_nll(off, outputs["rotation_sigma"]).mean(dim=1), weight)
