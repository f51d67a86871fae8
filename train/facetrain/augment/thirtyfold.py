"""Thirty fixed versions of a picture: five changes of its pixels times six of its place, as tutorials of picture
classification multiply a small set.

Nothing is multiplied here: each time a sample is seen, one of the thirty is drawn by (seed, epoch, index), all equally
often. So an epoch stays as long as it was, and thirty epochs show as much as one over a set thirty times as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.types import Image


@dataclass(frozen=True, slots=True)
class Place:
    """How the crop lies over the face: turned by roll_deg (the face then turns the other way), its middle moved by x
    and y extents of the face (right, down)."""

    roll_deg: float = 0.0
    x: float = 0.0
    y: float = 0.0


PLACES = (Place(), Place(roll_deg=15), Place(roll_deg=-15), Place(x=0.1), Place(x=-0.1), Place(y=0.1))
MEAN_PX = 3
MOTION_PX = 7
SHARPENING = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)
"""The picture minus its Laplacian (Gonzalez and Woods, Digital Image Processing, 3.6)."""
GAMMA = 0.6


def as_it_is(image: Image) -> Image:
    """The picture itself."""
    return image


def mean_filter(image: Image) -> Image:
    """Each pixel the mean of its 3x3 neighbourhood."""
    return np.asarray(cv2.blur(image, (MEAN_PX, MEAN_PX)), np.uint8)


def sharpen(image: Image) -> Image:
    """Edges twice as steep."""
    return np.asarray(cv2.filter2D(image, -1, SHARPENING), np.uint8)


def motion_blur(image: Image) -> Image:
    """Moved sideways by 7 px while the shutter was open. Evenly to both sides: points stay where they are."""
    return np.asarray(cv2.blur(image, (MOTION_PX, 1)), np.uint8)


def brighten(image: Image) -> Image:
    """Shadows lifted: gamma 0.6."""
    table = 255 * np.linspace(0, 1, 256) ** GAMMA
    return np.asarray(cv2.LUT(image, table.round().astype(np.uint8)), np.uint8)


PIXELS: tuple[Callable[[Image], Image], ...] = (as_it_is, mean_filter, sharpen, motion_blur, brighten)
