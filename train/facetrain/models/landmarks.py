"""Landmark network: a residual trunk, 68 heatmaps decoded by soft-argmax, and two small dense heads.

uint8 crop in, landmarks out: normalisation and decoding are part of the graph, so no runtime has to repeat them.
Soft-argmax (integral regression): Sun et al., ECCV 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from facetrack.topology import N_POINTS

DOWNSAMPLE_KERNEL = 5
"""Side of the depthwise kernels of stride 2."""
TURNED = "turned."
"""Prefix of the names of the parameters of `TurnedHeads`."""
TURNED_HIDDEN = 96
FIRST_SIGMA_LOG_DEG = 1.5
LOG_SIGMA_DEG = (-2.0, 4.5)
"""Range of the logarithm of an angle's standard deviation: .14 to 90 degrees."""


@dataclass(frozen=True, slots=True)
class LandmarkNetOptions:
    """Size of the network.

    input_px: side of the crop
    stem: channels at stride 2
    widths: channels at strides 4, 8, 16
    depths: residual blocks at these strides
    expand: 0 for residual blocks of two dense 3x3 convolutions, which suit a GPU; else the expansion factor of inverted
        residuals, which suit a CPU
    kernels: sides of the inverted residuals' depthwise kernels
    head: channels of the merged features under the heatmaps
    separable_halving: downsample by a depthwise and a pointwise convolution instead of a dense one
    turned: predict visibility and the head's rotation too (`TurnedHeads`)
    """

    input_px: int = 112
    stem: int = 16
    widths: tuple[int, int, int] = (24, 64, 128)
    depths: tuple[int, int, int] = (1, 3, 2)
    expand: tuple[int, int, int] = (0, 0, 0)
    kernels: tuple[int, int, int] = (3, 5, 5)
    head: int = 48
    separable_halving: bool = False
    turned: bool = False

    @property
    def separable(self) -> bool:
        """True if the head is made of depthwise convolutions, too."""
        return self.expand[1] > 0


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and, by default, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, activate: bool = True, groups: int = 1
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        if activate:
            layers.append(nn.ReLU(inplace=True))
        super().__init__(*layers)


class Residual(nn.Module):
    """Two 3x3 convolutions with an identity shortcut (He et al., CVPR 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(ConvNorm(width, width), ConvNorm(width, width, activate=False))
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x + self.body(x))


class InvertedResidual(nn.Module):
    """Inverted residual: expansion, depthwise convolution, projection (Sandler et al., CVPR 2018; ReLU for ReLU6)."""

    def __init__(self, width: int, expand: int, kernel: int) -> None:
        super().__init__()
        wide = width * expand
        self.body = nn.Sequential(
            ConvNorm(width, wide, 1),
            ConvNorm(wide, wide, kernel, groups=wide),
            ConvNorm(wide, width, 1, activate=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def downsample(inputs: int, outputs: int, separable: bool) -> nn.Sequential:
    """Build the convolution, or two for `separable`, that halves the resolution."""
    if not separable:
        return ConvNorm(inputs, outputs, stride=2)
    # No norm in between: the pair equals a dense convolution of rank 1 per input channel, so that `shrinking` can
    # factorise a dense kernel into it.
    each = nn.Conv2d(inputs, inputs, DOWNSAMPLE_KERNEL, 2, DOWNSAMPLE_KERNEL // 2, groups=inputs, bias=False)
    return nn.Sequential(each, ConvNorm(inputs, outputs, 1))


def stage(inputs: int, outputs: int, depth: int, expand: int, kernel: int, separable_halving: bool) -> nn.Sequential:
    """Build a stage: halve the resolution, then `depth` residual blocks."""
    blocks = (InvertedResidual(outputs, expand, kernel) if expand else Residual(outputs) for _ in range(depth))
    return nn.Sequential(downsample(inputs, outputs, separable_halving), *blocks)


def merge(inputs: int, outputs: int, separable: bool) -> nn.Module:
    """Build the convolution that smooths the sum of two resolutions."""
    if not separable:
        return ConvNorm(inputs, outputs)
    return nn.Sequential(ConvNorm(inputs, inputs, 5, groups=inputs, activate=False), ConvNorm(inputs, outputs, 1))


class SoftArgmax(nn.Module):
    """Expected position under a heatmap: (N, N_POINTS, S, S) logits -> (N, N_POINTS, 2) input px, x first."""

    grid: Tensor

    def __init__(self, size: int, input_px: int) -> None:
        super().__init__()
        self.cells = size * size
        cell = input_px / size
        centres = (torch.arange(size) + 0.5) * cell - 0.5
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        self.register_buffer("grid", torch.stack([x.flatten(), y.flatten()], dim=1), persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        # A view of known size is one node of the exported graph, `flatten` four.
        return logits.reshape(-1, N_POINTS, self.cells).softmax(dim=2) @ self.grid


class Features(NamedTuple):
    """Features of N crops.

    at8: (N, mid, S/8, S/8) trunk features at stride 8
    merged4: (N, head, S/4, S/4) features under the heatmaps
    pooled: (N, top) mean of the trunk features at stride 16
    """

    at8: Tensor
    merged4: Tensor
    pooled: Tensor


class RotationFrom6d(nn.Module):
    """Rotations (N, 3, 3) from (N, 6), their first two columns, by Gram-Schmidt orthonormalisation.

    A continuous representation of rotations (Zhou et al., CVPR 2019, eq. 15). Written for few nodes of the exported
    graph, each of which takes a microsecond or two: `normalize`, `cross` and `stack` would be twice as many.
    """

    after: Tensor
    before: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("after", torch.tensor([1, 2, 0]), persistent=False)
        self.register_buffer("before", torch.tensor([2, 0, 1]), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        first, second = values[:, :3], values[:, 3:]
        x = _unit(first)
        y = _unit(second - (x * second).sum(dim=1, keepdim=True) * x)
        x_after, x_before = x.index_select(1, self.after), x.index_select(1, self.before)
        z = x_after * y.index_select(1, self.before) - x_before * y.index_select(1, self.after)
        return torch.cat([x, y, z], dim=1).reshape(-1, 3, 3).transpose(1, 2)


def _unit(vectors: Tensor) -> Tensor:
    """(N, 3) -> (N, 3) of length one; zero stays zero."""
    return vectors / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp_min(1e-12)


class TurnedHeads(nn.Module):
    """Visibility and rotation from the points (N, 68, 2) in crop px and the pooled features (N, top).

    Gives visibility (N, 68) as logits, rotation (N, 3, 3) head to crop and rotation_sigma (N, 3), standard deviations
    of yaw, pitch and roll in degrees.

    The points carry no gradient: the heads read them and do not move them.
    """

    def __init__(self, options: LandmarkNetOptions) -> None:
        super().__init__()
        self.input_px = options.input_px
        self.hidden = nn.Linear(2 * N_POINTS + options.widths[-1], TURNED_HIDDEN)
        self.visibility = nn.Linear(TURNED_HIDDEN, N_POINTS)
        self.rotation = nn.Linear(TURNED_HIDDEN, 6)
        self.matrix = RotationFrom6d()
        self.log_rotation_sigma = nn.Linear(TURNED_HIDDEN, 3)
        with torch.no_grad():  # start from a head that faces the camera
            self.rotation.weight.mul_(0.1)
            self.rotation.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
            self.log_rotation_sigma.bias.fill_(FIRST_SIGMA_LOG_DEG)

    def forward(self, points: Tensor, pooled: Tensor) -> dict[str, Tensor]:
        place = points.detach().flatten(1) * (4 / self.input_px) - 2
        hidden = self.hidden(torch.cat([place, pooled], dim=1)).relu()
        return {
            "visibility": self.visibility(hidden),
            "rotation": self.matrix(self.rotation(hidden)),
            "rotation_sigma": self.log_rotation_sigma(hidden).clamp(*LOG_SIGMA_DEG).exp(),
        }


class LandmarkNet(nn.Module):
    """Landmark network with an uncertainty per landmark and a face presence score.

    (N, S, S, 3) uint8 BGR crops -> points (N, 68, 2) in crop px, sigma (N, 68) in crop px, presence (N,) logits.
    sigma is the error's scale, fitted by a Laplace likelihood, as one standard deviation per coordinate.
    With `options.turned` also the outputs of `TurnedHeads`.
    """

    MEAN, SCALE = 127.5, 64.0

    def __init__(self, options: LandmarkNetOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or LandmarkNetOptions()
        low, mid, top = options.widths
        ends = (options.stem, *options.widths)
        self.stem = ConvNorm(3, options.stem, stride=2)
        self.stage4, self.stage8, self.stage16 = (
            stage(
                ends[i],
                ends[i + 1],
                options.depths[i],
                options.expand[i],
                options.kernels[i],
                options.separable_halving,
            )
            for i in range(3)
        )
        self.top_to_8 = ConvNorm(top, mid, kernel=1)
        self.merge8 = merge(mid, options.head, options.separable)
        self.low_to_head = ConvNorm(low, options.head, kernel=1)
        self.merge4 = merge(options.head, options.head, options.separable)
        self.heatmaps = nn.Conv2d(options.head, N_POINTS, 1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.decode = SoftArgmax(options.input_px // 4, options.input_px)
        self.log_sigma = nn.Linear(top, N_POINTS)
        self.presence = nn.Linear(top, 1)
        self.turned = TurnedHeads(options) if options.turned else None
        # With a softmax over 784 cells, small logits decode to the crop's centre: larger initial weights make the
        # points move from the first step on.
        nn.init.normal_(self.heatmaps.weight, std=0.05)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        features = self.features(crops)
        if not torch.is_autocast_enabled(crops.device.type):
            return self.read(features)
        # bfloat16 has 8 bits of precision: positions over 64 px would be rounded to half a pixel.
        with torch.autocast(crops.device.type, enabled=False):
            return self.read(Features(*(value.float() for value in features)))

    def features(self, crops: Tensor) -> Features:
        """Compute the features that all heads share."""
        x = (crops.permute(0, 3, 1, 2).float() - self.MEAN) / self.SCALE
        at4 = self.stage4(self.stem(x))
        at8 = self.stage8(at4)
        at16 = self.stage16(at8)
        merged8 = self.merge8(at8 + self.up(self.top_to_8(at16)))
        merged4 = self.merge4(self.low_to_head(at4) + self.up(merged8))
        return Features(at8, merged4, at16.mean(dim=(2, 3)))

    def read(self, features: Features) -> dict[str, Tensor]:
        """Predict points, sigma and presence from the features, and what `TurnedHeads` adds."""
        outputs = {
            "points": self.decode(self.heatmaps(features.merged4)),
            "sigma": self.log_sigma(features.pooled).exp(),
            "presence": self.presence(features.pooled).squeeze(1),
        }
        return outputs if self.turned is None else outputs | self.turned(outputs["points"], features.pooled)
