"""All crops of a frame cut on the device: the frame goes up once, one grid_sample cuts every face from it.

Says what `geometry.cut` says, to a grey level, without its loop. A crop more than twice as large as what the network
sees is cut from the frame halved as often as there; the halved frames stand below each other in one picture, each with
a black row after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facetrack.geometry import CropBox, frame_matrices
from facetrack.types import Floats

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 8
"""Of a plan's table."""


class Plan(NamedTuple):
    """table: (N, COLUMNS) float32, for each crop: xx xy x0 yx yy y0 of the map from crop px to px of the averaged frame
    it is cut from, that frame's height, and the row where it begins. factors: of the averaged frames, top to bottom."""

    table: Floats
    factors: tuple[int, ...]


def plan(crops: Sequence[CropBox], out_px: int, height: int, width: int) -> Plan:
    """Where each crop's pixels lie. height, width: of the frame, px.

    In the frame averaged by s, px x has become (x - (s - 1) / 2) / s.
    """
    size_px = np.array([crop.size_px for crop in crops])
    wanted = 2 ** np.maximum(0, np.floor(np.log2(size_px / out_px))).astype(np.int64)
    shrink = np.where(wanted <= min(height, width), wanted, 1)
    factors, level = np.unique(shrink, return_inverse=True)
    heights = height // factors
    begins = np.cumsum(heights + 1) - (heights + 1)
    maps = frame_matrices(crops, out_px)
    maps[:, :, 2] -= (shrink[:, None] - 1) / 2
    maps /= shrink[:, None, None]
    table = np.column_stack([maps.reshape(-1, 6), heights[level], begins[level]])
    return Plan(table.astype(np.float32), tuple(factors.tolist()))


def cut_all(frame: Tensor, table: Tensor, factors: Sequence[int], out_px: int) -> Tensor:
    """(H, W, 3) uint8 -> (N, out_px, out_px, 3) uint8 on the same device; black where a crop leaves the frame.

    table, factors: of the frame's `Plan`, the table on the device.
    """
    import torch
    from torch.nn import functional

    levels = averaged(frame, factors)
    rows, columns = levels.shape[2:]
    lattice = torch.arange(out_px, device=frame.device, dtype=torch.float32)
    u, v = lattice[None, None, :], lattice[None, :, None]
    xx, xy, x0, yx, yy, y0, height, begin = table.reshape(-1, COLUMNS, 1, 1).unbind(1)
    # Sums, not a matrix product: with TensorFloat-32 that would round coordinates to ten bits.
    x, y = xx * u + xy * v + x0, yx * u + yy * v + y0
    y = torch.minimum(y.clamp(min=-1.0), height) + begin  # what lies above or below falls on a black row
    # Crops below each other, (1, N * out_px, out_px, 2): one picture to sample from, however many there are. Pixel
    # centres are at whole numbers, and -1 and 1 are the picture's edges.
    grid = torch.stack([(2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1], dim=-1).reshape(1, -1, out_px, 2)
    sampled = functional.grid_sample(levels, grid, "bilinear", "zeros", align_corners=False)
    return sampled[0].reshape(3, -1, out_px, out_px).permute(1, 2, 3, 0).round().to(torch.uint8)


def averaged(frame: Tensor, factors: Sequence[int]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, rows, W) float32: the frame averaged by each factor, below each other at the left edge,
    a black row after each; right of the narrower ones it is black, too.

    factors: powers of two, rising. Halved again and again and rounded each time, as `geometry.cut` has it.
    """
    import torch
    from torch.nn import functional

    picture, reached = frame.permute(2, 0, 1)[None].float(), 1
    width, levels = picture.shape[3], []
    for factor in factors:
        while reached < factor:
            picture, reached = (functional.avg_pool2d(picture, 2) + 0.5).floor(), 2 * reached
        levels.append(functional.pad(picture, (0, width - picture.shape[3], 0, 1)))
    return torch.cat(levels, dim=2)
