"""Turning points of a series: the swings of a nodding head or a talking mouth."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

TOLERANCE = 0.25
"""Share of the least swing within which a value counts as at the extreme."""


@dataclass(frozen=True, slots=True)
class Extreme:
    """A high or low point of a series.

    reached_s, left_s: the first and the last moment within the tolerance of it: evenly about the top of a rounded one,
    and far apart where the series rests there.
    """

    value: float
    reached_s: float
    left_s: float

    @property
    def time_s(self) -> float:
        return (self.reached_s + self.left_s) / 2.0


@dataclass(frozen=True, slots=True)
class Swing:
    """Way from one extreme to the next."""

    start: Extreme
    end: Extreme

    @property
    def change(self) -> float:
        """Signed: positive upwards."""
        return self.end.value - self.start.value


class Reversals:
    """Zigzag of a series: an extreme counts once the series has come back from it by at least `swing`.

    It stands still when it has neither come back nor gone on by a tolerance (TOLERANCE of the swing) for `still_s`:
    then it starts afresh, so that slow drift never adds up to a swing. Delay: a swing is reported when the next one has
    gone by `swing`.
    came_to_rest: the swing that was under way when the last value showed that it stands still; else None.
    """

    def __init__(self, swing: float, still_s: float) -> None:
        self._swing, self._tolerance, self._still_s = swing, TOLERANCE * swing, still_s
        self.reset()

    def reset(self) -> None:
        self._low: _Candidate | None = None  # the low point so far
        self._high: _Candidate | None = None
        self._direction = 0
        self._before: Extreme | None = None
        self.came_to_rest: Swing | None = None

    @property
    def under_way(self) -> Swing | None:
        """The swing that has gone by at least `swing` and has not turned round yet; None while it stands still."""
        if self._before is None:
            return None
        watched = self._low if self._direction < 0 or self._high is None else self._high
        return None if watched is None else Swing(self._before, watched.extreme)

    def update(self, time_s: float, value: float) -> Swing | None:
        """Return the swing that this value shows to have ended, if any."""
        self.came_to_rest = None
        low, high, direction = self._low, self._high, self._direction
        if low is None or high is None:
            self._restart(time_s, value)
            return None
        low.add(time_s, value)
        high.add(time_s, value)
        if direction >= 0 and high.value - value >= self._swing:
            return self._turn(-1, high.extreme, time_s, value)
        if direction <= 0 and value - low.value >= self._swing:
            return self._turn(1, low.extreme, time_s, value)
        # Of the extremes those that may still move on.
        still_s = self._still_s
        if (direction > 0 or time_s - low.reached_s > still_s) and (direction < 0 or time_s - high.reached_s > still_s):
            self.came_to_rest = self.under_way
            self._restart(time_s, value)
        return None

    def _turn(self, direction: int, turned: Extreme, time_s: float, value: float) -> Swing | None:
        ended = None if self._before is None else Swing(self._before, turned)
        self._before, self._direction = turned, direction
        if direction < 0:
            self._low = _Candidate(-1, self._tolerance, time_s, value)
        else:
            self._high = _Candidate(1, self._tolerance, time_s, value)
        return ended

    def _restart(self, time_s: float, value: float) -> None:
        self._low, self._high = (_Candidate(sign, self._tolerance, time_s, value) for sign in (-1, 1))
        self._direction, self._before = 0, None


class _Candidate:
    """The lowest (sign -1) or highest (1) point so far, with the moments about it."""

    __slots__ = ("_left_s", "_records", "_sign", "_tolerance", "value")

    def __init__(self, sign: int, tolerance: float, time_s: float, value: float) -> None:
        self._sign, self._tolerance = sign, tolerance
        self._records: deque[tuple[float, float]] = deque([(time_s, value)])  # each beyond the one before
        self.value = value  # of the last of them
        self._left_s = time_s

    @property
    def reached_s(self) -> float:
        return self._records[0][0]

    @property
    def extreme(self) -> Extreme:
        return Extreme(self.value, self.reached_s, self._left_s)

    def add(self, time_s: float, value: float) -> None:
        beyond = self._sign * (value - self.value)
        if beyond > 0.0:
            self.value = value
            self._records.append((time_s, value))
            while self._sign * (value - self._records[0][1]) > self._tolerance:
                self._records.popleft()
        if beyond >= -self._tolerance:
            self._left_s = time_s
