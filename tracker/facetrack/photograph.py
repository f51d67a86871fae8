"""The bundled photograph (NASA's portrait of an astronaut, see _assets/README.md) and its landmarks."""

from __future__ import annotations

import json
from importlib import resources

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.types import Image

Array = NDArray[np.float64]

SCALE = 3
"""Enlargement of the photograph: with 66 px between the outer eye corners the eyelids' motion would be too coarse."""


def load_photograph() -> tuple[Image, Array]:
    """Load the photograph, (H, W, 3) uint8 BGR at its original size, and its landmarks, (68, 2) float64 px."""
    folder = resources.files("facetrack") / "_assets"
    encoded = np.frombuffer((folder / "astronaut.jpg").read_bytes(), np.uint8)
    photograph = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    points = np.array(json.loads((folder / "astronaut.json").read_text())["points"], dtype=np.float64)
    return photograph, points


def enlarge(photograph: Image) -> Image:
    """Return the photograph enlarged SCALE times, by cubic interpolation."""
    large = cv2.resize(photograph, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.uint8)


def enlarged(coordinates: Array) -> Array:
    """Convert photograph px to enlarged px (the image's edges, half a px outside the outermost centres, are kept)."""
    return (coordinates + 0.5) * SCALE - 0.5
