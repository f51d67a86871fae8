"""How far the mouth is open, from the inner lips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack.topology import INNER_LIP_CORNERS, INNER_LIP_LOWER, INNER_LIP_UPPER


def mouth_opening(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 68, 2) -> (...): mean gap between the inner lips over the inner mouth's width; NaN for a mouth of no width.

    The eye aspect ratio's idea on the three upper and three lower inner-lip points: 0 closed, over .6 wide open. It
    does not depend on size or roll.
    """
    points = np.asarray(points, dtype=np.float64)
    upper, lower = points[..., list(INNER_LIP_UPPER), :], points[..., list(INNER_LIP_LOWER), :]
    gap = np.asarray(np.linalg.norm(upper - lower, axis=-1).mean(axis=-1))
    corners = points[..., list(INNER_LIP_CORNERS), :]
    width = np.asarray(np.linalg.norm(corners[..., 1, :] - corners[..., 0, :], axis=-1))
    return np.divide(gap, width, out=np.full_like(gap, np.nan), where=width > 0)
