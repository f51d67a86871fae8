"""Attribute heads on the landmark network: what eyes, mouth and face are like, read where the points say they are.

The trunk stays as it was trained, to the bit. Around each feature a small lattice, moved and scaled with it, is read
off the trunk's maps. Bilinear sampling is a product of matrices here, so that the graph holds nothing but
multiplications and additions (no GridSample, which some runtimes lack or run slowly). The heatmaps themselves would not
do as places to look: trained through their mean alone (soft-argmax), they spread over half the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facetrack import topology
from facetrack.modelfile import ATTRIBUTES, POSE_ANGLES
from facetrain.models.landmarks import Features, LandmarkNet, LandmarkNetOptions

HEADS = "heads."
"""Beginning of the names of all parameters that are not the landmark network's own."""
POSE_UNIT_DEG = 30.0
"""The pose head's outputs are of the order of 1."""


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """hidden: width of each head's only hidden layer. dropout: of its inputs' hidden layer, in training."""

    hidden: int = 48
    dropout: float = 0.1


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where to read around a feature. ends: the points at the ends of its axis, their means where there are several;
    centre: those whose mean is its middle. size: columns, rows. span: (width, height) in axis lengths. mirrored:
    columns run from the picture's right to its left."""

    ends: tuple[tuple[int, ...], tuple[int, ...]]
    centre: tuple[int, ...]
    size: tuple[int, int]
    span: tuple[float, float]
    mirrored: bool = False

    def offsets(self) -> tuple[Tensor, Tensor]:
        """Columns and rows from the middle, in axis lengths."""
        across, down = (torch.linspace(-side / 2, side / 2, n) for side, n in zip(self.span, self.size, strict=True))
        return (across.flip(0) if self.mirrored else across), down


class Reader(nn.Module):
    """Reads maps of the crop on several lattices at once: (N, C, S, S) maps, (N, 68, 2) points in crop px -> for each
    lattice (N, C, rows, columns), bilinear, 0 outside.

    The lattices lie along the crop's axes, since the tracker turns its crops with the face: so they are a product of
    three matrices, rows x map x columns, whose entries are max(0, 1 - distance) in cells. All lattices share the
    products, and the parts where the rows of one meet the columns of another are thrown away: many small operators
    would take longer than the arithmetic.
    """

    picks: Tensor
    columns: Tensor
    rows: Tensor
    cells: Tensor

    def __init__(self, lattices: tuple[Lattice, ...], size: int, input_px: int) -> None:
        super().__init__()
        self.sizes = [lattice.size for lattice in lattices]
        picks = torch.zeros(2 * len(lattices), topology.N_POINTS)  # the middles, then the axes
        for middle, axis, lattice in zip(picks, picks[len(lattices) :], lattices, strict=False):
            middle[list(lattice.centre)] = 1 / len(lattice.centre)
            for end, sign in zip(lattice.ends, (-1, 1), strict=True):
                axis[list(end)] += sign / len(end)
        scale = size / input_px  # px -> cells: (px + .5) * scale - .5
        offsets = [lattice.offsets() for lattice in lattices]
        for name, parts in (("columns", [o[0] for o in offsets]), ("rows", [o[1] for o in offsets])):
            middles = torch.block_diag(*(torch.ones(1, len(part)) for part in parts))
            self.register_buffer(name, scale * torch.cat([middles, torch.block_diag(*parts)]), persistent=False)
        self.register_buffer("picks", picks, persistent=False)
        self.register_buffer("cells", torch.arange(size) + 0.5 - scale / 2, persistent=False)

    def forward(self, maps: Tensor, points: Tensor) -> list[Tensor]:
        columns, rows = self.weights(points)
        channels, size = maps.shape[1], maps.shape[2]
        along_rows = (maps.flatten(1, 2) @ columns).view(-1, channels, size, columns.shape[2])
        grid = rows[:, None] @ along_rows  # (N, C, all rows, all columns)
        found, x, y = [], 0, 0
        for width, height in self.sizes:
            found.append(grid[:, :, y : y + height, x : x + width])
            x, y = x + width, y + height
        return found

    def weights(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """(N, S, all columns) and (N, all rows, S)."""
        picked = self.picks @ points  # (N, 2 lattices, 2)
        middle, axis = picked.chunk(2, dim=1)
        length = axis.square().sum(dim=2).sqrt()  # (N, lattices)
        columns = torch.cat([middle[:, :, 0], length], dim=1) @ self.columns
        rows = torch.cat([middle[:, :, 1], length], dim=1) @ self.rows
        right = (1 - (columns[:, None] - self.cells[:, None]).abs()).relu()
        left = (1 - (rows[:, :, None] - self.cells).abs()).relu()
        return right, left


def head(inputs: int, outputs: int, options: HeadOptions) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, options.hidden), nn.ReLU(inplace=True), nn.Dropout(options.dropout),
        nn.Linear(options.hidden, outputs),
    )  # fmt: skip


RIGHT = ((topology.RIGHT_EYE_OUTER,), (topology.RIGHT_EYE_INNER,)), topology.RIGHT_EYE
LEFT = ((topology.LEFT_EYE_OUTER,), (topology.LEFT_EYE_INNER,)), topology.LEFT_EYE
SPAN = (1.4, 1.0)
FINE = (Lattice(*RIGHT, (11, 7), SPAN), Lattice(*LEFT, (11, 7), SPAN, mirrored=True))
"""At half the crop's resolution: a cell is an eighth of an eye."""
COARSE = (
    Lattice(*RIGHT, (5, 4), SPAN),
    Lattice(*LEFT, (5, 4), SPAN, mirrored=True),
    Lattice(((topology.MOUTH_RIGHT,), (topology.MOUTH_LEFT,)), topology.OUTER_LIPS, (7, 5), (1.3, 1.1)),
    Lattice((topology.RIGHT_EYE, topology.LEFT_EYE), topology.RIGHT_EYE + topology.LEFT_EYE, (9, 6), (2.2, 1.2)),
)
"""At a quarter of it: both eyes, the mouth, and what glasses cover."""


class AttributeHeads(nn.Module):
    """Features and points (N, 68, 2) -> logits (N, len(ATTRIBUTES)) and pose (N, 3) in degrees."""

    def __init__(self, network: LandmarkNetOptions, options: HeadOptions) -> None:
        super().__init__()
        side, top, shape = network.input_px, network.widths[2], 2 * topology.N_POINTS
        self.low = network.widths[0]
        both = self.low + network.head
        self.fine, self.coarse = Reader(FINE, side // 2, side), Reader(COARSE, side // 4, side)
        cells = [columns * rows for columns, rows in self.fine.sizes + self.coarse.sizes]
        self.eye = head(network.stem * cells[0] + both * cells[2], 1, options)
        self.mouth = head(both * cells[4] + shape, 2, options)
        self.glasses = head(self.low * cells[5], 1, options)
        self.pose = head(shape + top, len(POSE_ANGLES), options)

    def forward(self, features: Features, points: Tensor) -> dict[str, Tensor]:
        shape = _shape(points)
        fine = self.fine(features.at2, points)
        *coarse, mouth, face = self.coarse(torch.cat([features.at4, features.merged4], dim=1), points)
        # Both eyes share a head, each read from its outer corner in; one batch, so that its weights are fetched once.
        eyes = (torch.cat([f.flatten(1), c.flatten(1)], dim=1) for f, c in zip(fine, coarse, strict=True))
        eyes_open = torch.cat(self.eye(torch.cat(list(eyes))).chunk(2), dim=1)
        lips = self.mouth(torch.cat([mouth.flatten(1), shape], dim=1))
        glasses = self.glasses(face[:, : self.low].flatten(1))
        pose = self.pose(torch.cat([shape, features.pooled], dim=1)) * POSE_UNIT_DEG
        return {"logits": torch.cat([eyes_open, lips, glasses], dim=1), "pose": pose}


def _shape(points: Tensor) -> Tensor:
    """(N, 136): the points about their mean, over their mean distance from it; where no face is seen they fall
    together, and the pixel that is added keeps the quotient small."""
    centred = points - points.mean(dim=1, keepdim=True)
    spread = centred.square().sum(dim=2, keepdim=True).mean(dim=1, keepdim=True)
    return (centred / (spread + 1).sqrt()).flatten(1)


class AttributeNet(LandmarkNet):
    """A landmark network that also gives attributes (N, len(ATTRIBUTES)) 0..1 and pose (N, 3) in degrees relative to
    the crop; `logits` are the attributes before the sigmoid, for training. Only the heads learn."""

    def __init__(self, options: LandmarkNetOptions | None = None, heads: HeadOptions | None = None) -> None:
        super().__init__(options)
        self.heads = AttributeHeads(self.options, heads or HeadOptions())
        assert len(ATTRIBUTES) == 5  # two eyes, the mouth's two, glasses: the order of `AttributeHeads.forward`

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            features = self.features(crops)
            outputs = self.read(features)
        found = self.heads(features, outputs["points"])
        return outputs | {"attributes": found["logits"].sigmoid(), **found}


def trunk_prefixes(network: LandmarkNet) -> tuple[str, ...]:
    """The names of all parameters but the heads', as `FitOptions.freeze` wants them."""
    return tuple(dict.fromkeys(name.split(".")[0] for name, _ in LandmarkNet.named_parameters(network)
                               if not name.startswith(HEADS)))  # fmt: skip
