"""Seven facial expressions from the edge orientations and the landmarks of the aligned face.

Histograms of oriented gradients (Dalal and Triggs, CVPR 2005) as a fixed first layer, and a perceptron with one hidden
layer on these and on the landmarks. 158 disgusted and 18 afraid training faces are too few for convolutions: recipe
`eac` is no more accurate on the same faces after a longer training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack.expression import EXPRESSIONS, OUTPUT, STEPS, ZERO
from facetrack.topology import INNER_51


@dataclass(frozen=True, slots=True)
class ExpressionNetOptions:
    """Size and inputs of the network.

    input_px: side of the crop, a multiple of `cells`, at least 51
    cells: cells per side of the histogram grid
    directions: orientation bins
    hidden: units of the hidden layer
    dropout: rate of the hidden units; three fifths of it at their inputs
    picture: whether the histograms of gradients are an input
    points: whether the landmarks are an input
    """

    input_px: int = 56
    cells: int = 8
    directions: int = 8
    hidden: int = 64
    dropout: float = 0.4
    picture: bool = True
    points: bool = True


class Edges(nn.Module):
    """Histograms of oriented gradients: (N, 1, S, S) grey levels -> (N, directions, cells, cells).

    Each cell is divided by the root of the mean energy of the cells around it, which normalises the illumination.
    """

    kernels: Tensor
    NOISE = 2.0
    """Gradient in grey levels at the level of the image noise."""

    def __init__(self, cell_px: int, directions: int) -> None:
        super().__init__()
        self.cell_px = cell_px
        across = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])) / 8  # Sobel's
        angles = torch.arange(directions) * (2 * math.pi / directions)
        kernels = angles.cos()[:, None, None] * across + angles.sin()[:, None, None] * across.T
        self.register_buffer("kernels", kernels[:, None])

    def forward(self, grey: Tensor) -> Tensor:
        along = F.relu(F.conv2d(grey, self.kernels, padding=1))
        # assigns each gradient to its one or two nearest directions
        along = F.relu(along - along.amax(dim=1, keepdim=True) / 2)
        cells = F.avg_pool2d(along, self.cell_px)
        around = F.pad((cells * cells).sum(dim=1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        return cells / (F.avg_pool2d(around, 3, 1) + self.NOISE**2).sqrt()


class ExpressionNet(nn.Module):
    """Perceptron on histograms of gradients and landmarks.

    (N, S, S, 3) uint8 sheets (`facetrack.expression.face_sheet`) -> {"expression": (N, 7) logits, "probabilities":
    (N, 7), their softmax}. Raises ValueError for invalid options.
    """

    MEAN, SCALE = 0.0, 1.0

    def __init__(self, options: ExpressionNetOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or ExpressionNetOptions()
        side = options.input_px
        if side % options.cells or side < len(INNER_51):
            raise ValueError(f"input_px is {side}; expected a multiple of {options.cells} from {len(INNER_51)} on")
        if not (options.picture or options.points):
            raise ValueError("picture and points are both off; expected at least one of them on")
        self.edges = Edges(side // options.cells, options.directions)
        features = options.picture * options.directions * options.cells**2 + options.points * 2 * len(INNER_51)
        self.norm = nn.BatchNorm1d(features)
        self.hidden = nn.Sequential(
            nn.Dropout(0.6 * options.dropout),
            nn.Linear(features, options.hidden),
            nn.ReLU(),
            nn.Dropout(options.dropout),
        )
        self.out = nn.Linear(options.hidden, len(EXPRESSIONS))

    def forward(self, sheets: Tensor) -> dict[str, Tensor]:
        parts = []
        if self.options.picture:
            parts.append(self.edges(sheets[..., 0].float().unsqueeze(1)).flatten(1))
        if self.options.points:
            parts.append((sheets[:, 0, : len(INNER_51), 1:].float() - ZERO).flatten(1) / STEPS)
        logits = self.out(self.hidden(self.norm(torch.cat(parts, dim=1))))
        return {"expression": logits, OUTPUT: logits.softmax(dim=1)}

    def apply_temperature(self, temperature: float) -> None:
        """Fold temperature scaling into the last layer: divides every logit (Guo et al., ICML 2017)."""
        self.out.weight.data /= temperature
        self.out.bias.data /= temperature
