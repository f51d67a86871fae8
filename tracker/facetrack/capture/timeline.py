"""Strictly increasing frame times from a container's timestamps, as far as these can be trusted."""

from __future__ import annotations

import math
from fractions import Fraction

from av import VideoFrame

MAX_GAP_S = 86_400.0
"""Longest pause between two frames: more is a clock that was set. It also keeps the times exact in float64."""

MAX_STEP_S = 1.0
"""Longest interval that is taken for the usual one of a variable frame rate."""

WITHOUT_PTS = frozenset(("avi",))
"""Containers that store no presentation times. FFmpeg makes them up from the order of decoding, in which H.264 with B
frames gives 1, 4, 3, 5, 2; its decoding times are one frame apart, and those of the frames that come out are in order.
"""


def timestamp(frame: VideoFrame, container: str) -> int | None:
    """Return the trustworthy timestamp of a decoded frame, in its stream's time base; None where it has none.

    container: the name that FFmpeg gives to the container's format.
    """
    return frame.dts if container in WITHOUT_PTS or frame.pts is None else frame.pts


class Timeline:
    """Conversion of presentation timestamps (pts) to ticks that start at 0 and strictly increase.

    time_base: seconds per tick.
    frame_s: duration of a frame whose timestamp is missing.

    Decoded frames come in the order of presentation, so timestamps that run backwards are wrong. Back by less than
    half a frame (repeated, or jittering) is noise: the frame is put half a frame after the last one. Back by more, or
    forward by more than MAX_GAP_S, is another clock (a recorder's was set, files were joined, a counter wrapped
    around): it goes on from the last frame after the usual interval.
    """

    def __init__(self, time_base: Fraction, frame_s: Fraction) -> None:
        self.time_base = time_base
        self._frame_ticks = max(1, round(frame_s / time_base))
        self._half_frame = max(1, self._frame_ticks // 2)
        self.reset()

    def reset(self) -> None:
        self._first: int | None = None
        self._last_pts = 0
        self._last = -1
        self._last_s = -math.inf
        self._step = self._frame_ticks

    def tick(self, pts: int | None) -> int:
        """Return the next frame's tick; a missing pts is one frame's duration after the last frame."""
        if self._first is None:
            self._last = 0
            self._first = self._last_pts = pts or 0
            return 0
        if pts is None:
            pts = self._last_pts + self._frame_ticks
        step = pts - self._last_pts
        if step < -self._half_frame or step * self.time_base > MAX_GAP_S:
            self._first = pts - self._last - self._step
        elif 0 < step * self.time_base <= MAX_STEP_S:
            self._step = step
        tick = pts - self._first
        self._last_pts, self._last = pts, tick if tick > self._last else self._last + self._half_frame
        return self._last

    def seconds(self, pts: int | None) -> float:
        """Return the next frame's time since the first frame, in seconds."""
        self._last_s = max(float(self.tick(pts) * self.time_base), math.nextafter(self._last_s, math.inf))
        return self._last_s
