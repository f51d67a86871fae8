"""Landmark regressor of Yin Guobing's cnn-facial-landmark (2018): 128 px, eight valid convolutions, dense 1024 and 136.

Beside the 136 coordinates it has the outputs that facetrack's tracker needs and the original lacks: a presence logit
from the same 1024 features, and each landmark's typical error, measured on validation faces and stored as a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facetrack.topology import N_POINTS
from facetrain.models.starts import glorot_initialise

BLOCKS = ((32,), (64, 64), (64, 64), (128, 128))
"""Channels of the 3x3 convolutions before each pool; one more of 256 channels follows."""


@dataclass(frozen=True, slots=True)
class Cnn128Options:
    """Variants of the network.

    input_px: side of the crop
    pool_strides: (2, 2, 1, 1) as first described; a later published version has (2, 2, 2, 1), with a dense layer of
        6.6 M parameters instead of 75.8 M
    dense: units of the dense layer
    width: multiplier of the convolutions' channels
    """

    input_px: int = 128
    pool_strides: tuple[int, int, int, int] = (2, 2, 1, 1)
    dense: int = 1024
    width: float = 1.0


class Cnn128(nn.Module):
    """Plain convolutional landmark regressor.

    (N, 128, 128, 3) uint8 BGR -> points (N, 68, 2) crop px, sigma (N, 68) crop px, presence (N,) logits.
    sigma is NaN until it is measured.
    """

    MEAN, SCALE = 127.5, 64.0
    sigma: Tensor

    def __init__(self, options: Cnn128Options | None = None) -> None:
        super().__init__()
        self.options = options = options or Cnn128Options()
        layers: list[nn.Module] = []
        inputs, side = 3, options.input_px
        for channels, stride in zip(BLOCKS, options.pool_strides, strict=True):
            for width in (round(c * options.width) for c in channels):
                layers += [nn.Conv2d(inputs, width, 3), nn.ReLU(inplace=True)]
                inputs, side = width, side - 2
            layers.append(nn.MaxPool2d(2, stride))
            side = (side - 2) // stride + 1
        last = round(256 * options.width)
        layers += [nn.Conv2d(inputs, last, 3), nn.ReLU(inplace=True), nn.Flatten()]
        self.features = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(last * (side - 2) ** 2, options.dense), nn.ReLU(inplace=True))
        self.logits = nn.Linear(options.dense, 2 * N_POINTS)
        self.presence = nn.Linear(options.dense, 1)
        glorot_initialise(self)
        self.register_buffer("sigma", torch.full((N_POINTS,), float("nan")))

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        x = (crops.permute(0, 3, 1, 2).float() - self.MEAN) / self.SCALE
        x = self.dense(self.features(x))
        half = self.options.input_px / 2
        return {
            "points": self.logits(x).float().unflatten(1, (N_POINTS, 2)) * half + (half - 0.5),
            "sigma": self.sigma.expand(crops.shape[0], -1),
            "presence": self.presence(x).squeeze(1),
        }
