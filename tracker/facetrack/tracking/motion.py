"""Motion of a face: where it was seen last, and where it is expected next."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from facetrack.types import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LastSeen:
    """Last position of a face, and its motion: where it is expected next.

    Constant velocity with a dead band, from the last two positions. No delay: a head that starts to move is late by one
    frame, then met where it goes. The dead band takes off what jitter alone moves, so a head at rest is predicted where
    it is.

    box: (4,) px. centre: of its crop, x + iy px. time_s: when. px_per_s: velocity of the centre.
    known: whether it still predicts anything; after a scene cut it does not.
    """

    box: Floats
    centre: complex
    time_s: float
    px_per_s: complex = 0j
    known: bool = True

    SMOOTHING_WEIGHT: ClassVar[float] = 0.7
    """Weight of the newest step in the velocity."""
    DEAD_BAND: ClassVar[float] = 0.02
    MAX_PREDICTION: ClassVar[float] = 0.8
    """Shares of the face's size: a shift that counts as none, and the longest one that is predicted."""
    MOTION_HORIZON_S: ClassVar[float] = 0.5
    """Seconds for which an unseen face is predicted to go on."""

    def after(self, last: LastSeen) -> LastSeen:
        """Return the position with the velocity that follows from the last one, at an earlier time."""
        newest = (self.centre - last.centre) / (self.time_s - last.time_s)
        px_per_s = self.SMOOTHING_WEIGHT * newest + (1 - self.SMOOTHING_WEIGHT) * last.px_per_s
        return LastSeen(self.box, self.centre, self.time_s, px_per_s, self.known)

    def shift_px(self, ahead_s: float, size_px: float) -> complex:
        """Return the predicted shift, x + iy px, from here to `ahead_s` later."""
        shift = self.px_per_s * ahead_s
        length = abs(shift) / size_px
        if length <= self.DEAD_BAND:
            return 0j
        return shift * (min(length - self.DEAD_BAND, self.MAX_PREDICTION) / length)

    @property
    def size_px(self) -> float:
        """Longer side of the box."""
        x0, y0, x1, y1 = self.box.tolist()
        return max(x1 - x0, y1 - y0)

    @property
    def speed(self) -> float:
        """Speed in sizes of the face per second."""
        return abs(self.px_per_s) / self.size_px

    def rescaled(self, x: float, y: float) -> LastSeen:
        """Return the position in a picture that is x, y times as large, pixel centres at integers."""
        box = ((self.box + 0.5) * np.array([x, y, x, y]) - 0.5).astype(np.float32)
        centre = complex((self.centre.real + 0.5) * x - 0.5, (self.centre.imag + 0.5) * y - 0.5)
        velocity = complex(self.px_per_s.real * x, self.px_per_s.imag * y)
        return replace(self, box=box, centre=centre, px_per_s=velocity)

    def distance(self, box: Floats, time_s: float) -> float:
        """Return the distance to another box at a later time; inf if this position is not known.

        Between the centres, in units of this box's longer side, as if the face had stood or gone on, whichever is
        nearer, plus the log of the ratio of their sizes.
        """
        if not self.known:
            return math.inf
        x0, y0, x1, y1 = box.tolist()
        left, top, right, bottom = self.box.tolist()
        way = complex(x0 + x1 - left - right, y0 + y1 - top - bottom) / 2
        gone = self.px_per_s * min(time_s - self.time_s, self.MOTION_HORIZON_S)
        gap = min(abs(way), abs(way - gone))
        return gap / self.size_px + abs(math.log(max(x1 - x0, y1 - y0) / self.size_px))
