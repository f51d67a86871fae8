"""PERCLOS: the share of time in which the eyes are closed, slowly, not blinking."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from facetrack.signals.windows.observed_time import GapTimer, TimeWeightedWindow

SLOW_S = 0.5
"""Only closures from here on count: "slow eyelid closures rather than blinks" (Wierwille et al. 1994; Dinges and Grace,
FHWA-MCRT-98-006, 1998)."""
KNOWN_SHARE = 1.0 / 3.0
"""Least share of a window that must be known."""


class Perclos:
    """Share 0..1 of the known time of some sliding windows in which the eyes were closed to a threshold or further.

    closed_below: openness; .2 for P80 (eyes at least 80 % closed), .3 for P70. windows_s: their lengths. The openness
    is the mean of the eyes that are known. Time counts, not frames: the step that leads to a frame has its value.
    A closure counts from SLOW_S on, and then from its beginning; until that is clear it is left out, as it is for good
    when the eyes get out of sight before. Delay: up to SLOW_S while the eyes are closed, else none.
    What is unknown (eyes not seen, or lowered, where the lids say nothing of sleep) is left out of the share;
    `unknown_share` says how much that is.
    """

    def __init__(self, closed_below: float, windows_s: Sequence[float]) -> None:
        self._closed_below = closed_below
        self._shortest_s, self._longest_s = min(windows_s), max(windows_s)
        self._windows = [TimeWeightedWindow(length_s) for length_s in windows_s]
        self._least_known_s = [KNOWN_SHARE * length_s - 1e-6 for length_s in windows_s]
        self._shortest = self._windows[windows_s.index(self._shortest_s)]
        self._gap_timer = GapTimer()
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._gap_timer.reset()
        for window in self._windows:
            window.reset()
        self._last_s = 0.0
        self._began_s: float | None = None
        self._slow_s: deque[float] = deque()  # when each slow closure was last going on
        self._closed_from_s: float | None = None

    def update(self, time_s: float, right: float | None, left: float | None) -> tuple[float | None, ...]:
        """Follow the next frame's openness of each eye, 0..1 or None -> the share in each window, or None."""
        if self._began_s is None:
            self._began_s = time_s
        while self._slow_s and self._slow_s[0] <= time_s - self._longest_s:
            self._slow_s.popleft()
        openness = right if left is None else left if right is None else (right + left) / 2.0
        if openness is None:
            self._gap_timer.reset()
            self._closed_from_s = None
        else:
            step_s = self._gap_timer.step(time_s)
            if step_s is None:
                self._closed_from_s = None
            else:
                self._add(time_s - step_s, time_s, openness <= self._closed_below)
        return tuple(
            [window.share(time_s, known_s) for window, known_s in zip(self._windows, self._least_known_s, strict=True)]
        )

    @property
    def slow_closures(self) -> int:
        """How many slow closures the longest window holds."""
        return len(self._slow_s)

    def unknown_share(self, time_s: float) -> float:
        """Return the share of the shortest window, as far as anything was followed, that is unknown; time_s: now."""
        lasted_s = min(self._shortest_s, time_s - (time_s if self._began_s is None else self._began_s))
        known_s = self._shortest.known_s
        return min(1.0, max(0.0, 1.0 - known_s / lasted_s)) if lasted_s > 0.0 else 1.0

    def _add(self, start_s: float, end_s: float, closed: bool) -> None:
        if closed and self._closed_from_s is None:
            self._closed_from_s = self._last_s = start_s
        if self._closed_from_s is None:
            self._span(start_s, end_s, False)
        elif closed:
            if end_s - self._closed_from_s >= SLOW_S - 1e-6:  # what was held back comes with it
                if self._last_s > self._closed_from_s and self._slow_s:
                    self._slow_s.pop()
                self._slow_s.append(end_s)
                self._span(self._last_s, end_s, True)
                self._last_s = end_s
        else:
            self._span(self._last_s, start_s, False)  # nothing is left of a slow closure here; else it was a blink
            self._span(start_s, end_s, False)
            self._closed_from_s = None

    def _span(self, start_s: float, end_s: float, closed: bool) -> None:
        for window in self._windows:
            window.add(start_s, end_s, closed)
