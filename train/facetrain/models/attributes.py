"""Attribute heads on the landmark network: what eyes, mouth and face are like, read where the points say they are.

The trunk stays as it was trained, to the bit. Around each feature a small lattice, moved, scaled and turned with it, is
read bilinearly. Whether an eye is open is told from the crop's own pixels, by a few convolutions on each eye: at 112 px
an eye is 18 px wide, and the trunk's maps have forgotten by then what does not move the points. The rest is told from
the maps at stride 8: they know more of a smile than those under the heatmaps, which kept what places the points. The
heatmaps themselves would not do as places to look: trained through their mean alone (soft-argmax), they spread over
half the face.
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
"""Beginning of the names of all parameters that are not the landmark network's own."""
POSE_UNIT_DEG = 30.0
"""The pose head's outputs are of the order of 1."""


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """eye: channels of the two convolutions over an eye, and width of the layer above them. reduced: channels to which
    the maps around mouth and eyes are reduced. hidden: width of the layer that mouth, glasses and pose share. dropout:
    of what goes into the two layers, in training."""

    eye: tuple[int, int, int] = (32, 48, 64)
    reduced: int = 16
    hidden: int = 64
    dropout: float = 0.3


@dataclass(frozen=True, slots=True)
class SamplingGrid:
    """Where to read around a feature. ends: the points at the ends of its axis, their means where there are several;
    centre: those whose mean is its middle. level: as `ends`, the axis to which its rows' direction is normal and whose
    length scales their distance. span: (width, height) in lengths of the axes."""

    ends: tuple[Sequence[int], Sequence[int]]
    centre: Sequence[int]
    level: tuple[Sequence[int], Sequence[int]]
    span: tuple[float, float]

    def frame(self) -> Tensor:
        """(3, 2, 136): the middle, the way along a row and the way down a column, each (x, y), from the flattened
        points: everything about a lattice is linear in them."""
        middle, along, level = _mean(self.centre), _step(self.ends), _step(self.level)
        zero = torch.zeros_like(middle)
        across = [torch.stack([self.span[0] * along, zero], 1), torch.stack([zero, self.span[0] * along], 1)]
        down = [torch.stack([zero, -self.span[1] * level], 1), torch.stack([self.span[1] * level, zero], 1)]
        centre = [torch.stack([middle, zero], 1), torch.stack([zero, middle], 1)]
        return torch.stack([torch.stack([way.flatten() for way in ways]) for ways in (centre, across, down)])


def _mean(points: Sequence[int]) -> Tensor:
    """(68,) weights of a mean."""
    weights = torch.zeros(topology.N_POINTS)
    weights[list(points)] = 1 / len(points)
    return weights


def _step(ends: tuple[Sequence[int], Sequence[int]]) -> Tensor:
    return _mean(ends[1]) - _mean(ends[0])


class GridSampler(nn.Module):
    """Reads maps of the crop, of any resolution, on several lattices of one size: (N, C, s, s) maps, (N, 136) points in
    crop px -> (N, C, lattices * rows, columns), one lattice below the other, bilinear, 0 outside."""

    frames: Tensor
    origin: Tensor
    steps: Tensor

    def __init__(self, lattices: Sequence[SamplingGrid], rows: int, columns: int, input_px: int) -> None:
        super().__init__()
        self.rows, self.columns, self.count = rows, columns, len(lattices)
        # grid_sample's coordinates run from -1 to 1 between the outer borders of the outer pixels.
        frames = torch.stack([lattice.frame() for lattice in lattices]) * (2 / input_px)
        origin = torch.zeros(len(lattices), 3, 2)
        origin[:, 0] = 1 / input_px - 1
        down, across = torch.meshgrid(
            torch.linspace(-0.5, 0.5, rows), torch.linspace(-0.5, 0.5, columns), indexing="ij"
        )
        steps = torch.stack([torch.ones_like(across), across, down], dim=-1)
        self.register_buffer("frames", frames.flatten(0, 2), persistent=False)  # (lattices * 3 * 2, 136)
        self.register_buffer("origin", origin.flatten(), persistent=False)
        self.register_buffer("steps", steps.flatten(0, 1), persistent=False)  # (rows * columns, 3)

    def forward(self, maps: Tensor, points: Tensor) -> Tensor:
        frames = F.linear(points, self.frames, self.origin).view(-1, self.count, 3, 2)
        grid = (self.steps @ frames).view(-1, self.count * self.rows, self.columns, 2)
        return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


RIGHT = (topology.RIGHT_EYE_OUTER,), (topology.RIGHT_EYE_INNER,)
LEFT = (topology.LEFT_EYE_OUTER,), (topology.LEFT_EYE_INNER,)
# The far eye of a turned head is narrow, but not low: both eyes are read as high as their mean width says.
LEVEL = (RIGHT[0] + LEFT[1], RIGHT[1] + LEFT[0])
EYE_SPAN, EYE_ROWS, EYE_COLUMNS = (1.5, 1.05), 16, 24
EYES = SamplingGrid(RIGHT, topology.RIGHT_EYE, LEVEL, EYE_SPAN), SamplingGrid(LEFT, topology.LEFT_EYE, LEVEL, EYE_SPAN)
"""Each read from its outer corner in, so that one network serves both: about a pixel of the crop a step."""
EYE_NOISE = 0.003
"""Variance, in units of the normalised picture, below which an eye's contrast is no longer raised: 3.5 grey levels."""
MOUTH = (topology.MOUTH_RIGHT,), (topology.MOUTH_LEFT,)
BROAD = topology.RIGHT_EYE, topology.LEFT_EYE
FACE_ROWS, FACE_COLUMNS = 5, 6
FACE = (
    SamplingGrid(MOUTH, topology.OUTER_LIPS, MOUTH, (2.0, 1.8)),
    SamplingGrid(BROAD, topology.RIGHT_EYE + topology.LEFT_EYE, BROAD, (2.2, 1.2)),
)
"""The mouth with the folds that a smile draws beside it, and what glasses cover: a cell of the maps, or two, a step."""


class HeadInputs(NamedTuple):
    """What the heads see of a crop: eyes (N, 3, 2 * 16, 24) of the normalised picture, the right one above the left;
    face (N, mid, 2 * 5, 6) of the maps at stride 8, the mouth above the eyes; shape (N, 136 + top) the points and the
    pooled features."""

    eyes: Tensor
    face: Tensor
    shape: Tensor


class HeadInputExtractor(nn.Module):
    """A landmark network's features and points (N, 68, 2) -> Reading. It has nothing to learn."""

    def __init__(self, input_px: int) -> None:
        super().__init__()
        self.eyes = GridSampler(EYES, EYE_ROWS, EYE_COLUMNS, input_px)
        self.face = GridSampler(FACE, FACE_ROWS, FACE_COLUMNS, input_px)
        self.input_px = input_px

    def forward(self, features: Features, points: Tensor) -> HeadInputs:
        flat = points.flatten(1)
        shape = torch.cat([flat * (4 / self.input_px) - 2, features.pooled], dim=1)
        return HeadInputs(self.eyes(features.picture, flat), self.face(features.at8, flat), shape)


class AttributeHeads(nn.Module):
    """The parts of a Reading -> logits (N, len(ATTRIBUTES)) and pose (N, 3) in degrees."""

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
        self.register_buffer("one", torch.ones(1), persistent=False)  # the exporter wants them said
        self.register_buffer("zero", torch.zeros(1), persistent=False)
        self.reduce = ConvNorm(network.widths[1], options.reduced, 1)
        seen = options.reduced * len(FACE) * FACE_ROWS * FACE_COLUMNS + 2 * topology.N_POINTS + network.widths[2]
        self.rest = nn.Sequential(
            drop, nn.Linear(seen, options.hidden), nn.ReLU(inplace=True),
            nn.Linear(options.hidden, len(ATTRIBUTES) - 2 + len(POSE_ANGLES)),
        )  # fmt: skip

    def scale_logit(self, name: str, slope: float, offset: float) -> None:
        """Say slope * logit + offset of an attribute that is no eye's, where a logit was said."""
        last = self.rest[-1]
        assert isinstance(last, nn.Linear)
        scale_logit(last, ATTRIBUTES.index(name) - 2, slope, offset)

    def forward(self, eyes: Tensor, face: Tensor, shape: Tensor) -> dict[str, Tensor]:
        # Both eyes in one batch, so that the weights are fetched once; each with the same brightness and contrast.
        each = eyes.view(-1, 3, 2, EYE_ROWS, EYE_COLUMNS).transpose(1, 2).reshape(-1, 1, 3 * EYE_ROWS, EYE_COLUMNS)
        each = F.instance_norm(each, weight=self.one, bias=self.zero, eps=EYE_NOISE)
        rest = self.rest(torch.cat([self.reduce(face).flatten(1), shape], dim=1))
        others, pose = rest.split([len(ATTRIBUTES) - 2, len(POSE_ANGLES)], dim=1)
        return {
            "logits": torch.cat([self.eye(each.view(-1, 3, EYE_ROWS, EYE_COLUMNS)).view(-1, 2), others], dim=1),
            "pose": pose * POSE_UNIT_DEG,
        }


class AttributeNet(LandmarkNet):
    """A landmark network that also gives attributes (N, len(ATTRIBUTES)) 0..1 and pose (N, 3) in degrees relative to
    the crop; `logits` are the attributes before the sigmoid. The heads are trained on their own, on what `reading`
    gives: so they cannot change the points."""

    def __init__(self, options: LandmarkNetOptions | None = None, heads: HeadOptions | None = None) -> None:
        super().__init__(options)
        self.reader = HeadInputExtractor(self.options.input_px)
        self.heads = AttributeHeads(self.options, heads or HeadOptions())
        assert len(ATTRIBUTES) == 5  # two eyes, the mouth's two, glasses: the order of `AttributeHeads.forward`

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        features = self.features(crops)
        outputs = self.read(features)
        found = self.heads(*self.reader(features, outputs["points"]))
        return outputs | {"attributes": found["logits"].sigmoid(), **found}

    def reading(self, crops: Tensor) -> HeadInputs:
        """(N, S, S, 3) uint8 -> what the heads see of them."""
        features = self.features(crops)
        return self.reader(features, self.read(features)["points"])


def scale_logit(layer: nn.Linear, row: int, slope: float, offset: float) -> None:
    """Make `layer` say slope * logit + offset where it said a logit in column `row`; the other columns stay."""
    with torch.no_grad():
        layer.weight[row] *= slope
        layer.bias[row] = slope * layer.bias[row] + offset
