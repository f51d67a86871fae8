"""What a trained detector takes for a face and is none: learnt again, more often (Sung & Poggio, 1998)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.geometry import points_box, touching
from facetrack.types import Floats, Image
from facetrain.samples.pictures import FacePicture

Find = Callable[[Image], tuple[Floats, Floats]]
"""(H, W, 3) uint8 BGR, sides divisible by 32 -> boxes (N, 4) px and scores (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class HardExample:
    """box: (4,) px in the picture, where the false alarm was. size_px: its longer side as the network saw it."""

    picture: FacePicture
    box: Floats
    size_px: float


def mine_false_positives(
    find: Find, pictures: Iterable[FacePicture], scales: tuple[float, ...] = (0.5, 1.0, 2.0), min_score: float = 0.25,
    max_px: int = 640,
) -> list[HardExample]:  # fmt: skip
    """The false alarms above `least` in pictures whose faces are all known or ignored, at several sizes."""
    mined = []
    for picture in pictures:
        image = picture.decode()
        known = np.concatenate([points_box(picture.outlines), picture.ignore])
        for scale in scales:
            if max(image.shape[:2]) * scale > max_px:
                continue
            boxes, scores = find(_padded(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))  # type: ignore[arg-type]
            full = (boxes + 0.5) / scale - 0.5
            mined += [
                HardExample(picture, box, float((box[2:] - box[:2]).max() * scale))
                for box, score in zip(full, scores, strict=True)
                # What meets a known face is a badly boxed face, not a false one.
                if score > min_score and not touching(box, known).any()
            ]
    return mined


def _padded(image: Image) -> Image:
    height, width = image.shape[:2]
    return cv2.copyMakeBorder(image, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT)  # type: ignore[return-value]
