"""TCDCN: landmarks learned jointly with correlated attributes (gender, smile, glasses, pose).

Zhang, Luo, Loy, Tang: "Facial landmark detection by deep multi-task learning", ECCV 2014 (40x40 input, 5 points), and
"Learning deep representation for face alignment with auxiliary attributes", TPAMI 2016 (60x60, then 68 points).
Layer widths are those of the ECCV figure; the 60x60 ones follow the second paper's layout, not its exact numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facetrain.models.kaggle import Grey

ATTRIBUTES = ("gender", "smile", "glasses")
"""Binary tasks: male, smiling, with glasses."""
POSES = 5
"""Pose classes: left profile, left, frontal, right, right profile."""


@dataclass(frozen=True, slots=True)
class TcdcnOptions:
    """Variants of the network.

    input_px: side of the crop
    widths, kernels: of the four convolutions; a pool by 2 follows each of the first three
    features: units of the shared dense layer
    local: whether the fourth convolution has unshared weights at every position
    rectified: |tanh| as in the paper instead of tanh. With torch's default initialisation it collapses: after max
        pooling all activations are positive, layer after layer saturates, and after the fourth layer two faces differ
        by .005 (measured)
    points: 5, or 68 without attribute tasks
    """

    input_px: int = 40
    widths: tuple[int, int, int, int] = (16, 48, 64, 64)
    kernels: tuple[int, int, int, int] = (5, 3, 3, 2)
    features: int = 100
    local: bool = False
    rectified: bool = False
    points: int = 5


class AbsTanh(nn.Module):
    """Rectified tanh, |tanh(x)|, of Jarrett et al. (ICCV 2009), as in the paper."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x).abs()


class LocalConv(nn.Module):
    """Valid convolution whose kernel is not shared between positions (Sun et al., CVPR 2013, section 3.2)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, side_in: int) -> None:
        super().__init__()
        self.kernel, self.side = kernel, side_in - kernel + 1
        fan_in = inputs * kernel**2
        self.weight = nn.Parameter(torch.empty(self.side**2, fan_in, outputs))
        self.bias = nn.Parameter(torch.zeros(self.side**2, outputs))
        nn.init.uniform_(self.weight, -(fan_in**-0.5), fan_in**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, O, side, side)."""
        k, places = self.kernel, range(self.side)
        patches = torch.stack([x[:, :, i : i + k, j : j + k].flatten(1) for i in places for j in places])
        values = torch.bmm(patches, self.weight) + self.bias.unsqueeze(1)  # (P, N, O)
        return values.permute(1, 2, 0).unflatten(2, (self.side, self.side))


class Tcdcn(nn.Module):
    """Multi-task network for landmarks and attributes.

    (N, S, S, 3) uint8 BGR -> points (N, K, 2) crop px; with 5 points also gender, smile, glasses (N,) and pose (N, 5),
    all logits. Every crop is converted to grey and standardised by its own mean and standard deviation.
    """

    def __init__(self, options: TcdcnOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or TcdcnOptions()
        self.grey = Grey()
        activation = AbsTanh if options.rectified else nn.Tanh
        convolutions: list[nn.Module] = []
        inputs, side = 1, options.input_px
        for index, (width, kernel) in enumerate(zip(options.widths, options.kernels, strict=True)):
            local = options.local and index == 3
            layer = LocalConv(inputs, width, kernel, side) if local else nn.Conv2d(inputs, width, kernel)
            pool = [] if index == 3 else [nn.MaxPool2d(2)]
            convolutions.append(nn.Sequential(layer, activation(), *pool))
            inputs, side = width, (side - kernel + 1) // (1 if index == 3 else 2)
        self.convolutions = nn.ModuleList(convolutions)
        self.shared = nn.Sequential(nn.Flatten(), nn.Linear(inputs * side**2, options.features), activation())
        self.points = nn.Linear(options.features, 2 * options.points)
        nn.init.constant_(self.points.bias, math.atanh(0.5))  # initial prediction: the crop's centre
        tasks = dict.fromkeys(ATTRIBUTES, 1) | {"pose": POSES} if options.points == 5 else {}
        self.tasks = nn.ModuleDict({name: nn.Linear(options.features, n) for name, n in tasks.items()})

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        x = self.grey(crops)
        mean = x.mean(dim=(2, 3), keepdim=True)
        x = (x - mean) / ((x - mean).square().mean(dim=(2, 3), keepdim=True).sqrt() + 1e-3)
        for convolution in self.convolutions:
            x = convolution(x)
        x = self.shared(x)
        points = torch.tanh(self.points(x)).unflatten(1, (-1, 2)) * self.options.input_px
        return {"points": points} | {name: task(x).squeeze(1) for name, task in self.tasks.items()}

    def keep_first_layers(self, other: Tcdcn, layers: int = 3) -> None:
        """Copy the first convolutions from `other` and freeze them."""
        for ours, theirs in zip(self.convolutions[:layers], other.convolutions[:layers], strict=True):
            ours.load_state_dict(theirs.state_dict())
            ours.requires_grad_(False)
