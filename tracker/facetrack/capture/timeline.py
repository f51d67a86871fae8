"""Strictly increasing frame times from a container's timestamps."""

from __future__ import annotations

from fractions import Fraction

JUMP_BACK_S = 1.0
"""Smallest backward jump of timestamps that restarts them (a recorder restarted, a counter wrapped around).

Smaller ones are noise.
"""


class Timeline:
    """Conversion of presentation timestamps (pts) to ticks that start at 0 and strictly increase.

    time_base: seconds per tick.
    frame_s: duration of a frame whose timestamp is missing.
    """

    def __init__(self, time_base: Fraction, frame_s: Fraction) -> None:
        self.time_base = time_base
        self._frame_ticks = max(1, round(frame_s / time_base))
        self.reset()

    def reset(self) -> None:
        self._first: int | None = None
        self._last = -1

    def tick(self, pts: int | None) -> int:
        """Return the next frame's tick; a missing pts is one frame's duration after the last frame."""
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
        """Return the next frame's time since the first frame, in seconds."""
        return float(self.tick(pts) * self.time_base)
