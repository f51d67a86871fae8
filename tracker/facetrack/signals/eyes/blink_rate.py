"""Blink rate and mean blink duration."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from facetrack.signals.eyes.perclos import KNOWN_SHARE
from facetrack.signals.windows.observed_time import GapTimer, TimeWeightedWindow
from facetrack.types import Event

WINDOW_S = 60.0


class BlinkRate:
    """Blinks per minute of known time in the last WINDOW_S, and their mean duration in s; a blink counts at its end.

    The rate is None with less than a third of the window known, the duration also without a blink. Delay: none.
    """

    def __init__(self) -> None:
        self._window = TimeWeightedWindow(WINDOW_S)
        self._gap_timer = GapTimer()
        self._blinks: deque[tuple[float, float]] = deque()  # end, duration, s
        self._mean_s: float | None = None  # of those
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._window.reset()
        self._gap_timer.reset()
        self._blinks.clear()
        self._mean_s = None

    def update(self, time_s: float, known: bool, events: Sequence[Event]) -> tuple[float | None, float | None]:
        """Follow the next frame -> (blinks per minute, their mean duration in s).

        known: whether an eye's openness is. events: what began or ended with the frame.
        """
        if not known:
            self._gap_timer.reset()
        elif (step_s := self._gap_timer.step(time_s)) is not None:
            self._window.add(time_s - step_s, time_s, False)
        self._window.advance(time_s)
        blinks = self._blinks
        if events or (blinks and blinks[0][0] <= time_s - WINDOW_S):
            blinks.extend((e.end_s, e.duration_s) for e in events if e.kind == "blink" and e.end_s is not None)
            while blinks and blinks[0][0] <= time_s - WINDOW_S:
                blinks.popleft()
            self._mean_s = sum(length_s for _, length_s in blinks) / len(blinks) if blinks else None
        known_s = self._window.known_s
        if known_s < KNOWN_SHARE * WINDOW_S - 1e-6:
            return None, None
        return 60.0 * len(blinks) / known_s, self._mean_s
