"""Small pictures of the last seconds, so that an event that has ended can be shown as it was in its middle."""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np

from facetrack.types import Floats, Image

SIDE_PX = 96
"""Side of the square pictures."""
MARGIN = 1.5
"""Side of the square over the longer side of the box of points: the forehead belongs to the face, too."""
FINE_S, COARSE_S, KEEP_S = 2.0, 0.25, 60.0
"""Pictures kept: every frame of the last FINE_S (a blink takes .2 s), one in COARSE_S before that, up to KEEP_S."""
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 80)
Crop = tuple[float, bytes]
"""time_s and JPEG."""


class RecentCrops:
    """One face's pictures of the last KEEP_S as JPEG, about 3 kB each: under 1 MB a face at 30 frames per second."""

    def __init__(self) -> None:
        self._fine: deque[Crop] = deque()
        self._coarse: deque[Crop] = deque()

    def add(self, time_s: float, image: Image, box: Floats) -> None:
        """image: (H, W, 3) uint8 BGR; box: (4,) x0 y0 x1 y1 px. A face out of the frame has no picture."""
        picture = face_jpeg(image, box)
        if picture is not None:
            self._fine.append((time_s, picture))
        while self._fine and time_s - self._fine[0][0] > FINE_S:
            old = self._fine.popleft()
            if not self._coarse or old[0] - self._coarse[-1][0] >= COARSE_S:
                self._coarse.append(old)
        while self._coarse and time_s - self._coarse[0][0] > KEEP_S:
            self._coarse.popleft()

    def nearest(self, time_s: float) -> Crop | None:
        """Return the picture whose time is nearest."""
        return min((*self._coarse, *self._fine), key=lambda crop: abs(crop[0] - time_s), default=None)


def face_jpeg(image: Image, box: Floats) -> bytes | None:
    """Cut a square around the face, black beyond the frame; None where the box lies outside of it."""
    x0, y0, x1, y1 = (float(value) for value in box)
    height, width = image.shape[:2]
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 < 0 or y1 < 0 or x0 > width - 1 or y0 > height - 1:
        return None
    side = MARGIN * max(x1 - x0, y1 - y0, 2.0)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2 - 0.08 * side  # the box begins at the brows
    left, top, size = round(centre_x - side / 2), round(centre_y - side / 2), max(2, round(side))
    part = image[max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)]
    if not part.size:
        return None
    scale = SIDE_PX / size
    shape = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    small = cv2.resize(part, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    canvas = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    at_x, at_y = round(max(0, -left) * scale), round(max(0, -top) * scale)
    small = small[: SIDE_PX - at_y, : SIDE_PX - at_x]
    canvas[at_y : at_y + small.shape[0], at_x : at_x + small.shape[1]] = small
    done, coded = cv2.imencode(".jpg", canvas, _JPEG)
    return coded.tobytes() if done else None
