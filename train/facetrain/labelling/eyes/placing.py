"""Where the eye lies in a photograph of a single eye, by an eye network that is led to it from several places.

Detectors cut these photographs: the eye lies up to a fifth of their side from its usual place, in a few at the upper
edge. In use landmarks place an eye's crop, so that a network trained on such photographs as they are learns from where
the lids lie in the crop, and from crops that miss the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.engine import Engine
from facetrack.eyes import EYE_WIDTHS
from facetrack.geometry import CropBox, crop_matrix
from facetrack.modelfile import EYES_COLUMNS
from facetrack.types import Floats, Image
from facetrain.samples.eyes.outputs import single_outputs

Array = NDArray[np.float64]

STARTS = (-0.3, -0.12, 0.0, 0.12)
"""Heights at which the search begins, from the usual one, as shares of the picture's height: the crop is half as high
as wide, so that it sees a third of the picture."""
STEPS = 4
UNUSUAL, USUAL_SHIFT, SPREAD = 0.15, 0.04, 0.12
"""Price of a place, in logarithms of the contour's scale: UNUSUAL ((shift - USUAL_SHIFT) / SPREAD)^2 for a shift as a
share of the height. Without it every tenth eye is placed on its brow."""
WIDTHS = (0.65, 1.25)
"""Least and largest width of the eye over the usual one."""
MOST_ROLL, TURN = 0.35, 0.7
"""Largest roll, radians, and how much of the one between the corners is followed."""
EDGE = ((0.2, 0.8), (0.1, 0.9))
"""Range of x and y of the eye's middle as shares of the picture."""


@dataclass(frozen=True, slots=True)
class Usual:
    """Where the eye usually lies: its width, and the height of its middle, as shares of the picture's width, height."""

    width: float
    height: float


def eye_places(images: Sequence[Image], engine: Engine, usual: Usual) -> Array:
    """Return (N, 4) x, y, width in px and roll in radians of the eye in each picture.

    From each start the crop is cut again STEPS times around the corners that the network gives; of the ends the one
    with the least scale of the contour counts, unusual places at a price.
    """
    shapes = np.array([image.shape[:2] for image in images], np.float64)
    rows, columns = shapes.T
    middle = usual.height * (rows - 1)
    best, least = np.zeros((len(images), 4)), np.full(len(images), np.inf)
    for start in STARTS:
        places = np.column_stack([(columns - 1) / 2, middle + start * rows, usual.width * columns, 0 * rows])
        for _ in range(STEPS):
            corners, _ = _look(images, engine, places)
            places = _around(corners, shapes, usual.width * columns)
        shift = (places[:, 1] - middle) / rows
        price = _look(images, engine, places)[1] + UNUSUAL * ((shift - USUAL_SHIFT) / SPREAD) ** 2
        better = price < least
        best[better], least[better] = places[better], price[better]
    return best


def place_map(place: Array, size: tuple[int, int], widths: float) -> Array:
    """Return the (2, 3) map from a picture's px to those of a crop around an eye.

    place: x, y, width, roll. size: columns and rows of the crop. widths: its width in widths of the eye.
    """
    x, y, width, roll = place.tolist()
    matrix = crop_matrix(CropBox(x, y, widths * width, roll), size[0])
    matrix[1, 2] += (size[1] - size[0]) / 2
    return matrix


def _look(images: Sequence[Image], engine: Engine, places: Array) -> tuple[Array, Floats]:
    """Return the (N, 2, 2) corners in the pictures' px and (N,) logarithms of the contour's scale."""
    side = engine.spec.input_px
    assert side is not None
    maps = [place_map(place, (side, side // 2), EYE_WIDTHS) for place in places]
    crops = [
        cv2.warpAffine(image, matrix, (side, side // 2), borderMode=cv2.BORDER_REPLICATE)
        for image, matrix in zip(images, maps, strict=True)
    ]
    outputs = single_outputs(engine, np.asarray(np.stack(crops), np.uint8))
    contour = outputs[:, EYES_COLUMNS["contour"]].reshape(-1, 6, 2).astype(np.float64)
    back = np.stack([cv2.invertAffineTransform(matrix) for matrix in maps])
    corners = contour[:, [0, 3]] @ back[:, :, :2].transpose(0, 2, 1) + back[:, None, :, 2]
    return corners, outputs[:, EYES_COLUMNS["contour_scale"]].mean(axis=1)


def _around(corners: Array, shapes: Array, usual_px: Array) -> Array:
    """Return (N, 4) places around the corners, within what a picture of an eye allows."""
    across = corners[:, 1] - corners[:, 0]
    (left, right), (top, bottom) = EDGE
    rows, columns = shapes.T
    x, y = corners.mean(axis=1).T
    return np.column_stack([
        np.clip(x, left * columns, right * columns), np.clip(y, top * rows, bottom * rows),
        np.clip(np.linalg.norm(across, axis=1), WIDTHS[0] * usual_px, WIDTHS[1] * usual_px),
        TURN * np.clip(np.arctan2(across[:, 1], across[:, 0]), -MOST_ROLL, MOST_ROLL),
    ])  # fmt: skip
