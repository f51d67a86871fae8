"""Frames of a source and the faces that a detector finds in them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".webp", ".tif", ".tiff", ".jp2", ".avif", ".ppm", ".pgm", ".pbm")
)
"""Suffixes of image files. GIF is read as a video, since most are animated."""
Floats = NDArray[np.float32]
MAX_SIDE_PX = 32_766
"""Longest side of a picture: OpenCV's warps, with which faces are cut out, have coordinates of 16 bits."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """One picture of a source.

    image: (H, W, 3) uint8, BGR.
    time_s: seconds on the source's own monotonic clock; strictly increasing from frame to frame.
    index: counts the source's frames from 0; a gap means dropped frames.
    name: the picture's file name where the source is a folder of pictures, else None.
    """

    image: Image
    _: KW_ONLY  # time and index swapped would pass for a while
    time_s: float
    index: int
    name: str | None = None

    def __repr__(self) -> str:
        height, width = (*getattr(self.image, "shape", ()), 0, 0)[:2]
        return f"Frame({width}x{height}, time_s={self.time_s:.3f}, index={self.index})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections:
    """Faces found in one image, best first.

    boxes: (N, 4) float32, x0 y0 x1 y1 in px: the extent of the 68 landmarks, from the brows to the chin and from ear
    to ear.
    scores: (N,) float32 in 0..1.
    keypoints: (N, 5, 2) float32 px, right eye, left eye, nose tip, right and left mouth corner as the person has
        them (so the first eye is the one on the picture's left in a face seen from the front); None if the detector
        gives none.
    """

    boxes: Floats
    scores: Floats
    keypoints: Floats | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def __repr__(self) -> str:
        return f"Detections({len(self)}, scores {', '.join(f'{score:.2f}' for score in self.scores[:3])})"

    def face(self, index: int) -> tuple[Floats, Floats | None]:
        """(4,) box and (5, 2) keypoints of one face."""
        return self.boxes[index], None if self.keypoints is None else self.keypoints[index]
