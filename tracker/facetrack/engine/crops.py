"""Crop sampling on the device: the frame is uploaded once, one grid_sample cuts every face from it.

Agrees with `geometry.cut` to one grey level, without a loop over crops. A crop at least twice as large as the network's
input is sampled from a downsampled frame, halved as often as in `geometry.cut`. All levels are stacked vertically in
one image, with a black row after each.
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
"""Columns of a plan's table."""


class Plan(NamedTuple):
    """Sampling plan of the crops.

    table: (N, COLUMNS) float32, of each crop: the affine map xx xy x0 yx yy y0 from crop px to px of its downsampled
        frame, that frame's height, and its first row in the stack.
    factors: downsampling factors of the stacked frames, top to bottom.
    """

    table: Floats
    factors: tuple[int, ...]


def plan(crops: Sequence[CropBox], out_px: int, height: int, width: int) -> Plan:
    """Return the sampling plan of the crops: one affine map and downsampling factor each.

    height, width: of the frame, px.
    Downsampling by s maps px x to (x - (s - 1) / 2) / s, as pixel centres are at whole numbers.
    """
    size_px = np.array([crop.size_px for crop in crops])
    power_of_two = 2 ** np.maximum(0, np.floor(np.log2(size_px / out_px))).astype(np.int64)
    shrink = np.where(power_of_two <= min(height, width), power_of_two, 1)
    factors, level = np.unique(shrink, return_inverse=True)
    heights = height // factors
    first_rows = np.cumsum(heights + 1) - (heights + 1)
    maps = frame_matrices(crops, out_px)  # (N, 2, 3)
    maps[:, :, 2] -= (shrink[:, None] - 1) / 2
    maps /= shrink[:, None, None]
    table = np.column_stack([maps.reshape(-1, 6), heights[level], first_rows[level]])
    return Plan(table.astype(np.float32), tuple(factors.tolist()))


def cut_all(frame: Tensor, table: Tensor, factors: Sequence[int], out_px: int) -> Tensor:
    """Sample all crops from the frame, bilinearly; black where a crop leaves the frame.

    frame: (H, W, 3) uint8.
    table, factors: of the frame's `Plan`, the table on the device.
    Returns (N, out_px, out_px, 3) uint8 on the same device.
    """
    import torch
    from torch.nn import functional

    levels = averaged(frame, factors)
    rows, columns = levels.shape[2:]
    lattice = torch.arange(out_px, device=frame.device, dtype=torch.float32)
    u, v = lattice[None, None, :], lattice[None, :, None]
    xx, xy, x0, yx, yy, y0, height, first_row = table.reshape(-1, COLUMNS, 1, 1).unbind(1)
    # Sums, not a matrix product: with TensorFloat-32 that would round coordinates to ten bits.
    x, y = xx * u + xy * v + x0, yx * u + yy * v + y0
    y = torch.minimum(y.clamp(min=-1.0), height) + first_row  # samples above or below the frame hit a black row
    # Crops stacked vertically, (1, N * out_px, out_px, 2): one sampling grid for any N. Pixel centres are at whole
    # numbers; grid_sample's -1 and 1 are the image's outer edges (align_corners=False).
    grid = torch.stack([(2 * x + 1) / columns - 1, (2 * y + 1) / rows - 1], dim=-1).reshape(1, -1, out_px, 2)
    sampled = functional.grid_sample(levels, grid, "bilinear", "zeros", align_corners=False)
    return sampled[0].reshape(3, -1, out_px, out_px).permute(1, 2, 3, 0).round().to(torch.uint8)


def averaged(frame: Tensor, factors: Sequence[int]) -> Tensor:
    """Downsample the frame by each factor and stack the levels vertically, with a black row after each.

    frame: (H, W, 3) uint8.
    factors: powers of two, ascending. Halved repeatedly, rounded each time, as in `geometry.cut`.
    Returns (1, 3, rows, W) float32; levels narrower than W are padded with black at the right.
    """
    import torch
    from torch.nn import functional

    image, reached = frame.permute(2, 0, 1)[None].float(), 1
    width, levels = image.shape[3], []
    for factor in factors:
        while reached < factor:
            image, reached = (functional.avg_pool2d(image, 2) + 0.5).floor(), 2 * reached
        levels.append(functional.pad(image, (0, width - image.shape[3], 0, 1)))
    return torch.cat(levels, dim=2)
