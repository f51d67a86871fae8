"""Z-buffer rasteriser in numpy: the nearest triangle of each pixel.

A head's triangles are a few pixels large, so all of similar size are tested at once, each on a square of pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats

Ints = NDArray[np.int64]

SQUARES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 24, 40, 80, 160)
"""Sides in px of the squares on which triangles are tested; larger triangles are tested on the whole image."""
CHUNK = 1_500_000
"""Pixels tested at once, which bounds the memory."""
_ON_EDGE = -1e-5
"""Tolerance by which a pixel centre on a common edge belongs to both triangles: rounding would leave holes."""


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """Visible surface, one entry per covered pixel.

    pixel: (N,) row * width + column, unique.
    triangle: (N,) index of the nearest triangle.
    share: (N, 3) float32, perspective-correct barycentric weights of its corners.
    depth: (N,) float32, in the unit of the given depths.
    size: (width, height) px.
    """

    pixel: Ints
    triangle: Ints
    share: Floats
    depth: Floats
    size: tuple[int, int]

    def to_image(self, values: NDArray[np.float32], empty: float) -> Floats:
        """Scatter (N,) fragment values into an (H, W) image, `empty` elsewhere."""
        out = np.full(self.size[0] * self.size[1], empty, np.float32)
        out[self.pixel] = values
        return out.reshape(self.size[1], self.size[0])


def rasterise(
    points: NDArray[np.floating], depth: NDArray[np.floating], triangles: Ints, size: tuple[int, int]
) -> Fragments:
    """Rasterise triangles with a z-buffer.

    points: (V, 2) px with pixel centres at integers.
    depth: (V,) > 0 from a pinhole camera; its inverse is linear over the image.
    triangles: (T, 3) vertex indices; both sides are drawn (cull back faces by `facing`), and triangles with a corner at
        or behind the camera are skipped.
    """
    inverse_depth = 1.0 / np.maximum(depth, 1e-9).astype(np.float32)
    corners = points.astype(np.float32)[triangles]  # (T, 3, 2)
    first, second, third = corners[:, 0], corners[:, 1], corners[:, 2]
    low = np.ceil(np.minimum(np.minimum(first, second), third) + _ON_EDGE).clip(0, 2**30).astype(np.int64)
    high = np.floor(np.maximum(np.maximum(first, second), third) - _ON_EDGE).clip(-1, np.array(size) - 1).astype(int)
    span = high - low + 1
    side = np.maximum(span[:, 0], span[:, 1])
    ahead = (depth > 0)[triangles]
    drawn = np.flatnonzero((span[:, 0] > 0) & (span[:, 1] > 0) & ahead[:, 0] & ahead[:, 1] & ahead[:, 2])
    hits = [
        _test_pixels(corners[group], inverse_depth[triangles[group]], low[group], high[group], group, square, size[0])
        for group, square in _size_groups(drawn, side[drawn], max(size))
    ]
    if not hits:
        empty = np.zeros(0, np.int64)
        return Fragments(empty, empty, np.zeros((0, 3), np.float32), np.zeros(0, np.float32), size)
    pixel, triangle, share, nearness = (np.concatenate(parts) for parts in zip(*hits, strict=True))
    nearest = np.zeros(size[0] * size[1], np.float32)
    np.maximum.at(nearest, pixel, nearness)
    nearest_hits = np.flatnonzero(nearness == nearest[pixel])
    # Two triangles may have the same depth at a pixel: keep one hit of each.
    _, first_hits = np.unique(pixel[nearest_hits], return_index=True)
    kept = nearest_hits[first_hits]
    correct = share[kept] * inverse_depth[triangles[triangle[kept]]]
    correct /= (correct[:, 0] + correct[:, 1] + correct[:, 2])[:, None]
    return Fragments(pixel[kept], triangle[kept], correct, np.asarray(1 / nearness[kept], np.float32), size)


def facing(points: NDArray[np.floating], triangles: Ints) -> NDArray[np.bool_]:
    """Return the (T,) mask of front-facing triangles: corners anticlockwise as seen (y down)."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.asarray(area < 0)


def _size_groups(indices: Ints, sides: Ints, largest: int) -> Iterator[tuple[Ints, int]]:
    """Yield triangles grouped by the square that contains them, in chunks, with the square's side."""
    smaller = 0
    for square in (*(s for s in SQUARES if s < largest), largest):
        group = indices[(sides > smaller) & (sides <= square)]
        smaller = square
        step = max(1, CHUNK // square**2)
        for start in range(0, len(group), step):
            yield group[start : start + step], square


def _test_pixels(
    corners: Floats, inverse_depth: Floats, low: Ints, high: Ints, index: Ints, square: int, width: int
) -> tuple[Ints, Ints, Floats, Floats]:
    """Test every pixel of each triangle's square by barycentric coordinates.

    Returns (pixel, triangle index, barycentric weights, inverse depth) of the pixels inside.
    """
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]  # (T, 2) each
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    scale = np.where(np.abs(area) > 1e-9, 1 / np.where(area == 0, 1, area), np.float32(np.nan))[:, None, None]
    step = np.arange(square)
    columns, rows = low[:, :1] + step, low[:, 1:] + step
    x = (columns - a[:, :1]).astype(np.float32)[:, None, :]
    y = (rows - a[:, 1:]).astype(np.float32)[:, :, None]
    with np.errstate(invalid="ignore"):
        # (T, square, square) weights of the second and third corner
        second = (x * c[:, 1, None, None] - y * c[:, 0, None, None]) * scale
        third = (y * b[:, 0, None, None] - x * b[:, 1, None, None]) * scale
        inside = (second >= _ON_EDGE) & (third >= _ON_EDGE) & (second + third <= 1 - _ON_EDGE)
    inside &= (columns <= high[:, :1])[:, None, :] & (rows <= high[:, 1:])[:, :, None]
    hit = np.flatnonzero(inside)
    owner, rest = np.divmod(hit, square * square)
    row, column = np.divmod(rest, square)
    share = np.empty((len(owner), 3), np.float32)
    share[:, 1], share[:, 2] = second.ravel()[hit], third.ravel()[hit]
    share[:, 0] = 1 - share[:, 1] - share[:, 2]
    pixel = rows[owner, row] * width + columns[owner, column]
    return pixel, index[owner], share, dot(share, inverse_depth[owner])


def dot(a: Floats, b: Floats) -> Floats:
    """Return row-wise dot products of (N, 3) arrays, several times faster than a sum over a short axis."""
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
