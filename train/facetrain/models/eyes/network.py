"""Eye network: three strided convolutions, one that squeezes their channels, and a dense layer for each eye."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT, EYES_SIZE
from facetrain.models.landmarks import ConvNorm

FIRST_SCALE_LOG_PX, FIRST_SCALE_LOG_GAP, FIRST_SCALE_LOG_GAZE = 0.5, -2.5, -2.0
"""Logarithms of the scales before training."""
DROPOUT = 0.1
LEAST_VARIANCE = 0.02
"""Added to the variance of a crop's pixels over SCALE: noise of 9 grey levels is not amplified to full contrast."""
OPEN_EYE = ((-0.217, 0.0), (-0.07, -0.065), (0.08, -0.065), (0.217, 0.0), (0.08, 0.06), (-0.07, 0.06))
"""x, y of an open right eye's points in widths of its crop, from the crop's centre: the start of the training."""


@dataclass(frozen=True, slots=True)
class EyeNetOptions:
    """Size of the network.

    input_px: width of an eye's crop, which is half as high.
    widths: channels at strides 2, 4 and 8.
    squeezed: channels that a 1x1 convolution leaves of the last ones at each of the 8x4 places: the dense layer holds
        most of the weights, and after the landmark network they come from memory.
    hidden: width of the dense layer.
    """

    input_px: int = 64
    widths: tuple[int, int, int] = (16, 32, 48)
    squeezed: int = 24
    hidden: int = 112


class EyeNet(nn.Module):
    """(N, S, S, 3) uint8 BGR, a right eye above a mirrored left one -> {"eyes": (N, 2, EYES_SIZE)}.

    In training also (N, S / 2, S, 3), one eye each -> (N, 1, EYES_SIZE). The columns are `modelfile.EYES_COLUMNS`.
    """

    MEAN, SCALE = 127.5, 64.0

    def __init__(self, options: EyeNetOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or EyeNetOptions()
        a, b, c = options.widths
        self.trunk = nn.Sequential(
            ConvNorm(3, a, stride=2), ConvNorm(a, b, stride=2), ConvNorm(b, c, stride=2),
            ConvNorm(c, options.squeezed, kernel=1),
        )  # fmt: skip
        side = options.input_px
        self.hidden = nn.Linear(options.squeezed * (side // 16) * (side // 8), options.hidden)
        self.out = nn.Linear(options.hidden, EYES_SIZE)
        unit, start = torch.ones(EYES_SIZE), torch.zeros(EYES_SIZE)
        at = EYES_COLUMNS
        placed = slice(0, at["iris_radius"].stop)
        unit[placed], unit[at["gap"]], unit[at["gaze"]] = side / 8, 0.15, 0.3
        middle = torch.tensor([(side - 1) / 2, (side // 2 - 1) / 2])
        start[at["contour"]] = (torch.tensor(OPEN_EYE) * side + middle).flatten()
        start[at["iris"]], start[at["iris_radius"]], start[at["gap"]] = middle, 0.08 * side, 0.3
        start[at["contour_scale"]], start[at["iris_scale"]] = FIRST_SCALE_LOG_PX, FIRST_SCALE_LOG_PX
        start[at["gap_scale"]], start[at["gaze_scale"]] = FIRST_SCALE_LOG_GAP, FIRST_SCALE_LOG_GAZE
        self.register_buffer("unit", unit)
        self.register_buffer("start", start)

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        side = self.options.input_px
        eyes = int(crops.shape[1]) // (side // 2)  # a plain number: else the graph works it out with six small nodes
        x = crops.reshape(-1, side // 2, side, 3).permute(0, 3, 1, 2).float()
        # Each crop's own mean and contrast: dark and infrared pictures look like others.
        ones = torch.ones(3, device=x.device)  # without a weight the exporter does not know the number of channels
        x = F.instance_norm(x, weight=ones, bias=0 * ones, eps=LEAST_VARIANCE * self.SCALE**2)
        seen = F.dropout(F.relu(self.hidden(self.trunk(x).flatten(1))), DROPOUT, self.training)
        # Units and starts on the weights, not on the values: runtimes work that out when they open the file.
        unit, start = self.get_buffer("unit"), self.get_buffer("start")
        out = F.linear(seen, self.out.weight * unit[:, None], self.out.bias * unit + start)
        return {EYES_OUTPUT: out.reshape(-1, eyes, EYES_SIZE)}
