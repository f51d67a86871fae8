"""Networks of Kaggle's Facial Keypoints Detection (2013-2017): 96x96 grey in, 15 points out.

Sources: the multilayer perceptron and the three-layer CNN of D. Nouri, "Using convolutional neural nets to detect
facial keypoints" (2014); the slim VGG of a Kaggle kernel whose summary reports 7,268,670 parameters (Keras includes
batch norm's running means and variances).

As every network of facetrack, all take (N, S, S, 3) uint8 BGR; the conversion to grey is part of the network.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from facetrack import topology_maps
from facetrain.models.starts import glorot_initialise

KAGGLE_PX = 96
N_KAGGLE = 15
SPECIALISTS = (
    ("eye_center",), ("nose_tip",), ("mouth_left", "mouth_right", "top_lip"), ("bottom_lip",),
    ("eye_inner", "eye_outer"), ("eyebrow",),
)  # fmt: skip
"""Nouri's six groups, by substrings of Kaggle's names: 7,000 rows have the eyes' centres, 2,300 the brows."""
SLIM_WIDTHS = (32, 32, 64, 64, 96, 96, 128, 128, 256, 256, 512, 512)


class Grey(nn.Module):
    """Conversion to grey: (N, H, W, 3) uint8 BGR -> (N, 1, H, W) float 0..1, ITU-R BT.601 luma as in OpenCV."""

    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor([0.114, 0.587, 0.299]) / 255, persistent=False)

    def forward(self, crops: Tensor) -> Tensor:
        return (crops.float() @ self.weights).unsqueeze(1)


class PointRegressor(nn.Module):
    """Point regression: crops -> grey -> `body` -> {"points": (N, K, 2) crop px}, the body's output * scale + shift.

    shift = scale = 48 is the authors' target (y - 48) / 48; shift 0 and scale 1 is "unscaled", in px.
    """

    def __init__(self, body: nn.Module, shift: float = KAGGLE_PX / 2, scale: float = KAGGLE_PX / 2) -> None:
        super().__init__()
        self.grey, self.body = Grey(), body
        self.shift, self.scale = shift, scale

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        values = self.body(self.grey(crops)).float()
        return {"points": values.unflatten(1, (-1, 2)) * self.scale + self.shift}


class KaggleMlp(nn.Sequential):
    """Multilayer perceptron 9216-100-30."""

    def __init__(self, hidden: int = 100, points: int = N_KAGGLE) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(KAGGLE_PX**2, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, 2 * points)
        )


class KaggleCnn(nn.Sequential):
    """Convolutions of 32 (3x3), 64 (2x2), 128 (2x2), each pooled by 2, then two dense layers.

    dense (1000, 1000) with valid padding is Nouri's (16.5 M parameters); (512, 256) with same padding has 9.6 M.
    dropout: after each pool, then after the first dense layer.
    """

    def __init__(
        self,
        dense: tuple[int, int] = (1000, 1000),
        same_padding: bool = False,
        dropout: tuple[float, float, float, float] = (0.1, 0.2, 0.3, 0.5),
        points: int = N_KAGGLE,
    ) -> None:
        layers: list[nn.Module] = []
        width, side = 1, KAGGLE_PX
        for channels, kernel, drop in ((32, 3, dropout[0]), (64, 2, dropout[1]), (128, 2, dropout[2])):
            if same_padding:  # an even kernel's odd pixel goes to the right and below, as in Keras
                layers.append(nn.ZeroPad2d(((kernel - 1) // 2, kernel // 2) * 2))
            layers += [nn.Conv2d(width, channels, kernel), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool2d(2), nn.Dropout(drop)]
            width, side = channels, (side if same_padding else side - kernel + 1) // 2
        layers += [nn.Flatten(), nn.Linear(width * side**2, dense[0]), nn.ReLU(inplace=True), nn.Dropout(dropout[3])]
        layers += [nn.Linear(*dense), nn.ReLU(inplace=True), nn.Linear(dense[1], 2 * points)]
        super().__init__(*layers)
        glorot_initialise(self)


class KaggleVgg(nn.Sequential):
    """Twelve 3x3 convolutions without bias, each with LeakyReLU(0.1) and batch norm; pools between the pairs.

    96 -> 48 -> 24 -> 12 -> 6 -> 3 px, 512 x 3 x 3 flattened into dense 512 and 30.
    average: pool the last features over the face instead of flattening them (global average pooling, Lin et al. 2014).
    """

    def __init__(
        self,
        widths: tuple[int, ...] = SLIM_WIDTHS,
        dense: int = 512,
        average: bool = False,
        points: int = N_KAGGLE,
    ) -> None:
        layers: list[nn.Module] = []
        inputs = 1
        for index, width in enumerate(widths):
            layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.LeakyReLU(0.1), nn.BatchNorm2d(width)]
            if index % 2 and index + 1 < len(widths):
                layers.append(nn.MaxPool2d(2))
            inputs = width
        side = KAGGLE_PX // 2 ** (len(widths) // 2 - 1)
        cells = 1 if average else side**2
        layers += [nn.AdaptiveAvgPool2d(1)] if average else []
        layers += [nn.Flatten(), nn.Linear(inputs * cells, dense), nn.ReLU(), nn.Dropout(0.1)]
        super().__init__(*layers, nn.Linear(dense, 2 * points))


class Specialists(nn.Module):
    """One network per group of points that Kaggle's rows have or lack together (D. Nouri, 2014, "specialists").

    With the missing points masked in the loss, each learns from every row that has its points.
    make: builds a body for a number of points; its input is (N, 1, 96, 96) grey, as here.
    """

    order: Tensor

    def __init__(self, make: Callable[[int], nn.Module]) -> None:
        super().__init__()
        named = [
            [i for i, name in enumerate(topology_maps.KAGGLE_NAMES) if any(p in name for p in group)]
            for group in SPECIALISTS
        ]
        self.parts = nn.ModuleList(make(len(group)) for group in named)
        self.register_buffer("order", torch.tensor([i for group in named for i in group]).argsort(), persistent=False)

    def forward(self, grey: Tensor) -> Tensor:
        points = torch.cat([part(grey).unflatten(1, (-1, 2)) for part in self.parts], dim=1)
        return points[:, self.order].flatten(1)


def count_keras_parameters(model: nn.Module) -> int:
    """Count the parameters as Keras does, which includes batch norm's running mean and variance."""
    running = sum(b.numel() for name, b in model.named_buffers() if "running_" in name)
    return sum(p.numel() for p in model.parameters()) + running
