"""How far the eyes are open, from their six points each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack.topology import EAR_LEFT, EAR_RIGHT

Array = NDArray[np.float64]


def eye_aspect_ratios(points: NDArray[np.floating]) -> tuple[Array, Array]:
    """(..., 68, 2) -> the person's (right, left) eye aspect ratios, (...) each; NaN for an eye of no width.

    EAR = (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|) (Soukupova and Cech, CVWW 2016). About .3 open and below .15 closed,
    but it differs between persons and grows as a turned head narrows the eye: see `measure` for when to trust it.
    """
    exact: Array = np.asarray(points, dtype=np.float64)
    return _aspect_ratio(exact[..., list(EAR_RIGHT), :]), _aspect_ratio(exact[..., list(EAR_LEFT), :])


def _aspect_ratio(eye: Array) -> Array:
    """(..., 6, 2), p1..p6 -> (...)."""
    p1, p2, p3, p4, p5, p6 = np.moveaxis(eye, -2, 0)
    height = np.linalg.norm(p2 - p6, axis=-1) + np.linalg.norm(p3 - p5, axis=-1)
    width = 2.0 * np.linalg.norm(p1 - p4, axis=-1)
    return np.divide(height, width, out=np.full_like(height, np.nan), where=width > 0)
