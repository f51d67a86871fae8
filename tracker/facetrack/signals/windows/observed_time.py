"""Observed time: lengths of steps, and shares of a sliding window, weighted by time and not by frames."""

from __future__ import annotations

import math
from collections import deque

from facetrack.signals.observation import MAX_GAP_S

ROUNDING_S = 1e-9
"""Far below a camera's clock, far above the rounding of a day in seconds: 0.25 s that reads 0.2500000001 is no gap."""
NO_SPAN = (0.0, -math.inf, False)


class GapTimer:
    """Timer of the steps between two observed moments, with None across a gap."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last_s: float | None = None

    def step(self, time_s: float) -> float | None:
        """Return the seconds since the last observed moment; None at the first and after more than MAX_GAP_S."""
        last_s, self._last_s = self._last_s, time_s
        if last_s is None or time_s - last_s > MAX_GAP_S + ROUNDING_S:
            return None
        return time_s - last_s


class TimeWeightedWindow:
    """Sliding window of the last window_s: how much of it was observed, and for how much of that something was true.

    A span that reaches over the window's old edge counts with the part inside, so that any frame rate gives one answer.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self.reset()

    def reset(self) -> None:
        self._spans: deque[tuple[float, float, bool]] = deque()  # start, end, true
        self._known_s = 0.0
        self._true_s = 0.0

    def add(self, start_s: float, end_s: float, is_true: bool) -> None:
        """Add an observed span; spans come in order and do not overlap."""
        if end_s <= start_s:
            return
        spans = self._spans
        from_s, to_s, was_true = spans[-1] if spans else NO_SPAN
        if was_true == is_true and to_s == start_s:
            spans[-1] = (from_s, end_s, is_true)
        else:
            spans.append((start_s, end_s, is_true))
        self._count(end_s - start_s, is_true)

    def advance(self, now_s: float) -> None:
        """Forget what lies before now_s - window_s."""
        spans, edge_s = self._spans, now_s - self._window_s
        while spans and spans[0][0] < edge_s:
            start_s, end_s, is_true = spans[0]
            if end_s > edge_s:
                self._count(start_s - edge_s, is_true)
                spans[0] = (edge_s, end_s, is_true)
                break
            self._count(start_s - end_s, is_true)
            spans.popleft()
        if not spans:
            self._known_s = self._true_s = 0.0  # rounding does not pile up over hours

    def share(self, now_s: float, least_known_s: float) -> float | None:
        """Advance, and return the share of the known time that was true; None with less known than that."""
        self.advance(now_s)
        known_s = self._known_s
        return max(0.0, self._true_s) / known_s if known_s >= least_known_s else None

    @property
    def known_s(self) -> float:
        return max(0.0, self._known_s)

    @property
    def true_s(self) -> float:
        return max(0.0, self._true_s)

    @property
    def first_s(self) -> float | None:
        """Start of the oldest true span that is still inside; None if there is none."""
        return next((start_s for start_s, _, is_true in self._spans if is_true), None)

    def _count(self, length_s: float, is_true: bool) -> None:
        self._known_s += length_s
        if is_true:
            self._true_s += length_s
