"""Search from coarse to fine, for faces that are too small to be detected in the downsampled whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facetrack.types import Detections, Floats, Image

if TYPE_CHECKING:
    from facetrack.detector import Detector

SURE_SCORE = 0.5
"""Score from which a detection is read as a face."""
HINT_SCORE = 0.2
"""Score from which a small detection is a hint to look closer.

Of held-out faces of 24 px in 640x480, 12 px in an input of 320, .48 score over .5, .90 over this, beside 1.9 false
hints a picture; in the part around them .97 score over .5 (docs/experiments.md).
"""

Free = Callable[[Detections], NDArray[np.intp]]
"""Returns the indices of the boxes over no followed face."""


class CoarseToFine:
    """Search of an image: the whole first, then at most one part of it, enlarged, where the whole shows no free face.

    The detector's boxes under SURE_SCORE are hints. Without any the tiles are searched in turn.
    """

    FINE_PX = 320, 240
    """Width and height of the part around a hint: a detector that downsamples to 320 px sees it at its full size."""

    def __init__(self) -> None:
        self._tiles = Tiles()
        self.reset()

    def reset(self) -> None:
        self._tiles.reset()
        self._turn = 0

    def __call__(
        self, detector: Detector, image: Image, free: Free, everywhere: bool
    ) -> tuple[Detections, NDArray[np.intp]]:
        """Return the detections of the last part that was searched, in px of the image, and the indices of the free.

        everywhere: whether the next tile in turn may be searched, too, which alternates with the hints then.
        """
        found = detector(image)
        indices = free(found)
        sure = indices[found.scores[indices] >= SURE_SCORE]
        if len(sure):
            return found, sure
        part = self._part(image, found.boxes[indices], everywhere)
        if part is None:
            return found, sure
        found = shifted(detector(part[0]), part[1])
        indices = free(found)
        return found, indices[found.scores[indices] >= SURE_SCORE]

    def _part(self, image: Image, hints: Floats, everywhere: bool) -> tuple[Image, tuple[int, int]] | None:
        """Return the part to search next and its origin; hints: (N, 4) px, best first."""
        small = hints[(hints[:, 2:] - hints[:, :2]).max(axis=1, initial=0) <= Tiles.OVERLAP_PX]
        wide, high = self.FINE_PX
        height, width = image.shape[:2]
        if not self._tiles.origins(width, height):
            return None
        choices = len(small) + everywhere
        if choices == 0:
            return None
        chosen = self._turn % choices
        self._turn += 1
        if chosen == len(small):
            return self._tiles.next(image)
        middle = (small[chosen, :2] + small[chosen, 2:]) / 2
        x = round(float(np.clip(middle[0] - wide / 2, 0, max(0, width - wide))))
        y = round(float(np.clip(middle[1] - high / 2, 0, max(0, height - high))))
        return image[y : y + high, x : x + wide], (x, y)


class Tiles:
    """Overlapping tiles of an image, one per call in turn, so that a detector call costs no more than on the whole.

    long_side_px: of a tile. A detector that downsamples images to 320 px gets a tile of 448 px at .71 of its size: a
        face of 24 px, 5 m before a 720p webcam, has 17 px there. An image little larger than a tile has no tiles.
    """

    ASPECT = 4 / 3
    OVERLAP_PX = 64
    """Overlap of neighbouring tiles: every smaller face lies wholly in one tile."""

    def __init__(self, long_side_px: int = 448) -> None:
        self.size = long_side_px, round(long_side_px / self.ASPECT)
        self.reset()

    def reset(self) -> None:
        self._next = 0

    def origins(self, width: int, height: int) -> list[tuple[int, int]]:
        """Return (x, y) of the tiles' top left pixels; empty for an image little larger than one tile."""
        if max(width, height) <= self.size[0] + self.OVERLAP_PX:
            return []
        columns = _starts(width, self.size[0], self.OVERLAP_PX)
        return [(x, y) for y in _starts(height, self.size[1], self.OVERLAP_PX) for x in columns]

    def next(self, image: Image) -> tuple[Image, tuple[int, int]] | None:
        """Return the next tile, a view of the (H, W, 3) image, and its origin; None if there are no tiles."""
        height, width = image.shape[:2]
        origins = self.origins(width, height)
        if not origins:
            return None
        x, y = origins[self._next % len(origins)]
        self._next += 1
        return image[y : y + self.size[1], x : x + self.size[0]], (x, y)


def shifted(detections: Detections, origin: tuple[int, int]) -> Detections:
    """Return a tile's detections in px of the whole image."""
    offset = np.array(origin, np.float32)
    keypoints = None if detections.keypoints is None else detections.keypoints + offset
    return Detections(detections.boxes + np.tile(offset, 2), detections.scores, keypoints)


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Return evenly spaced tile positions along one axis that overlap by at least `overlap` px."""
    if length <= tile:
        return [0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]
