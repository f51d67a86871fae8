"""Synthetic eye closure for labelled faces: photographs hold few closed eyes, which a network must learn to recognise.

The skin between brow and upper lid is stretched downwards over the eye, lashes included, and the upper lid's points
move with it. The closure and the moved points are exact; only the texture of the lid is an approximation.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Image

Rng = np.random.Generator

LID_SHARE = 0.55
"""Share of the distance from lid to brow at which the stretched skin begins."""
CLOSED_TRAVEL = 0.92
"""Share of the lid distance that the upper lid travels in a closed eye; the rest is lashes."""
BROW_OF_EYE = ((0, (17, 22)), (1, (22, 27)))


def blink(image: Image, points: Floats, rng: Rng) -> tuple[Image, Floats]:
    """Close one eye or (in 80 % of the calls) both, (nearly) fully in 60 % of the calls, else partly.

    image: (H, W, 3). points: (68, 2) px. Returns new ones; an eye with missing points stays unchanged.
    """
    closure = float(rng.uniform(0.9, 1.0) if rng.random() < 0.6 else rng.uniform(0.2, 0.9))
    chosen = (0, 1) if rng.random() < 0.8 else (int(rng.integers(2)),)
    for eye in chosen:
        image, points = close_eye(image, points, eye, closure)
    return image, points


def close_eye(image: Image, points: Floats, eye: int, closure: float) -> tuple[Image, Floats]:
    """Move the upper lid of one eye (0: the person's right) down by `closure` of its opening, in image and points."""
    first = topology.RIGHT_EYE[0] if eye == 0 else topology.LEFT_EYE[0]
    outline = points[first : first + 6].astype(np.float64)
    brow = points[slice(*BROW_OF_EYE[eye][1])].astype(np.float64)
    axis = outline[3] - outline[0]
    width = float(np.linalg.norm(axis))
    if not np.isfinite(width) or width < 4 or not np.isfinite(brow).all():
        return image, points
    # The eye's frame: origin at its first corner, x to the other corner, y perpendicular to it (down).
    axes = np.array([axis / width, [-axis[1] / width, axis[0] / width]])
    local = (outline - outline[0]) @ axes.T
    upper, lower = _Lid(local[1:3], width), _Lid(local[[5, 4]], width)
    brow_y = float(((brow - outline[0]) @ axes.T)[:, 1].mean())
    lid_top = LID_SHARE * (brow_y - float(local[1:3, 1].mean()))
    if lid_top > -1:  # no skin between brow and lid to stretch
        return image, points
    moved = local.copy()
    for index in (1, 2):
        x = local[index, 0]
        moved[index, 1] += closure * CLOSED_TRAVEL * max(0.0, float(lower(x) - upper(x)))
    result = points.copy()
    result[first : first + 6] = (moved @ axes + outline[0]).astype(np.float32)
    return _stretch_skin(image, outline[0], axes, width, upper, lower, lid_top, closure * CLOSED_TRAVEL), result


class _Lid:
    """Eyelid curve y(x) in the eye's frame: x (w - x) (a + b x), zero at both corners and fitted to two points."""

    def __init__(self, inner: NDArray[np.float64], width: float) -> None:
        self.width = width
        x = np.clip(inner[:, 0], 0.1 * width, 0.9 * width)
        if abs(x[1] - x[0]) < 0.1 * width:
            x = width * np.array([1 / 3, 2 / 3])
        self.coefficients = np.linalg.solve(np.stack([np.ones(2), x], axis=1), inner[:, 1] / (x * (width - x)))

    def __call__(self, x: float | NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.clip(x, 0, self.width)
        a, b = self.coefficients
        return np.asarray(inside * (self.width - inside) * (a + b * inside))


def _stretch_skin(
    image: Image,
    origin: NDArray[np.float64],
    axes: NDArray[np.float64],
    width: float,
    upper: _Lid,
    lower: _Lid,
    lid_top: float,
    closure: float,
) -> Image:
    """Stretch the skin from `lid_top` above the upper lid down to the lid's new position."""
    reach = width + abs(lid_top) + 2
    middle = origin + axes[0] * width / 2
    low = np.maximum(np.floor(middle - reach), 0).astype(int)
    high = np.minimum(np.ceil(middle + reach) + 1, image.shape[1::-1]).astype(int)
    if (high - low < 2).any():
        return image
    columns, rows = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    # Inverse warp in the eye's frame: each target pixel between `top` and the moved lid samples the stretched skin.
    local = np.stack([columns - origin[0], rows - origin[1]], axis=-1) @ axes.T
    x, y = local[..., 0], local[..., 1]
    lid, travel = upper(x), closure * np.maximum(0, lower(x) - upper(x))
    top = lid + lid_top
    inside = (x > 0) & (x < width) & (y > top) & (y < lid + travel)
    source = np.where(inside, top + (y - top) * (-lid_top) / (-lid_top + travel), y)
    sample_at = np.stack([x, source], axis=-1) @ axes + origin
    patch = cv2.remap(
        image,
        sample_at[..., 0].astype(np.float32),
        sample_at[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    out = image.copy()
    out[low[1] : high[1], low[0] : high[0]] = patch
    return out
