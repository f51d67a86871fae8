"""Search of an image by a detector: the whole first, then one part of it, for small faces and faces on their side."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.detector.tiles import Tiles, shifted
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
Part = tuple[Image, Callable[[Detections], Detections]]
"""Image to search, and the map of its detections to px of the whole image."""


class CoarseToFine:
    """Search of an image: the whole first, then at most one part of it where the whole shows no free face.

    Parts are the surroundings of a small detection under SURE_SCORE, and in turn the tiles and the whole image in
    quarter turns, for faces that lie on their side.
    """

    FINE_PX = 320, 240
    """Width and height of the part around a hint: a detector that downsamples to 320 px sees it at its full size."""

    def __init__(self) -> None:
        self._tiles = Tiles()
        self.reset()

    def reset(self) -> None:
        self._tiles.reset()
        self._turn = self._part_turn = 0

    def __call__(
        self, detector: Detector, image: Image, free: Free, everywhere: bool
    ) -> tuple[Detections, NDArray[np.intp]]:
        """Return the detections of the last part that was searched, in px of the image, and the indices of the free.

        everywhere: whether tiles and quarter turns may be searched, too; they alternate with the hints then.
        """
        found = detector(image)
        indices = free(found)
        sure = indices[found.scores[indices] >= SURE_SCORE]
        if len(sure):
            return found, sure
        part = self._part(image, found.boxes[indices], everywhere)
        if part is None:
            return found, sure
        found = part[1](detector(part[0]))
        indices = free(found)
        return found, indices[found.scores[indices] >= SURE_SCORE]

    def _part(self, image: Image, hints: Floats, everywhere: bool) -> Part | None:
        """Return the part to search next; hints: (N, 4) px, best first."""
        tiles = len(self._tiles.origins(image.shape[1], image.shape[0]))
        small = (hints[:, 2:] - hints[:, :2]).max(axis=1, initial=0) <= Tiles.OVERLAP_PX
        hints = hints[small] if tiles else hints[:0]
        choices = len(hints) + everywhere
        if choices == 0:
            return None
        chosen = self._turn % choices
        self._turn += 1
        return self._next(image, tiles) if chosen == len(hints) else self._around(image, hints[chosen])

    def _around(self, image: Image, hint: Floats) -> Part:
        wide, high = self.FINE_PX
        limit = np.maximum(0, np.array(image.shape[1::-1]) - self.FINE_PX)
        x, y = np.rint(np.clip((hint[:2] + hint[2:] - self.FINE_PX) / 2, 0, limit)).astype(int).tolist()
        return image[y : y + high, x : x + wide], partial(shifted, origin=(x, y))

    def _next(self, image: Image, tiles: int) -> Part:
        """Return the next of the tiles, followed by the two quarter turns."""
        chosen = self._part_turn % (tiles + 2)
        self._part_turn += 1
        if chosen < tiles and (tile := self._tiles.next(image)) is not None:
            return tile[0], partial(shifted, origin=tile[1])
        return quarter_turned(image, clockwise=chosen == tiles)


def quarter_turned(image: Image, clockwise: bool) -> Part:
    """Return the image in a quarter turn, and the map of its detections back."""
    code = cv2.ROTATE_90_CLOCKWISE if clockwise else cv2.ROTATE_90_COUNTERCLOCKWISE
    return np.asarray(cv2.rotate(image, code), np.uint8), partial(turned_back, clockwise=clockwise, size=image.shape)


def turned_back(detections: Detections, clockwise: bool, size: tuple[int, ...]) -> Detections:
    """Map the detections in a quarter-turned image to the image of `size` (height, width, ..)."""
    height, width = size[:2]

    def back(points: Floats) -> Floats:
        across, down = points[..., 0], points[..., 1]
        x, y = (down, height - 1 - across) if clockwise else (width - 1 - down, across)
        return np.stack([x, y], axis=-1)

    corners = back(detections.boxes.reshape(-1, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    keypoints = None if detections.keypoints is None else back(detections.keypoints)
    return Detections(boxes, detections.scores, keypoints)
