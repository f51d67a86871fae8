"""A closer look at one part of the picture at a time, for faces too far away to be seen in the reduced whole."""

from __future__ import annotations

import math

import numpy as np

from facetrack.types import Detections, Image


class Tiles:
    """Cuts pictures into overlapping tiles and gives one after the other, so that each call to the detector stays as
    short as one on the whole picture.

    long_side_px: of a tile. A detector that reduces pictures to 320 px sees a tile of 448 px at .71 of its size: a face
    of 24 px, 5 m before a 720p webcam, has 17 px there. A picture not much larger than a tile has none.
    """

    ASPECT = 4 / 3
    OVERLAP_PX = 64
    """A face smaller than this lies wholly in one tile."""

    def __init__(self, long_side_px: int = 448) -> None:
        self.size = long_side_px, round(long_side_px / self.ASPECT)
        self.reset()

    def reset(self) -> None:
        self._next = 0

    def origins(self, width: int, height: int) -> list[tuple[int, int]]:
        """(x, y) of the tiles' top left pixels; empty for a picture little larger than one tile."""
        if max(width, height) <= self.size[0] + self.OVERLAP_PX:
            return []
        columns = _starts(width, self.size[0], self.OVERLAP_PX)
        return [(x, y) for y in _starts(height, self.size[1], self.OVERLAP_PX) for x in columns]

    def next(self, image: Image) -> tuple[Image, tuple[int, int]] | None:
        """The next tile, a view of (H, W, 3), and its origin; None where there is none."""
        height, width = image.shape[:2]
        origins = self.origins(width, height)
        if not origins:
            return None
        x, y = origins[self._next % len(origins)]
        self._next += 1
        return image[y : y + self.size[1], x : x + self.size[0]], (x, y)


def shifted(found: Detections, origin: tuple[int, int]) -> Detections:
    """Detections of a tile in px of the whole picture."""
    move = np.array(origin, np.float32)
    points = None if found.keypoints is None else found.keypoints + move
    return Detections(found.boxes + np.tile(move, 2), found.scores, points)


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Evenly spaced from 0 to the last place for a tile, at least `overlap` px in common."""
    if length <= tile:
        return [0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]
