"""Rows of the comparison's tables, and the labelled images that they are measured on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facetrack.types import Floats, Image

NO_BOXES = np.zeros((0, 4), np.float32)

Labelled = Iterable[tuple[Image, Floats, Floats]]
"""Items (image, ground truth boxes, ignored boxes)."""


@dataclass(frozen=True, slots=True)
class Row:
    """Row of a group's table.

    count: number of faces, images or calls measured
    values: value of each method
    amount: position on the group's axis, NaN without
    best: 1 if higher is better, -1 if lower is better, 0 if neither
    """

    group: str
    name: str
    count: int
    values: dict[str, float]
    amount: float = float("nan")
    best: int = 1
