"""Tiling of the image, for faces that are too small to be detected in the downsampled whole."""

from __future__ import annotations

import math

import numpy as np

from facetrack.types import Detections, Image


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
