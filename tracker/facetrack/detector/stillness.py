"""Motion gate of the search: a picture in which nothing moves need not be searched for new faces again and again."""

from __future__ import annotations

import cv2

from facetrack.geometry import halve
from facetrack.types import Image

MOVED = 10.0
"""Change of a cell, in grey levels of any channel, from which something moved.

A cell of 8 x 8 px, as in 640x480, is not moved so far by noise of 10 levels per pixel, one of 4 x 4 by noise of 5; a
disc 16 px wide and 40 levels brighter than what is behind it moves some (tests/facetrack/detector/test_stillness.py). A
picture with more noise is searched as ever.
"""
SAMPLED_PX = 640
"""Longer side, px: of pictures twice as large and more only some pixels count. Of 1920x1080 all take 1 ms, these .4."""
LONG_SIDE = 80
"""Cells along the longer side, at least: a face of 16 px in 640x480 covers 2 x 2 of its 80 x 60."""


class Stillness:
    """Comparison of each picture that is to be searched with the one in which something last moved. No delay.

    The reference stays, so that slow change adds up until it counts.
    """

    EVERY = 10
    """Of a known picture one of so many searches goes on, for a face that shows little."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Take the next picture for a new one."""
        self._reference: Image | None = None
        self._alike = 0

    def __call__(self, image: Image, enough: int) -> bool:
        """Return whether a search may be left out.

        image: (H, W, 3) uint8, the next that is to be searched. enough: searches after which an unchanged one is known.
        """
        small, last = _cells(image), self._reference
        if last is None or last.shape != small.shape or cv2.norm(small, last, cv2.NORM_INF) > MOVED:
            self._reference, self._alike = small, 0
            return False
        self._alike += 1
        return self._alike > enough and self._alike % self.EVERY != 0


def _cells(image: Image) -> Image:
    """Reduce a picture by halves to less than twice LONG_SIDE cells, a large one after leaving out pixels."""
    height, width = image.shape[:2]
    step = max(height, width) // SAMPLED_PX
    if step > 1 and min(height, width) >= step:
        image = cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    while max(image.shape[:2]) >= 2 * LONG_SIDE and min(image.shape[:2]) > 1:
        image = halve(image)
    return image
