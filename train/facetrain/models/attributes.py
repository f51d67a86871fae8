"""Attribute heads on the landmark network, with inputs sampled around the predicted landmarks.

The trunk is frozen, bit for bit. Around each facial feature a small grid, translated, scaled and rotated with the
landmarks, samples its input bilinearly. Eye openness is predicted from the crop's own pixels, by a few convolutions per
eye: at 112 px an eye is 18 px wide, and the trunk's feature maps have by then lost what does not move the landmarks.
The other attributes are predicted from the maps at stride 8: they hold more of a smile than the maps under the
heatmaps, which keep only what localises the landmarks. The heatmaps themselves cannot serve as attention: trained
through their mean alone (soft-argmax), they spread over half the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology
from facetrack.modelfile import ATTRIBUTES, POSE_ANGLES
from facetrain.models.landmarks import ConvNorm, Features, LandmarkNet, LandmarkNetOptions

HEADS = "heads."
"""Prefix of the parameter names that do not belong to the landmark network."""
POSE_UNIT_DEG = 30.0
"""Degrees per unit of the pose head's output, which keeps that output of the order of 1."""


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Size of the attribute heads.

    eye: channels of the two convolutions over an eye, and width of the dense layer above them
    reduced: channels to which the maps around mouth and eyes are reduced
    hidden: width of the dense layer that mouth, glasses and pose share
    dropout: rate at the inputs of these two dense layers
    """

    eye: tuple[int, int, int] = (32, 48, 64)
    reduced: int = 16
    hidden: int = 64
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class SamplingGrid:
    """Placement of a sampling grid around a facial feature, by landmark indices.

    ends: landmarks at the two ends of the feature's axis, the mean of each group
    centre: landmarks whose mean is the grid's centre
    level: as `ends`, the axis that the columns are normal to and whose length scales the distance of the rows
    span: (width, height) of the grid in lengths of the axes `ends` and `level`
    """

    ends: tuple[Sequence[int], Sequence[int]]
    centre: Sequence[int]
    level: tuple[Sequence[int], Sequence[int]]
    span: tuple[float, float]

    def frame(self) -> Tensor:
        """Return the linear map from the flattened landmarks to the grid: all of its geometry is linear in them.

        Returns (3, 2, 136): centre, vector along a row and vector down a column, each (x, y).
        """
        middle, along, level = _mean(self.centre), _difference(self.ends), _difference(self.level)
        zero = torch.zeros_like(middle)
        across = [torch.stack([self.span[0] * along, zero], 1), torch.stack([zero, self.span[0] * along], 1)]
        down = [torch.stack([zero, -self.span[1] * level], 1), torch.stack([self.span[1] * level, zero], 1)]
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


RIGHT = (topology.RIGHT_EYE_OUTER,), (topology.RIGHT_EYE_INNER,)
LEFT = (topology.LEFT_EYE_OUTER,), (topology.LEFT_EYE_INNER,)
# The far eye of a turned head is foreshortened in width only: both grids' height follows the eyes' mean width.
LEVEL = (RIGHT[0] + LEFT[1], RIGHT[1] + LEFT[0])
EYE_SPAN, EYE_ROWS, EYE_COLUMNS = (1.5, 1.05), 16, 24
EYES = SamplingGrid(RIGHT, topology.RIGHT_EYE, LEVEL, EYE_SPAN), SamplingGrid(LEFT, topology.LEFT_EYE, LEVEL, EYE_SPAN)
"""Each sampled from its outer corner inwards, so that one network serves both; a step is about a pixel of the crop."""
EYE_NOISE = 0.003
"""Epsilon of the instance norm over an eye: a variance of the normalised crop, standard deviation 3.5 grey levels."""
MOUTH = (topology.MOUTH_RIGHT,), (topology.MOUTH_LEFT,)
BROAD = topology.RIGHT_EYE, topology.LEFT_EYE
FACE_ROWS, FACE_COLUMNS = 5, 6
FACE = (
    SamplingGrid(MOUTH, topology.OUTER_LIPS, MOUTH, (2.0, 1.8)),
    SamplingGrid(BROAD, topology.RIGHT_EYE + topology.LEFT_EYE, BROAD, (2.2, 1.2)),
)
"""The mouth with the nasolabial folds, and the region that glasses cover; a step is one or two cells of the maps."""


class HeadInputs(NamedTuple):
    """Inputs of the attribute heads for N crops.

    eyes: (N, 3, 2 * 16, 24) samples of the normalised crop, the right eye above the left
    face: (N, mid, 2 * 5, 6) samples of the maps at stride 8, the mouth above the eyes
    shape: (N, 136 + top) normalised landmarks and pooled features
    """

    eyes: Tensor
    face: Tensor
    shape: Tensor


class HeadInputExtractor(nn.Module):
    """Landmark network's features and (N, 68, 2) landmarks in crop px -> HeadInputs; without parameters."""

    def __init__(self, input_px: int) -> None:
        super().__init__()
        self.eyes = GridSampler(EYES, EYE_ROWS, EYE_COLUMNS, input_px)
        self.face = GridSampler(FACE, FACE_ROWS, FACE_COLUMNS, input_px)
        self.input_px = input_px

    def forward(self, features: Features, points: Tensor) -> HeadInputs:
        flat = points.flatten(1)
        shape = torch.cat([flat * (4 / self.input_px) - 2, features.pooled], dim=1)
        return HeadInputs(self.eyes(features.image, flat), self.face(features.at8, flat), shape)


class AttributeHeads(nn.Module):
    """Fields of HeadInputs -> logits (N, len(ATTRIBUTES)) and pose (N, 3) in degrees."""

    one: Tensor
    zero: Tensor

    def __init__(self, network: LandmarkNetOptions, options: HeadOptions) -> None:
        super().__init__()
        first, second, top = options.eye
        cells, drop = EYE_ROWS * EYE_COLUMNS // 16, nn.Dropout(options.dropout)
        self.eye = nn.Sequential(
            ConvNorm(3, first, stride=2), ConvNorm(first, second, stride=2), nn.Flatten(), drop,
            nn.Linear(second * cells, top), nn.ReLU(inplace=True), nn.Linear(top, 1),
        )  # fmt: skip
        self.register_buffer("one", torch.ones(1), persistent=False)  # the exporter needs them explicit
        self.register_buffer("zero", torch.zeros(1), persistent=False)
        self.reduce = ConvNorm(network.widths[1], options.reduced, 1)
        inputs = options.reduced * len(FACE) * FACE_ROWS * FACE_COLUMNS + 2 * topology.N_POINTS + network.widths[2]
        self.rest = nn.Sequential(
            drop, nn.Linear(inputs, options.hidden), nn.ReLU(inplace=True),
            nn.Linear(options.hidden, len(ATTRIBUTES) - 2 + len(POSE_ANGLES)),
        )  # fmt: skip

    def scale_logit(self, name: str, slope: float, offset: float) -> None:
        """Replace an attribute's logit by slope * logit + offset; not for the eyes, which have a head of their own."""
        last = self.rest[-1]
        assert isinstance(last, nn.Linear)
        scale_logit(last, ATTRIBUTES.index(name) - 2, slope, offset)

    def forward(self, eyes: Tensor, face: Tensor, shape: Tensor) -> dict[str, Tensor]:
        # Both eyes in one batch, so that the weights are fetched once; instance norm equalises brightness and contrast.
        each = eyes.view(-1, 3, 2, EYE_ROWS, EYE_COLUMNS).transpose(1, 2).reshape(-1, 1, 3 * EYE_ROWS, EYE_COLUMNS)
        each = F.instance_norm(each, weight=self.one, bias=self.zero, eps=EYE_NOISE)
        rest = self.rest(torch.cat([self.reduce(face).flatten(1), shape], dim=1))
        others, pose = rest.split([len(ATTRIBUTES) - 2, len(POSE_ANGLES)], dim=1)
        return {
            "logits": torch.cat([self.eye(each.view(-1, 3, EYE_ROWS, EYE_COLUMNS)).view(-1, 2), others], dim=1),
            "pose": pose * POSE_UNIT_DEG,
        }


class AttributeNet(LandmarkNet):
    """Landmark network with attribute heads.

    Beside LandmarkNet's outputs: attributes (N, len(ATTRIBUTES)) 0..1, their logits, and pose (N, 3) in degrees
    relative to the crop. The heads are trained separately, on the output of `reading`, so the landmarks stay unchanged.
    """

    def __init__(self, options: LandmarkNetOptions | None = None, heads: HeadOptions | None = None) -> None:
        super().__init__(options)
        self.reader = HeadInputExtractor(self.options.input_px)
        self.heads = AttributeHeads(self.options, heads or HeadOptions())
        # two eyes, two of the mouth, glasses: the order in `AttributeHeads.forward`
        assert len(ATTRIBUTES) == 5

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        features = self.features(crops)
        outputs = self.read(features)
        predicted = self.heads(*self.reader(features, outputs["points"]))
        return outputs | {"attributes": predicted["logits"].sigmoid(), **predicted}

    def reading(self, crops: Tensor) -> HeadInputs:
        """Return the heads' inputs for (N, S, S, 3) uint8 crops."""
        features = self.features(crops)
        return self.reader(features, self.read(features)["points"])


def scale_logit(layer: nn.Linear, row: int, slope: float, offset: float) -> None:
    """Fold slope * logit + offset into the layer's output `row`; its other outputs stay."""
    with torch.no_grad():
        layer.weight[row] *= slope
        layer.bias[row] = slope * layer.bias[row] + offset
