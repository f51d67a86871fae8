"""Labels of one eye, as one row of numbers: a batch of items is then stacked in two steps instead of thirteen."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from facetrack.modelfile import EYE_STATES
from facetrack.types import Floats

SHAPES: dict[str, tuple[int, ...]] = {
    "contour": (6, 2), "contour_weight": (6,), "iris": (3,), "iris_weight": (), "radius_weight": (), "gap": (),
    "gap_weight": (), "state": (len(EYE_STATES),), "state_weight": (), "covered": (), "covered_weight": (),
    "gaze": (2,), "gaze_weight": (),
}  # fmt: skip
"""Label -> shape of one eye's. contour: x y of the six points in px, in the right eye's order. iris: x y of its centre
and its radius. gap: lid gap over the eye's width. state: 1 for each of EYE_STATES that is possible. covered: 1 where
the eye cannot be seen. gaze: x y of the unit vector of its look, the line of sight to the eye as z. Weights are 0
where a label is unknown."""


def pack(labels: Mapping[str, Floats]) -> Floats:
    """Return the labels of one eye as one row, float32."""
    return np.concatenate([np.ravel(labels[name]) for name in SHAPES]).astype(np.float32)


def unpack(rows: Tensor) -> dict[str, Tensor]:
    """Return the labels of (N, K) rows by name, (N, ...)."""
    sizes = [math.prod(shape) for shape in SHAPES.values()]
    parts = rows.split(sizes, dim=1)
    return {name: part.reshape(-1, *shape) for (name, shape), part in zip(SHAPES.items(), parts, strict=True)}
