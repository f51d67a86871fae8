"""Hard-negative mining: false alarms of a trained detector, trained on again (Sung & Poggio, 1998)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.geometry import points_box, touching
from facetrack.types import Floats, Image
from facetrain.samples.pictures import FacePicture

Detect = Callable[[Image], tuple[Floats, Floats]]
"""Maps (H, W, 3) uint8 BGR, sides divisible by 32, to boxes (N, 4) px and scores (N,)."""


@dataclass(frozen=True, slots=True, eq=False)
class HardExample:
    """False alarm of a detector.

    box: (4,) px in the picture.
    size_px: longer side at the scale at which the detector raised it.
    """

    picture: FacePicture
    box: Floats
    size_px: float


def mine_false_positives(
    detect: Detect, pictures: Iterable[FacePicture], scales: tuple[float, ...] = (0.5, 1.0, 2.0),
    min_score: float = 0.25, max_px: int = 640,
) -> list[HardExample]:  # fmt: skip
    """Return the false alarms above `min_score` at several scales; all faces must be labelled or ignored."""
    mined = []
    for picture in pictures:
        image = picture.decode()
        labelled = np.concatenate([points_box(picture.outlines), picture.ignore])
        for scale in scales:
            if max(image.shape[:2]) * scale > max_px:
                continue
            boxes, scores = detect(_padded(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)))  # type: ignore[arg-type]
            full = (boxes + 0.5) / scale - 0.5
            mined += [
                HardExample(picture, box, float((box[2:] - box[:2]).max() * scale))
                for box, score in zip(full, scores, strict=True)
                # A detection that overlaps a labelled face is badly localised, not a false alarm.
                if score > min_score and not touching(box, labelled).any()
            ]
    return mined


def _padded(image: Image) -> Image:
    height, width = image.shape[:2]
    return cv2.copyMakeBorder(image, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT)  # type: ignore[return-value]
