"""Bounded memory of a signal over a long video: a curve, or stretches of one state."""

from __future__ import annotations

import math
from dataclasses import dataclass

GAP_S = 0.25
"""Between two readings: what lies between them is unknown (as in signals.windows.observed_time)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Some frames as one: their mean time and value, and the least and the largest value."""

    time_s: float
    low: float
    mean: float
    high: float


class Curve:
    """A signal over time in at most max_bins bins: those double in width whenever they get too many.

    Each bin keeps its least and largest value, so that a blink in an hour does not vanish in a mean. Times count from
    the first reading on. Memory: bounded, whatever the length.
    """

    def __init__(self, max_bins: int = 1200, first_bin_s: float = 1 / 120) -> None:
        self._max_bins, self.bin_s = max_bins, first_bin_s
        self._bins: dict[int, list[float]] = {}  # index -> [count, sum of times, sum, least, largest]; count 0: unknown

    def add(self, time_s: float, value: float | None) -> None:
        """Take the next frame's value; None, or one that is not finite, is unknown."""
        if value is None or not math.isfinite(value):
            self._bins.setdefault(math.floor(time_s / self.bin_s), [0, 0.0, 0.0, math.inf, -math.inf])
        else:
            self._join(math.floor(time_s / self.bin_s), [1, time_s, value, value, value])
        while len(self._bins) > self._max_bins:
            self._halve()

    def _join(self, index: int, new: list[float]) -> None:
        old = self._bins.get(index)
        if old is None:
            self._bins[index] = new
        else:
            sums = [a + b for a, b in zip(old[:3], new[:3], strict=True)]
            self._bins[index] = [*sums, min(old[3], new[3]), max(old[4], new[4])]

    def _halve(self) -> None:
        old, self._bins = self._bins, {}
        self.bin_s *= 2
        for index, content in old.items():
            self._join(index // 2, content)

    def runs(self) -> list[list[Reading]]:
        """Stretches of known readings, in order; a stretch ends where the signal was unknown or not read for GAP_S."""
        runs: list[list[Reading]] = []
        last_s = -math.inf
        for index in sorted(self._bins):
            count, times, total, low, high = self._bins[index]
            if not count:
                last_s = -math.inf
                continue
            reading = Reading(times / count, low, total / count, high)
            if reading.time_s - last_s > max(GAP_S, 2 * self.bin_s):
                runs.append([])
            runs[-1].append(reading)
            last_s = reading.time_s
        return runs

    def extremes(self) -> tuple[float, float] | None:
        """Least and largest value; None where nothing is known."""
        known = [content for content in self._bins.values() if content[0]]
        return (min(c[3] for c in known), max(c[4] for c in known)) if known else None


@dataclass(frozen=True, slots=True)
class Span:
    """One state from start to end."""

    start_s: float
    end_s: float
    state: str | bool


class Spans:
    """A state over time: each frame's holds until the next frame, or is unknown from it on after more than GAP_S."""

    def __init__(self) -> None:
        self._done: list[Span] = []
        self._now: Span | None = None

    def add(self, time_s: float, state: str | bool | None) -> None:
        """Take the next frame's state; None is unknown."""
        now = self._now
        if now is not None and time_s - now.end_s <= GAP_S:
            now = Span(now.start_s, time_s, now.state)
        if now is not None and (state != now.state or now.end_s != time_s):
            self._done.append(now)
            now = None
        if now is None and state is not None:
            now = Span(time_s, time_s, state)
        self._now = now

    def all(self) -> list[Span]:
        """Return the spans in order; those of no length (seen in one frame alone) are left out."""
        spans = self._done if self._now is None else [*self._done, self._now]
        return [span for span in spans if span.end_s > span.start_s]

    def total_s(self, state: str | bool | None = None) -> float:
        """Return for how long this state held, or, with None, any was known."""
        return sum(s.end_s - s.start_s for s in self.all() if state is None or s.state == state)
