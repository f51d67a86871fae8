"""Where a series turns round: the swings of a nodding head or a talking mouth."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

TOLERANCE = 0.25
"""Of the least swing that counts: how near an extreme counts as there."""


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
    """From one extreme to the next."""

    start: Extreme
    end: Extreme

    @property
    def change(self) -> float:
        """Signed: positive upwards."""
        return self.end.value - self.start.value


class Reversals:
    """Zigzag of a series: an extreme counts once the series has come back from it by at least `swing`.

    It stands still when it has neither come back nor gone on by a tolerance (TOLERANCE of the swing) for `still_s`:
    then it starts afresh, so that slow drift never adds up to a swing. Delay: a swing is told when the next one has
    gone by `swing`.
    """

    def __init__(self, swing: float, still_s: float) -> None:
        self._swing, self._tolerance, self._still_s = swing, TOLERANCE * swing, still_s
        self.reset()

    def reset(self) -> None:
        self._candidates: dict[int, _Candidate] = {}  # the low point so far (-1) and the high one (1)
        self._direction = 0
        self._before: Extreme | None = None

    @property
    def under_way(self) -> Swing | None:
        """The swing that has gone by at least `swing` and has not turned round yet; None while it stands still."""
        if self._before is None:
            return None
        return Swing(self._before, self._candidates[self._direction].extreme)

    def update(self, time_s: float, value: float) -> Swing | None:
        """The swing that this value shows to have ended, if any."""
        if not self._candidates:
            self._restart(time_s, value)
            return None
        for candidate in self._candidates.values():
            candidate.add(time_s, value)
        for direction in (-1, 1):
            turned = self._candidates[-direction]
            if self._direction != direction and abs(value - turned.value) >= self._swing:
                return self._turn(direction, turned.extreme, time_s, value)
        if time_s - max(c.reached_s for c in self._watched()) > self._still_s:
            self._restart(time_s, value)
        return None

    def _turn(self, direction: int, turned: Extreme, time_s: float, value: float) -> Swing | None:
        ended = None if self._before is None else Swing(self._before, turned)
        self._before, self._direction = turned, direction
        self._candidates[direction] = _Candidate(direction, self._tolerance, time_s, value)
        return ended

    def _watched(self) -> list[_Candidate]:
        return [self._candidates[self._direction]] if self._direction else list(self._candidates.values())

    def _restart(self, time_s: float, value: float) -> None:
        self._candidates = {sign: _Candidate(sign, self._tolerance, time_s, value) for sign in (-1, 1)}
        self._direction, self._before = 0, None


class _Candidate:
    """The lowest (sign -1) or highest (1) point so far, with the moments about it."""

    def __init__(self, sign: int, tolerance: float, time_s: float, value: float) -> None:
        self._sign, self._tolerance = sign, tolerance
        self._records: deque[tuple[float, float]] = deque([(time_s, value)])  # each beyond the one before
        self._left_s = time_s

    @property
    def value(self) -> float:
        return self._records[-1][1]

    @property
    def reached_s(self) -> float:
        return self._records[0][0]

    @property
    def extreme(self) -> Extreme:
        return Extreme(self.value, self.reached_s, self._left_s)

    def add(self, time_s: float, value: float) -> None:
        beyond = self._sign * (value - self.value)
        if beyond > 0.0:
            self._records.append((time_s, value))
            while self._sign * (value - self._records[0][1]) > self._tolerance:
                self._records.popleft()
        if beyond >= -self._tolerance:
            self._left_s = time_s
