"""Face detector: a small fully convolutional network with a feature pyramid, at most one face per location.

Anchor-free as YuNet (Wu, Peng, Yu, 2023) and FCOS (Tian et al., ICCV 2019): every cell of the maps at strides 8, 16
and 32 predicts a face score, a box and five keypoints. Depthwise-separable blocks (Howard et al., 2017) at low
resolution; a single thin convolution at full resolution, where every channel is expensive: at 320x256 the first two
strides cost a quarter of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrain.models.landmarks import ConvNorm

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"stride{stride}" for stride in STRIDES)
N_KEYPOINTS = 5
CHANNELS = 1 + 4 + 2 * N_KEYPOINTS
"""Per cell: score (logit), box (x, y of its centre and log of its sides), five keypoints.

All but the score are in units of the stride.
"""
PRIOR_LOGIT = -4.6
"""Initial bias of the score, a prior of 1 %: else background dominates the first steps (Lin et al., ICCV 2017)."""


@dataclass(frozen=True, slots=True)
class DetectorNetOptions:
    """Size of the network.

    stem: channels at stride 2
    widths: channels at strides 4, 8, 16, 32
    depths: residual blocks at these strides
    neck: channels of the pyramid
    kernel: side of the depthwise convolutions at strides 16 and 32, where a large receptive field is cheap
    """

    stem: int = 16
    widths: tuple[int, int, int, int] = (32, 64, 128, 128)
    depths: tuple[int, int, int, int] = (1, 2, 4, 4)
    neck: int = 64
    kernel: int = 5


class Separable(nn.Sequential):
    """Depthwise-separable convolution: depthwise, batch norm, pointwise, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            ConvNorm(inputs, outputs, 1),
        )


class SeparableResidual(nn.Module):
    """Separable convolution with an identity shortcut: x + separable(x)."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__()
        self.body = Separable(width, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def stage(inputs: int, outputs: int, depth: int, kernel: int) -> nn.Sequential:
    """Build a stage: a separable convolution of stride 2, then `depth` residual blocks."""
    return nn.Sequential(
        Separable(inputs, outputs, stride=2), *(SeparableResidual(outputs, kernel) for _ in range(depth))
    )


def _head(neck: int) -> nn.Conv2d:
    """Build an output convolution whose initial score is PRIOR_LOGIT and whose initial box is two cells wide."""
    head = nn.Conv2d(neck, CHANNELS, 1)
    nn.init.normal_(head.weight, std=0.01)
    head.bias = nn.Parameter(torch.tensor([PRIOR_LOGIT, 0, 0, 0.7, 0.7] + [0.0] * 2 * N_KEYPOINTS))
    return head


class DetectorNet(nn.Module):
    """Convolutional trunk, feature pyramid and one output convolution per stride.

    (N, H, W, 3) uint8 BGR, H and W divisible by 32 -> raw maps (N, 15, H/s, W/s) named stride8, stride16, stride32;
    see CHANNELS. Decoding is left to the caller, who needs it only for the few cells with a high score.
    """

    SCALE = 128.0

    def __init__(self, options: DetectorNetOptions | None = None) -> None:
        super().__init__()
        o = options or DetectorNetOptions()
        self.options = o
        w4, w8, w16, w32 = o.widths
        self.stem = ConvNorm(3, o.stem, 3, 2)
        self.stage4 = stage(o.stem, w4, o.depths[0], 3)
        self.stage8 = stage(w4, w8, o.depths[1], 3)
        self.stage16 = stage(w8, w16, o.depths[2], o.kernel)
        self.stage32 = stage(w16, w32, o.depths[3], o.kernel)
        self.lateral = nn.ModuleList(ConvNorm(width, o.neck, 1) for width in (w8, w16, w32))
        self.smooth = nn.ModuleList(SeparableResidual(o.neck) for _ in STRIDES)
        self.head = nn.ModuleList(_head(o.neck) for _ in STRIDES)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        # The stem's batch norm absorbs the mean, so one multiplication normalises.
        x = image.permute(0, 3, 1, 2).float() * (1 / self.SCALE)
        f8 = self.stage8(self.stage4(self.stem(x)))  # (N, 64, H/8, W/8)
        f16 = self.stage16(f8)
        f32 = self.stage32(f16)
        p32 = self.lateral[2](f32)
        p16 = self.lateral[1](f16) + F.interpolate(p32, scale_factor=2.0, mode="nearest")
        p8 = self.lateral[0](f8) + F.interpolate(p16, scale_factor=2.0, mode="nearest")
        levels = zip(OUTPUTS, self.head, self.smooth, (p8, p16, p32), strict=True)
        return {name: head(smooth(p)) for name, head, smooth, p in levels}


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Predictions of the A cells of all levels.

    logits: (N, A) face scores
    boxes: (N, A, 4) x0 y0 x1 y1 px
    keypoints: (N, A, 5, 2) px
    centres: (A, 2) px, the centre of each cell
    strides: (A,) px
    """

    logits: Tensor
    boxes: Tensor
    keypoints: Tensor
    centres: Tensor
    strides: Tensor


MAX_LOG_SIDE = 4.5
"""A box is at most exp(4.5) = 90 cells wide, so that a divergent first step does not overflow."""


def decode(maps: dict[str, Tensor]) -> Decoded:
    """Decode the raw maps to pixels.

    Pixel centres lie at integers: the centre of cell i at stride s is (i + 1/2) s - 1/2.
    """
    flat, centres, strides = [], [], []
    for name, stride in zip(OUTPUTS, STRIDES, strict=True):
        raw = maps[name]
        height, width = raw.shape[2:]
        ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        centre = (torch.stack([xs, ys], dim=-1).reshape(-1, 2).float() + 0.5) * stride - 0.5
        flat.append(raw.float().flatten(2).transpose(1, 2))  # (N, h*w, 15)
        centres.append(centre.to(raw.device))
        strides.append(torch.full((height * width,), float(stride), device=raw.device))
    values, centre, size = torch.cat(flat, dim=1), torch.cat(centres), torch.cat(strides)
    middle = centre + values[..., 1:3] * size[:, None]
    half = values[..., 3:5].clamp(max=MAX_LOG_SIDE).exp() * size[:, None] / 2
    points = centre[:, None] + values[..., 5:].unflatten(-1, (N_KEYPOINTS, 2)) * size[:, None, None]
    return Decoded(values[..., 0], torch.cat([middle - half, middle + half], dim=-1), points, centre, size)
