"""Fixed augmentation set of thirty versions: five pixel filters times six crop offsets.

Image-classification tutorials enlarge a small data set in this way. Here the data set is not enlarged: each draw of a
sample selects one of the thirty uniformly by (seed, epoch, index), so thirty epochs show as much as one epoch over a
data set thirty times as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.types import Image


@dataclass(frozen=True, slots=True)
class CropOffset:
    """Offset of the crop relative to the face.

    roll_deg: rotation of the crop (in the crop, the face rotates the other way).
    x, y: shift of the crop's centre in face extents (right, down).
    """

    roll_deg: float = 0.0
    x: float = 0.0
    y: float = 0.0


CROP_OFFSETS = (
    CropOffset(), CropOffset(roll_deg=15), CropOffset(roll_deg=-15), CropOffset(x=0.1), CropOffset(x=-0.1),
    CropOffset(y=0.1),
)  # fmt: skip
MEAN_PX = 3
MOTION_PX = 7
SHARPENING = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
"""Kernel of the image minus its Laplacian (Gonzalez and Woods, Digital Image Processing, 3.6)."""
GAMMA = 0.6


def identity(image: Image) -> Image:
    """Return the image unchanged."""
    return image


def mean_filter(image: Image) -> Image:
    """Replace each pixel by the mean of its 3x3 neighbourhood."""
    return np.asarray(cv2.blur(image, (MEAN_PX, MEAN_PX)), np.uint8)


def sharpen(image: Image) -> Image:
    """Sharpen by subtracting the Laplacian."""
    return np.asarray(cv2.filter2D(image, -1, SHARPENING), np.uint8)


def motion_blur(image: Image) -> Image:
    """Blur horizontally over 7 px, symmetrically, so that the points stay in place."""
    return np.asarray(cv2.blur(image, (MOTION_PX, 1)), np.uint8)


def brighten(image: Image) -> Image:
    """Brighten the shadows by gamma 0.6."""
    table = 255 * np.linspace(0, 1, 256) ** GAMMA
    return np.asarray(cv2.LUT(image, table.round().astype(np.uint8)), np.uint8)


PIXEL_FILTERS: tuple[Callable[[Image], Image], ...] = (identity, mean_filter, sharpen, motion_blur, brighten)
