"""Horizontal mirroring of landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats

Flips = NDArray[np.intp]


def mirrored(points: Floats, order: Flips, width: int) -> Floats:
    """Mirror (..., K, 2) points horizontally; `order` swaps left and right points."""
    swapped = points[..., order, :].copy()
    swapped[..., 0] = width - 1 - swapped[..., 0]
    return swapped
