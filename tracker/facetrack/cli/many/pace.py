"""Progress of a batch: what is done, how fast, and when it will end."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Rate and end time by the sizes of the files that were done; the longest videos come first.

    sizes: bytes of each that is to be done. clock, now: seconds that run, and local time since 1970.
    """

    def __init__(
        self, sizes: list[int], clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        self.count, self._total = len(sizes), sum(sizes)
        self._clock, self._now = clock, now
        self._started_s = clock()
        self.done = self.failed = self._size = self._frames = 0

    def add(self, size: int, frames: int, failed: bool) -> None:
        """Take a video that is done."""
        self.done += 1
        self.failed += failed
        self._size += size
        self._frames += frames

    def text(self) -> str:
        """Return the progress so far, for one line."""
        passed_s = self._clock() - self._started_s
        parts = [f"{self.done}/{self.count}"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.done and passed_s > 0:
            parts.append(f"{self._frames / passed_s:.0f} frames/s")
        if 0 < self._size < self._total and passed_s > 0:
            left_s = passed_s * (self._total - self._size) / self._size
            when = time.localtime(self._now() + left_s)
            parts.append(f"ends about {time.strftime('%H:%M' if left_s < 12 * 3600 else '%b %d, %H:%M', when)}")
        return ", ".join(parts)
