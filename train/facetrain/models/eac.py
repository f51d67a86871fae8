"""EAC-Net: a VGG with landmark-based attention on the regions of the facial action units.

Li, Abtahi, Zhu, Yin: "EAC-Net: Deep nets with enhancing and cropping for facial action unit detection", TPAMI 2018
(arXiv 1702.02925). E-Net: an attention map built from landmarks weights stages 3 and 4 residually. C-Net: regions
around the same centres are cropped from stage 4's features, upsampled, and convolved each with its own weights. Both
are merged.

The landmarks are passed as a fourth channel of the crop, 0 everywhere except for the value k + 1 at the pixel of region
k's centre: the input is one uint8 array, as for every network of facetrack.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology as t
from facetrack.types import Floats, Image
from facetrain.models.starts import he_initialise
from facetrain.models.vgg16 import GROUPS, group, widths

FADE = 0.095
"""Decrease of attention per pixel of Manhattan distance on a map of MAP_PX (the paper's weight 1 - 0.095 d)."""
REACH_PX = 5
"""Half side of a region, which is 11 px square on that map."""
MAP_PX = 100
N_REGIONS = 15


def region_centres(points: Floats) -> Floats:
    """Return the action unit centres of a face, after the paper's table.

    Distances are in the paper's unit, the one between the inner eye corners, along the face's vertical axis.
    points: (68, 2) px. Returns (15, 2) px.
    """
    unit = np.linalg.norm(points[t.LEFT_EYE_INNER] - points[t.RIGHT_EYE_INNER])
    across = points[list(t.LEFT_EYE)].mean(axis=0) - points[list(t.RIGHT_EYE)].mean(axis=0)
    down = np.array([-across[1], across[0]]) / max(float(np.linalg.norm(across)), 1e-6) * unit
    eyes = [points[list(eye)].mean(axis=0) for eye in (t.RIGHT_EYE, t.LEFT_EYE)]
    centres = [
        *(points[i] - down / 2 for i in (t.RIGHT_BROW[-1], t.LEFT_BROW[0])),  # AU 1
        *(points[i] - down / 3 for i in (t.RIGHT_BROW[0], t.LEFT_BROW[-1])),  # AU 2
        *(points[i] + down / 3 for i in (t.RIGHT_BROW[2], t.LEFT_BROW[2])),  # AU 4
        *(eye + down for eye in eyes),  # AU 6
        *eyes,  # AU 7
        points[t.OUTER_LIPS[3]],  # AU 10
        points[t.MOUTH_RIGHT], points[t.MOUTH_LEFT],  # AU 12, 14, 15
        points[t.OUTER_LIPS[9]] + down / 2,  # AU 17
        points[list(t.INNER_LIPS)].mean(axis=0),  # AU 23, 24
    ]  # fmt: skip
    return np.stack(centres).astype(np.float32)


def mark(crop: Image, centres: Floats) -> Image:
    """Append the region centres to an (S, S, 3) crop as fourth channel; centres outside the crop are left out."""
    side = crop.shape[0]
    marks = np.zeros((side, side, 1), np.uint8)
    for number, (x, y) in enumerate(np.rint(centres).astype(int), start=1):
        if 0 <= x < side and 0 <= y < side:
            marks[y, x] = number
    return np.concatenate([crop, marks], axis=2)


def read_marks(marks: Tensor) -> tuple[Tensor, Tensor]:
    """Read the region centres back from the fourth channels (N, S, S).

    Returns centres (N, K, 2) in px, the crop's centre where a region is missing, and known (N, K), 1 or 0.
    """
    side = marks.shape[1]
    numbers = torch.arange(1, N_REGIONS + 1, device=marks.device).view(1, -1, 1, 1)
    one_hot = (marks.unsqueeze(1).int() == numbers).float()  # (N, K, S, S)
    axis = torch.arange(side, device=marks.device, dtype=torch.float32)
    centres = torch.stack([(one_hot.sum(dim=2) * axis).sum(dim=2), (one_hot.sum(dim=3) * axis).sum(dim=2)], dim=2)
    known = one_hot.sum(dim=(2, 3)).clamp(max=1)
    return centres + (1 - known).unsqueeze(2) * (side - 1) / 2, known


def attention_map(centres: Tensor, known: Tensor, side: int) -> Tensor:
    """Return the E-Net's attention maps: 1 at each centre, minus FADE per px of Manhattan distance, 0 outside.

    centres: (N, K, 2) px. known: (N, K), 1 or 0. Returns (N, 1, S, S).
    """
    axis = torch.arange(side, device=centres.device, dtype=torch.float32)
    away = (axis - centres.unsqueeze(3)).abs() * (MAP_PX / side)  # (N, K, 2, S), in px of the paper's map
    x, y = away[:, :, 0].unsqueeze(2), away[:, :, 1].unsqueeze(3)
    inside = ((x <= REACH_PX + 0.5) & (y <= REACH_PX + 0.5)).float()
    weight = (1 - FADE * (x + y)).clamp(min=0) * inside * known[:, :, None, None]
    return weight.amax(dim=1, keepdim=True)


@dataclass(frozen=True, slots=True)
class EacOptions:
    """Variants of the network.

    input_px: side of the crop
    width: multiplier of VGG-16's channels
    region: side of a cropped region in cells of stage 4
    local: channels of a region's own convolution
    dense: units of the merging layer
    enhance: whether the E-Net's attention is applied
    crop: whether the C-Net's regions are added
    norm: batch norm in the VGG; the paper's, which was pretrained, has none
    """

    input_px: int = 96
    width: float = 0.25
    region: float = 3.0
    local: int = 16
    dense: int = 256
    enhance: bool = True
    crop: bool = True
    norm: bool = False


class EacNet(nn.Module):
    """Expression network: (N, S, S, 4) uint8, BGR and region centres -> {"expression": (N, classes)} logits."""

    MEAN, SCALE = 127.5, 64.0
    CUT = 6

    def __init__(self, options: EacOptions | None = None, classes: int = 7) -> None:
        super().__init__()
        self.options = options = options or EacOptions()
        channels = [3, *widths(options.width)[:4]]
        depths = [depth for _, depth in GROUPS]
        self.stages = nn.ModuleList(
            group(channels[i], channels[i + 1], depths[i], pool=i != 3, norm=options.norm) for i in range(4)
        )  # strides 2, 4, 8, 8
        he_initialise(self.stages)
        top, cells = channels[4], (options.input_px // 16) ** 2
        self.whole = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(top * cells, options.dense), nn.ReLU())
        regions = N_REGIONS if options.crop else 0
        if options.crop:
            self.local = nn.Conv2d(N_REGIONS * top, N_REGIONS * options.local, 3, groups=N_REGIONS)
        self.merge = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(options.dense + regions * options.local, options.dense), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(options.dense, classes),
        )  # fmt: skip

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        x = (crops[..., :3].permute(0, 3, 1, 2).float() - self.MEAN) / self.SCALE
        centres, known = read_marks(crops[..., 3])
        attention = attention_map(centres, known, self.options.input_px)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if self.options.enhance and index >= 2:
                x = x + x * F.avg_pool2d(attention, 8)
        features = [self.whole(x)]
        if self.options.crop:
            features.append(self._regions(x, centres, known))
        return {"expression": self.merge(torch.cat(features, dim=1))}

    def _regions(self, x: Tensor, centres: Tensor, known: Tensor) -> Tensor:
        """Compute the C-Net's features: CUT x CUT samples of each region, through the region's own convolution.

        Returns (N, K * local), 0 for a region whose centre is unknown.
        """
        n, channels = x.shape[0], x.shape[1]
        across = torch.linspace(-0.5, 0.5, self.CUT, device=x.device) * self.options.region * 8
        dy, dx = torch.meshgrid(across, across, indexing="ij")
        offsets = torch.stack([dx, dy], dim=2)  # (CUT, CUT, 2) crop px
        grid = centres[:, :, None, None] + offsets  # (N, K, CUT, CUT, 2)
        grid = (grid + 0.5) * (2 / self.options.input_px) - 1
        cut = F.grid_sample(x, grid.flatten(1, 2), align_corners=False)  # (N, C, K * CUT, CUT)
        cut = cut.unflatten(2, (N_REGIONS, self.CUT)).transpose(1, 2)
        local = F.relu(self.local(cut.reshape(n, N_REGIONS * channels, self.CUT, self.CUT))).mean(dim=(2, 3))
        return (local.unflatten(1, (N_REGIONS, -1)) * known.unsqueeze(2)).flatten(1)
