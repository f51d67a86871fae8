"""A z-buffer in numpy: triangles to the pixels in which they are the nearest.

Triangles of a head are a few pixels large, so all of like size are tried at once on a square of pixels each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats

Ints = NDArray[np.int64]

SQUARES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 24, 40, 80, 160)
"""Sides in px of the squares on which triangles are tried; larger ones take the whole picture."""
CHUNK = 1_500_000
"""Pixels tried at once, which bounds the memory."""
_ON_EDGE = -1e-5
"""A pixel centre on a common edge belongs to both triangles: without it the rounding would leave holes."""


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """What is seen, one entry per covered pixel.

    pixel: (N,) row * width + column, no two alike. triangle: (N,) index of the nearest triangle. share: (N, 3) float32,
    the weights of its corners, perspective-correct. depth: (N,) float32, in the unit of the depths given.
    size: (width, height) px.
    """

    pixel: Ints
    triangle: Ints
    share: Floats
    depth: Floats
    size: tuple[int, int]

    def picture(self, values: NDArray[np.float32], empty: float) -> Floats:
        """(N,) values of the fragments -> (H, W); `empty` where nothing is."""
        out = np.full(self.size[0] * self.size[1], empty, np.float32)
        out[self.pixel] = values
        return out.reshape(self.size[1], self.size[0])


def rasterise(
    points: NDArray[np.floating], depth: NDArray[np.floating], triangles: Ints, size: tuple[int, int]
) -> Fragments:
    """points (V, 2) px with pixel centres at integers, depth (V,) > 0 from the camera, triangles (T, 3) -> Fragments.

    Both sides of a triangle are drawn (leave out by `facing` what is turned away); triangles with a corner at or
    behind the camera are left out. Depth is that of a pinhole camera: its inverse is linear over the picture.
    """
    near = 1.0 / np.maximum(depth, 1e-9).astype(np.float32)
    corners = points.astype(np.float32)[triangles]  # (T, 3, 2)
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    low = np.ceil(np.minimum(np.minimum(first, second), third) + _ON_EDGE).clip(0, 2**30).astype(np.int64)
    high = np.floor(np.maximum(np.maximum(first, second), third) - _ON_EDGE).clip(-1, np.array(size) - 1).astype(int)
    span = high - low + 1
    side = np.maximum(span[:, 0], span[:, 1])
    ahead = (depth > 0)[triangles]
    wanted = np.flatnonzero((span[:, 0] > 0) & (span[:, 1] > 0) & ahead[:, 0] & ahead[:, 1] & ahead[:, 2])
    found = [
        _try(corners[some], near[triangles[some]], low[some], high[some], some, square, size[0])
        for some, square in _alike(wanted, side[wanted], max(size))
    ]
    if not found:
        none = np.zeros(0, np.int64)
        return Fragments(none, none, np.zeros((0, 3), np.float32), np.zeros(0, np.float32), size)
    pixel, triangle, share, nearness = (np.concatenate(parts) for parts in zip(*found, strict=True))
    nearest = np.zeros(size[0] * size[1], np.float32)
    np.maximum.at(nearest, pixel, nearness)
    front = np.flatnonzero(nearness == nearest[pixel])
    _, once = np.unique(pixel[front], return_index=True)  # two triangles may meet a pixel at the same depth
    kept = front[once]
    correct = share[kept] * near[triangles[triangle[kept]]]
    correct /= (correct[:, 0] + correct[:, 1] + correct[:, 2])[:, None]
    return Fragments(pixel[kept], triangle[kept], correct, np.asarray(1 / nearness[kept], np.float32), size)


def facing(points: NDArray[np.floating], triangles: Ints) -> NDArray[np.bool_]:
    """(T,) whether a triangle shows its outer side, whose corners run anticlockwise as seen (y down)."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.asarray(area < 0)


def _alike(indices: Ints, sides: Ints, largest: int) -> Iterator[tuple[Ints, int]]:
    """Triangles by the square that holds them, in chunks."""
    smaller = 0
    for square in (*(s for s in SQUARES if s < largest), largest):
        group = indices[(sides > smaller) & (sides <= square)]
        smaller = square
        step = max(1, CHUNK // square**2)
        for start in range(0, len(group), step):
            yield group[start : start + step], square


def _try(
    corners: Floats, near: Floats, low: Ints, high: Ints, index: Ints, square: int, width: int
) -> tuple[Ints, Ints, Floats, Floats]:
    """Barycentric coordinates of every pixel of each triangle's square; those inside are kept."""
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    scale = np.where(np.abs(area) > 1e-9, 1 / np.where(area == 0, 1, area), np.float32(np.nan))[:, None, None]
    step = np.arange(square)
    columns, rows = low[:, :1] + step, low[:, 1:] + step
    x = (columns - a[:, :1]).astype(np.float32)[:, None, :]
    y = (rows - a[:, 1:]).astype(np.float32)[:, :, None]
    with np.errstate(invalid="ignore"):
        second = (x * c[:, 1, None, None] - y * c[:, 0, None, None]) * scale
        third = (y * b[:, 0, None, None] - x * b[:, 1, None, None]) * scale
        inside = (second >= _ON_EDGE) & (third >= _ON_EDGE) & (second + third <= 1 - _ON_EDGE)
    inside &= (columns <= high[:, :1])[:, None, :] & (rows <= high[:, 1:])[:, :, None]
    hit = np.flatnonzero(inside)
    which, rest = np.divmod(hit, square * square)
    row, column = np.divmod(rest, square)
    share = np.empty((len(which), 3), np.float32)
    share[:, 1], share[:, 2] = second.ravel()[hit], third.ravel()[hit]
    share[:, 0] = 1 - share[:, 1] - share[:, 2]
    pixel = rows[which, row] * width + columns[which, column]
    return pixel, index[which], share, dot(share, near[which])


def dot(a: Floats, b: Floats) -> Floats:
    """Row by row over three columns: several times faster than a sum over a short axis."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
