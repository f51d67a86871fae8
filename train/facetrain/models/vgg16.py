"""VGG-16 (Simonyan & Zisserman, ICLR 2015, configuration D) with a width multiplier.

Two uses: the failed attempt at Kaggle's points (dense 512-128-30), and the body of expression networks of which only
the last convolution group and the dense layers are trained (CIFE: Li et al., 2015).
"""

from __future__ import annotations

from torch import Tensor, nn

from facetrain.models.kaggle import KAGGLE_PX, N_KAGGLE
from facetrain.models.starts import he_initialise

GROUPS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""(channels, convolutions) of the five groups; a pool by 2 ends each."""


def group(inputs: int, outputs: int, depth: int, pool: bool = True, norm: bool = False) -> nn.Sequential:
    """Build `depth` 3x3 convolutions with ReLU, then a pool; `norm` adds batch norm before each ReLU."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        normed = [nn.BatchNorm2d(outputs)] if norm else []
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), *normed, nn.ReLU(inplace=True)]
        inputs = outputs
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


def widths(width: float) -> list[int]:
    """Return the channels of the five groups at `width` times the original."""
    return [max(1, round(channels * width)) for channels, _ in GROUPS]


class VggBody(nn.Sequential):
    """Convolutional body: (N, C, S, S) -> (N, 512 * width, S / 32, S / 32). Children: the five groups, by number."""

    def __init__(self, inputs: int = 3, width: float = 1.0, he: bool = True, norm: bool = False) -> None:
        channels = [inputs, *widths(width)]
        depths = [depth for _, depth in GROUPS]
        super().__init__(
            *(group(a, b, d, norm=norm) for a, b, d in zip(channels[:-1], channels[1:], depths, strict=True))
        )
        if he:
            he_initialise(self)


class Vgg16Points(nn.Module):
    """Body with dense 512-128-30 for (N, 1, 96, 96) grey: no batch norm, by default no He initialisation either."""

    def __init__(self, width: float = 1.0, he: bool = False, points: int = N_KAGGLE) -> None:
        super().__init__()
        side = KAGGLE_PX // 32
        self.body = VggBody(1, width, he)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(widths(width)[-1] * side**2, 512), nn.ReLU(inplace=True),
            nn.Linear(512, 128), nn.ReLU(inplace=True), nn.Linear(128, 2 * points),
        )  # fmt: skip

    def forward(self, grey: Tensor) -> Tensor:
        return self.dense(self.body(grey))


class ExpressionVgg(nn.Module):
    """VGG body and two dense layers: (N, S, S, 3) uint8 BGR -> {"expression": (N, classes)} logits."""

    MEAN, SCALE = 127.5, 64.0

    def __init__(
        self, classes: int = 7, input_px: int = 96, width: float = 1.0, dense: int = 256, norm: bool = False
    ) -> None:
        super().__init__()
        cells = (input_px // 32) ** 2
        self.body = VggBody(3, width, norm=norm)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(widths(width)[-1] * cells, dense), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(dense, classes),
        )  # fmt: skip

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        x = (crops[..., :3].permute(0, 3, 1, 2).float() - self.MEAN) / self.SCALE
        return {"expression": self.dense(self.body(x))}
