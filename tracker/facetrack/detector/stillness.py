"""Motion gate of the search: a picture in which nothing moves need not be searched for new faces again and again."""

from __future__ import annotations

import cv2
import numpy as np

from facetrack.geometry import halve
from facetrack.types import Floats, Image

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
OWN = 0.6
"""Width of the margin around a followed face, in its longer sides, that moves with it: hair, neck, what the head
uncovers. Another face of half its size and more does not fit into it."""


class Stillness:
    """Comparison of each picture that is to be searched with the one in which something last moved. No delay.

    What moves in and around followed faces is theirs. The reference stays, so that slow change adds up until it counts.

    is_known: whether the last picture had been searched enough.
    """

    EVERY, EVERY_ALONE = 10, 30
    """Of a known picture one of so many searches goes on, for a face that shows little: about every two seconds while
    somebody is followed, and every second of a camera's frames while nobody is, which are all to be searched."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Take the next picture for a new one."""
        self._reference: Image | None = None
        self._alike = 0
        self.is_known = False

    def __call__(self, small: Image, enough: int, own: Floats | None = None) -> bool:
        """Return whether a search may be left out.

        small: by `reduced`, the next that is to be searched. enough: searches after which an unchanged one is known.
        own: (N, 4) boxes of the followed faces, in shares of its width and height; None where nobody is followed.
        """
        cells, last = reduced(small, LONG_SIDE), self._reference
        if last is None or last.shape != cells.shape or _moved(cells, last, own):
            self._reference, self._alike, self.is_known = cells, 0, False
            return False
        self._alike += 1
        self.is_known = self._alike > enough
        return self.is_known and self._alike % (self.EVERY_ALONE if own is None else self.EVERY) != 0


def reduced(image: Image, long_side: int) -> Image:
    """Reduce a picture by halves to less than twice `long_side` px, a large one after leaving out pixels."""
    height, width = image.shape[:2]
    step = max(height, width) // SAMPLED_PX
    if step > 1 and min(height, width) >= step:
        image = cv2.resize(image, (width // step, height // step), interpolation=cv2.INTER_NEAREST)  # type: ignore[assignment]
    while max(image.shape[:2]) >= 2 * long_side and min(image.shape[:2]) > 1:
        image = halve(image)
    return image


def _moved(cells: Image, last: Image, own: Floats | None) -> bool:
    """Return whether something moved outside the followed faces."""
    if cv2.norm(cells, last, cv2.NORM_INF) <= MOVED:
        return False
    if own is None:
        return True
    change = cv2.absdiff(cells, last)
    low, high = own[:, :2], own[:, 2:]
    margin = OWN * (high - low)
    size = np.array(cells.shape[1::-1])
    places = np.concatenate([np.floor((low - margin) * size), np.ceil((high + margin) * size)], axis=1)
    for left, top, right, bottom in np.maximum(places, 0).astype(int).tolist():
        change[top:bottom, left:right] = 0
    return bool(change.max() > MOVED)
