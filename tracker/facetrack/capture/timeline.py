"""One strictly increasing time per frame, whatever the container says."""

from __future__ import annotations

from fractions import Fraction

JUMP_BACK_S = 1.0
"""Timestamps that fall back by more than this start anew (a recorder restarted, a counter wrapped); by less, they are
noise."""


class Timeline:
    """Turns presentation timestamps into ticks that start at 0 and strictly increase.

    time_base: seconds a tick. frame_s: the time a frame is shown where no timestamp tells.
    """

    def __init__(self, time_base: Fraction, frame_s: Fraction) -> None:
        self.time_base = time_base
        self._frame_ticks = max(1, round(frame_s / time_base))
        self.reset()

    def reset(self) -> None:
        self._first: int | None = None
        self._last = -1

    def tick(self, pts: int | None) -> int:
        """The next frame's tick; a missing pts follows the last frame by one frame's time."""
        expected = self._last + self._frame_ticks if self._last >= 0 else 0
        if pts is None:
            pts = expected + (self._first or 0)
        if self._first is None:
            self._first = pts
        elif (self._last - (pts - self._first)) * self.time_base > JUMP_BACK_S:
            self._first = pts - expected
        self._last = max(pts - self._first, self._last + 1)
        return self._last

    def seconds(self, pts: int | None) -> float:
        """Seconds since the first frame."""
        return float(self.tick(pts) * self.time_base)
