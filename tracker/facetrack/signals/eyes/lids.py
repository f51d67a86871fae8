"""One openness followed through closing and opening: an eye's, or that of the more open of the two."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from facetrack.signals.eyes.closure import Measures, Trace, measures, time_below
from facetrack.signals.windows.observed_time import ROUNDING_S

MAX_SAMPLES = 4000
"""Samples kept of a closure: half a minute at 120 fps. A longer one keeps every second sample of its middle."""
LEVELS_EVERY_S = 0.1
"""How often the level is computed, from many times as long."""
RESTS_WITHIN = 0.1
"""Range of the openness of lids that rest; those that open slowly cross more in `LidOptions.slit_s`."""
LEVEL_SEEN_S = 0.2
"""Time that makes a level."""
LEAST_LEVEL = 0.3
"""No openness under this is a level of its own."""


@dataclass(frozen=True, slots=True)
class LidOptions:
    """Thresholds of openness are shares of the level just before.

    open_above: with where a closure begins (see `LidFollower`) two thresholds, apart as in silero-vad's VADIterator (.5
        and .15 apart), so that noise at one of them starts and ends nothing. The lids must come back half of their way,
        too.
    level_s: the level before is the upper quartile of so long a time: not what the closing itself has made of it.
    deep: an openness at which eyes are closed and not narrowed; 80 % closed, as in PERCLOS.
    narrow_s: open less than half but not that far closed for so long: eyes narrowed, a level of its own.
    slit, slit_s: lids that were deeply closed and are then half open for so long, or that were for narrow_s and are
        then open further than `slit` for so long, rest there, which ends the closure; None: they do not.
    """

    open_above: float = 0.65
    level_s: float = 1.5
    deep: float = 0.2
    narrow_s: float = 0.5
    slit: float | None = None
    slit_s: float = 0.1


@dataclass(frozen=True, slots=True)
class Closure:
    """One closure.

    measured: see `Measures`. deep_s: for how long it was as far closed as `LidOptions.deep`. level_seen: whether the
    eyes were in sight for LEVEL_SEEN_S before it, so that the level is not one from before they were hidden.
    """

    measured: Measures
    deep_s: float
    level_seen: bool = True


class LidFollower:
    """Closures of one openness, each given out when it is over; one whose beginning was not seen is none.

    It begins under closed_below of the level, ends where the lids are open again or rest narrowed. Delay: until then.
    """

    def __init__(self, closed_below: float, options: LidOptions) -> None:
        self._closed_below, self._options = closed_below, options
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._before: deque[tuple[float, float]] = deque()
        self._level = 1.0
        self._unread: tuple[tuple[float, float], ...] = ()  # samples whose level nobody has asked for yet
        self._during: list[tuple[float, float]] = []
        self.unknown()

    def unknown(self) -> None:
        """Drop what was going on; the level stays."""
        if self._before:
            self._take_level()
        self._before.clear()
        self._during = []
        self._shut = 1.0
        self._deep_at = -1  # index of the last sample of the closure that was deep
        self._whole = False  # whether its beginning was seen
        # The last moments of the closure at which the lids were less open than a slit, and than half.
        self._slit_from_s = self._half_from_s = float("inf")
        self._level_at_s = float("-inf")
        self._seen_from_s = float("inf")

    @property
    def closing(self) -> bool:
        """Whether a closure is going on."""
        return bool(self._during)

    @property
    def level(self) -> float:
        """Openness of the open eyes just before, at most 1.

        It is computed when somebody asks for it: while the eyes are wide open nobody does.
        """
        if self._unread:
            self._level, self._unread = level_of(self._unread), ()
        return self._level

    def _take_level(self) -> None:
        """Let the level be that of the samples so far, if they make one."""
        before = self._before
        if len(before) >= 3 and before[-1][0] - before[0][0] >= LEVEL_SEEN_S - ROUNDING_S:
            self._unread = tuple(before)

    def closing_for_s(self, time_s: float) -> float:
        """Seconds since the first sample of the closure that is going on; 0 without one."""
        return time_s - self._during[0][0] if self._during else 0.0

    def so_far(self) -> Closure | None:
        """Measure the closure that is going on as if it ended now; None without one whose beginning was seen."""
        if not (self._during and self._whole):
            return None
        measured = measures(tuple(self._before), self._during, self.level)
        if measured is None:
            return None
        return Closure(measured, time_below(self._during, self._options.deep), self._level_seen)

    def update(self, time_s: float, openness: float, may_begin: bool = True) -> Closure | None:
        """Follow the next frame; returns the closure that it shows to be over.

        openness: 0..1. may_begin: whether a closure may begin with it.
        """
        if time_s < self._seen_from_s:
            self._seen_from_s = time_s
        if self._during:
            return self._go_on(time_s, openness)
        before = self._before
        if time_s - self._level_at_s >= LEVELS_EVERY_S:
            self._take_level()
            self._level_at_s = time_s
        if openness < self._closed_below and may_begin and openness < self._closed_below * self.level:
            self._whole = bool(self._before)
            self._shut, self._deep_at = 1.0, -1
            self._slit_from_s = self._half_from_s = time_s
            self._add(time_s, openness)
            return None
        before.append((time_s, openness))
        while time_s - before[0][0] > self._options.level_s:
            before.popleft()
        return None

    def _add(self, time_s: float, openness: float) -> None:
        during = self._during
        during.append((time_s, openness))
        if len(during) > MAX_SAMPLES:
            del during[MAX_SAMPLES // 4 : -MAX_SAMPLES // 4 : 2]
            self._deep_at = max((i for i, (_, x) in enumerate(during) if x <= self._options.deep), default=-1)
        if openness <= self._options.deep:
            self._deep_at = len(during) - 1
        self._shut = min(self._shut, openness / self.level)

    def _go_on(self, time_s: float, openness: float) -> Closure | None:
        options, during = self._options, self._during
        self._add(time_s, openness)
        if openness >= self.level * max(options.open_above, (1.0 + self._shut) / 2.0):
            return self._end(during, [during[-1]])
        if (rests_s := self._rests_open(time_s, openness)) is not None:
            first = next(i for i in range(len(during) - 1, -1, -1) if i == 0 or during[i - 1][0] <= rests_s)
            rest = during[first:]
            ended = self._end(during[: first + 1], rest)
            self._level, self._unread = max(LEAST_LEVEL, max(x for _, x in rest)), ()
            self._level_at_s = time_s
            return ended
        narrow_since = min(self._deep_at + 1, len(during) - 1)
        if time_s - during[narrow_since][0] > options.narrow_s:
            return self._end(during[: narrow_since + 1] if self._deep_at >= 0 else [], during[narrow_since:])
        return None

    def _rests_open(self, time_s: float, openness: float) -> float | None:
        """Return the last moment before the lids rested short of open, if they do (`LidOptions.slit`)."""
        options = self._options
        if options.slit is None:
            return None
        if openness <= options.slit:
            self._slit_from_s = time_s
        if openness < max(self.level / 2.0, options.slit):
            self._half_from_s = time_s
        rested = options.slit_s - ROUNDING_S
        if self._deep_at >= 0 and time_s - self._half_from_s >= rested:
            return self._half_from_s
        if time_s - self._slit_from_s < rested or time_below(self._during, options.deep) < options.narrow_s:
            return None
        rest = [x for t, x in self._during if t > self._slit_from_s]
        return self._slit_from_s if max(rest) - min(rest) <= RESTS_WITHIN else None

    def _end(self, closure: Trace, after: Trace) -> Closure | None:
        """closure: what is to be measured, with the sample that ended it; after: what the next level begins with."""
        measured = measures(tuple(self._before), closure, self.level) if closure and self._whole else None
        level_seen = self._level_seen
        if len(after) > 1:  # narrowed: the level before no longer counts
            self._before.clear()
            self._level_at_s = float("-inf")
        self._before.extend(after)
        self._during = []
        return None if measured is None else Closure(measured, time_below(closure, self._options.deep), level_seen)

    @property
    def _level_seen(self) -> bool:
        """Whether the eyes were in sight for long enough before the closure, open or narrowed."""
        return bool(self._before) and self._before[-1][0] - self._seen_from_s >= LEVEL_SEEN_S - ROUNDING_S


def level_of(samples: Trace) -> float:
    """Return the upper quartile of the openness, from LEAST_LEVEL to 1."""
    known = sorted([openness for _, openness in samples])
    return min(1.0, max(LEAST_LEVEL, known[(3 * len(known)) // 4]))
