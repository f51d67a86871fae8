"""Where a face goes in a composed scene: the cells, and the maps that take a picture into one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats

Rng = np.random.Generator
Rect = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole px; the last column and row are not in it."""


def cells(side: int, rng: Rng) -> Iterator[Rect]:
    """The scene cut into 1, 4 or 9 cells (or 2, or 6) by uneven lines."""
    columns, rows = (int(n) for n in rng.choice(3, 2, p=[0.6, 0.28, 0.12]) + 1)
    if rng.random() < 0.7:
        rows = columns
    xs, ys = _cuts(side, columns, rng), _cuts(side, rows, rng)
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            yield x0, y0, x1, y1


def shrink(cell: Rect, box: Floats, rng: Rng) -> Rect:
    """What is left of a cell around a face, with uneven margins: the frame that a pack was cut with must not give it
    away."""
    margin = longer_side(box) * rng.uniform(0.03, 0.35, 4)
    grown = np.round(box + margin * [-1, -1, 1, 1]).astype(int)
    x0, y0 = np.clip(grown[:2], cell[:2], np.array(cell[2:]) - 1)
    x1, y1 = np.clip(grown[2:], [x0 + 1, y0 + 1], cell[2:])
    return int(x0), int(y0), int(x1), int(y1)


def _cuts(side: int, parts: int, rng: Rng) -> list[int]:
    inner = [round(side * (i + rng.uniform(-0.15, 0.15)) / parts) for i in range(1, parts)]
    return [0, *inner, side]


def turn_scale(degrees: float, scale_x: float, scale_y: float, mirror: bool) -> NDArray[np.float64]:
    """(2, 2): mirror and scale, then turn."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([-scale_x if mirror else scale_x, scale_y])


def place(linear: NDArray[np.float64], anchor: NDArray, target: NDArray) -> NDArray[np.float64]:
    """(2, 3) map with that linear part that takes `anchor` to `target`."""
    return np.column_stack([linear, target - linear @ anchor])


def longer_side(box: Floats) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))
