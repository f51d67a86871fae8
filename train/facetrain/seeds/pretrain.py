"""Pretraining of a VGG body on landmarks, for an expression network that keeps most of it frozen.

CIFE's authors used a network pretrained on ImageNet. Such weights are neither available here nor downloaded: the body
is pretrained on the 68 points of the same training faces, whose labels are free (MediaPipe's).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from facetrain.augment.webcam import AugmentOptions
from facetrain.models.vgg16 import VggBody, widths
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops
from facetrain.training.checkpoint import save_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import weighted_mean


class BodyOnPoints(nn.Module):
    """VGG body with one dense layer of 136 coordinates."""

    def __init__(self, body: VggBody, input_px: int, width: float) -> None:
        super().__init__()
        self.body, self.reach = body, input_px / 2
        self.dense = nn.Linear(widths(width)[-1] * (input_px // 32) ** 2, 136)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        x = (crops.permute(0, 3, 1, 2).float() - 127.5) / 64
        points = self.dense(self.body(x).flatten(1)).unflatten(1, (-1, 2))
        return {"points": points * self.reach + self.reach - 0.5}


def points_loss(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute the mean absolute error in px, masked."""
    return {"total": weighted_mean((outputs["points"] - batch["points"]).abs().mean(dim=2), batch["weight"])}


def pretrain_body(
    body: VggBody, samples: list[Sample], input_px: int, width: float, options: FitOptions, run_dir: Path
) -> None:
    """Train `body` in place; run_dir/body.safetensors has its weights, for the recipe's key `body` of later runs."""
    augment = AugmentOptions(grey=1.0, occlusion=0.0, jpeg=0.0, wide_rotation_deg=20.0, rotation_deg=8.0)
    crops = CropOptions(input_px=input_px, margin=1.3, negatives=0.0, augment=augment)
    model = BodyOnPoints(body, input_px, width)
    torch.manual_seed(options.seed)
    trained = fit(model, LandmarkCrops(samples, [], crops, options.seed), points_loss, lambda _: {}, options, run_dir)
    assert isinstance(trained, BodyOnPoints)
    body.load_state_dict(trained.body.state_dict())
    save_weights(body, run_dir / "body.safetensors")
