"""Attribute heads on the landmark network, with inputs sampled around the predicted landmarks.

The trunk is frozen, bit for bit. Around mouth and eyes a small grid, translated, scaled and rotated with the landmarks,
samples the maps at stride 8 bilinearly: they hold more of a smile than the maps under the heatmaps, which keep only
what localises the landmarks. The heatmaps themselves cannot serve as attention: trained through their mean alone
(soft-argmax), they spread over half the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology
from facetrack.modelfile import ATTRIBUTES
from facetrain.models.landmarks import ConvNorm, Features, LandmarkNet, LandmarkNetOptions

HEADS = "heads."
"""Prefix of the parameter names that do not belong to the landmark network."""


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Size of the attribute heads.

    reduced: channels to which the maps around mouth and eyes are reduced
    hidden: width of the dense layer that all attributes share
    dropout: rate at its inputs
    """

    reduced: int = 16
    hidden: int = 64
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class SamplingGrid:
    """Placement of a sampling grid around a facial feature, by landmark indices.

    ends: landmarks at the two ends of the feature's axis, the mean of each group
    centre: landmarks whose mean is the grid's centre
    span: (width, height) of the grid in lengths of the axis
    """

    ends: tuple[Sequence[int], Sequence[int]]
    centre: Sequence[int]
    span: tuple[float, float]

    def frame(self) -> Tensor:
        """Return the linear map from the flattened landmarks to the grid: all of its geometry is linear in them.

        Returns (3, 2, 136): centre, vector along a row and vector down a column, each (x, y).
        """
        middle, along = _mean(self.centre), _difference(self.ends)
        zero = torch.zeros_like(middle)
        across = [torch.stack([self.span[0] * along, zero], 1), torch.stack([zero, self.span[0] * along], 1)]
        down = [torch.stack([zero, -self.span[1] * along], 1), torch.stack([self.span[1] * along, zero], 1)]
        centre = [torch.stack([middle, zero], 1), torch.stack([zero, middle], 1)]
        return torch.stack([torch.stack([axis.flatten() for axis in axes]) for axes in (centre, across, down)])


def _mean(points: Sequence[int]) -> Tensor:
    """Return the (68,) weights of the mean of these landmarks."""
    weights = torch.zeros(topology.N_POINTS)
    weights[list(points)] = 1 / len(points)
    return weights


def _difference(ends: tuple[Sequence[int], Sequence[int]]) -> Tensor:
    """Return the (68,) weights of the vector from the first group's mean to the second's."""
    return _mean(ends[1]) - _mean(ends[0])


class GridSampler(nn.Module):
    """Bilinear sampling of feature maps, of any resolution, on several grids of one size.

    (N, C, s, s) maps of the crop, (N, 136) landmarks in crop px -> (N, C, grids * rows, columns), one grid below the
    other, 0 outside the maps.
    """

    frames: Tensor
    origin: Tensor
    steps: Tensor

    def __init__(self, grids: Sequence[SamplingGrid], rows: int, columns: int, input_px: int) -> None:
        super().__init__()
        self.rows, self.columns, self.count = rows, columns, len(grids)
        # grid_sample's coordinates run from -1 to 1 between the outer borders of the outer pixels.
        frames = torch.stack([grid.frame() for grid in grids]) * (2 / input_px)
        origin = torch.zeros(len(grids), 3, 2)
        origin[:, 0] = 1 / input_px - 1
        down, across = torch.meshgrid(
            torch.linspace(-0.5, 0.5, rows), torch.linspace(-0.5, 0.5, columns), indexing="ij"
        )
        steps = torch.stack([torch.ones_like(across), across, down], dim=-1)
        self.register_buffer("frames", frames.flatten(0, 2), persistent=False)  # (grids * 3 * 2, 136)
        self.register_buffer("origin", origin.flatten(), persistent=False)
        self.register_buffer("steps", steps.flatten(0, 1), persistent=False)  # (rows * columns, 3)

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        frames = F.linear(points, self.frames, self.origin).view(-1, self.count, 3, 2)
        grid = (self.steps @ frames).view(-1, self.count * self.rows, self.columns, 2)
        return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


MOUTH = (topology.MOUTH_RIGHT,), (topology.MOUTH_LEFT,)
BROAD = topology.RIGHT_EYE, topology.LEFT_EYE
FACE_ROWS, FACE_COLUMNS = 5, 6
FACE = (
    SamplingGrid(MOUTH, topology.OUTER_LIPS, (2.0, 1.8)),
    SamplingGrid(BROAD, topology.RIGHT_EYE + topology.LEFT_EYE, (2.2, 1.2)),
)
"""The mouth with the nasolabial folds, and the region that glasses cover; a step is one or two cells of the maps."""


class HeadInputs(NamedTuple):
    """Inputs of the attribute heads for N crops.

    face: (N, mid, 2 * 5, 6) samples of the maps at stride 8, the mouth above the eyes
    shape: (N, 136 + top) normalised landmarks and pooled features
    """

    face: Tensor
    shape: Tensor


class HeadInputExtractor(nn.Module):
    """Landmark network's features and (N, 68, 2) landmarks in crop px -> HeadInputs; without parameters."""

    def __init__(self, input_px: int) -> None:
        super().__init__()
        self.face = GridSampler(FACE, FACE_ROWS, FACE_COLUMNS, input_px)
        self.input_px = input_px

    def forward(self, features: Features, points: Tensor) -> HeadInputs:
        flat = points.flatten(1)
        shape = torch.cat([flat * (4 / self.input_px) - 2, features.pooled], dim=1)
        return HeadInputs(self.face(features.at8, flat), shape)


class AttributeHeads(nn.Module):
    """Fields of HeadInputs -> logits (N, len(ATTRIBUTES))."""

    def __init__(self, network: LandmarkNetOptions, options: HeadOptions) -> None:
        super().__init__()
        self.reduce = ConvNorm(network.widths[1], options.reduced, 1)
        inputs = options.reduced * len(FACE) * FACE_ROWS * FACE_COLUMNS + 2 * topology.N_POINTS + network.widths[2]
        self.rest = nn.Sequential(
            nn.Dropout(options.dropout), nn.Linear(inputs, options.hidden), nn.ReLU(inplace=True),
            nn.Linear(options.hidden, len(ATTRIBUTES)),
        )  # fmt: skip

    def scale_logit(self, name: str, slope: float, offset: float) -> None:
        """Replace an attribute's logit by slope * logit + offset."""
        last, row = self.rest[-1], ATTRIBUTES.index(name)
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight[row] *= slope
            last.bias[row] = slope * last.bias[row] + offset

    def forward(self, face: Tensor, shape: Tensor) -> dict[str, Tensor]:
        return {"logits": self.rest(torch.cat([self.reduce(face).flatten(1), shape], dim=1))}


class AttributeNet(LandmarkNet):
    """Landmark network with attribute heads.

    Beside LandmarkNet's outputs: attributes (N, len(ATTRIBUTES)) 0..1, and their logits. The heads are trained
    separately, on the output of `reading`, so the landmarks stay unchanged.
    """

    def __init__(self, options: LandmarkNetOptions | None = None, heads: HeadOptions | None = None) -> None:
        super().__init__(options)
        self.reader = HeadInputExtractor(self.options.input_px)
        self.heads = AttributeHeads(self.options, heads or HeadOptions())

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        features = self.features(crops)
        outputs = self.read(features)
        predicted = self.heads(*self.reader(features, outputs["points"]))
        return outputs | {"attributes": predicted["logits"].sigmoid(), **predicted}

    def reading(self, crops: Tensor) -> HeadInputs:
        """Return the heads' inputs for (N, S, S, 3) uint8 crops."""
        features = self.features(crops)
        return self.reader(features, self.read(features)["points"])
