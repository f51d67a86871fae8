"""Blinks, winks, long closures and microsleeps from the eyes' openness."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from facetrack.signals.closure import Measures, Pair, Sample, last_index, mean_openness, measures, time_below
from facetrack.signals.known_time import Steps
from facetrack.types import Event

EYES = ("right", "left")
MAX_SAMPLES = 4000
"""Of a closure kept: half a minute at 120 fps. A longer one keeps every second sample of its middle."""
LEVELS_EVERY_S = 0.1
"""How often the eyes' level is worked out: what it is made of is many times as long."""


@dataclass(frozen=True, slots=True)
class BlinkOptions:
    """Thresholds of openness are shares of the eye's level just before.

    closed_below, open_above: two thresholds, apart as in silero-vad's VADIterator (.5 and .15 apart), so that noise at
        one of them starts and ends nothing. The lids must come back half of their way, too.
    level_s: the level before is the upper quartile of so long a time: not what the closing itself has made of it.
    min_s: shorter dips are a frame's error (Stern, Walrath and Goldstein, Psychophysiology 21, 1984: blinks last .1 s
        and more; half of that is left of a short one at half of its way).
    max_closing_s: for `Measures.closing_s`, 30 % of the way down. All of it takes the lids of a blink under .2 s even
        when tired (Caffier 2003); a look downwards or a squint takes its time.
    min_amplitude: in openness; less is noise of eyes that are nearly shut.
    deep: an openness at which eyes are closed and not narrowed; 80 % closed, as in PERCLOS.
    long_s: from here on a closure is long, if the eyes are that far closed for half of it; .5 s separates PERCLOS's
        slow closures from blinks (Dinges and Grace 1998).
    microsleep_s: a closure is a microsleep if the eyes are that far closed for so long (Euro NCAP: 1 to 2 s).
    narrow_s: open less than half but not that far closed for so long: eyes narrowed, a level of its own.
    wink_open_above: in a wink, the other eye stays above this.
    wink_s: one eye shut for longer is a patch or a reading gone wrong, and is left out until it opens.
    """

    closed_below: float = 0.5
    open_above: float = 0.65
    level_s: float = 1.5
    min_s: float = 0.045
    max_closing_s: float = 0.15
    min_amplitude: float = 0.3
    long_s: float = 0.5
    microsleep_s: float = 1.0
    deep: float = 0.2
    narrow_s: float = 0.5
    wink_open_above: float = 0.6
    wink_s: float = 3.0


class BlinkDetector:
    """Events "blink", "long_closure" and "microsleep" of both eyes, "wink_right" and "wink_left" of one.

    amplitude is in openness, the mean of the eyes that took part; start and end are at half of the way (see
    `closure.Measures`). A closure whose beginning was not seen, or in which the eyes were unknown for any frame or for
    more than MAX_GAP_S, is no event. With one eye out of sight what the other does is taken for both.
    Delay: an event is told with the frame that shows the eyes open again, so some .1 s after its end_s.
    """

    def __init__(self, track_id: int, options: BlinkOptions | None = None) -> None:
        self.options = options or BlinkOptions()
        self._track_id = track_id
        self._steps = Steps()
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._steps.reset()
        self._before: deque[Sample] = deque()
        self._levels: list[float] = [1.0, 1.0]
        self._levels_s = float("-inf")
        self._left_out: set[int] = set()
        self._during: list[Sample] = []
        self._closed_since_s: float | None = None
        self._closed_s: float | None = None
        self._unknown()

    @property
    def closed_s(self) -> float | None:
        """For how long all eyes that are seen have been closed until now, as far as it was seen; None if unknown."""
        return self._closed_s

    def update(self, time_s: float, right: float | None, left: float | None) -> tuple[Event, ...]:
        """The next frame's openness, 0..1 or None; time_s strictly increasing. What has ended with this frame."""
        if self._steps.step(time_s) is None:
            self._unknown()
        eyes = self._kept(right, left)
        if eyes == (None, None):
            self._unknown()
            return ()
        sample = Sample(time_s, eyes)
        ended = self._go_on(sample) if self._during else self._begin(sample)
        self._closed_s = self._closed_for(sample)
        return ended

    def _unknown(self) -> None:
        """What was going on is dropped; the levels stay."""
        if self._before:
            self._levels = self._levels_before(self._before[-1].time_s)
        self._before.clear()
        self._during = []
        self._whole = False  # whether its beginning was seen
        self._shut = 1.0
        self._closed_since_s = self._closed_s = None

    def _kept(self, right: float | None, left: float | None) -> Pair:
        """Both, or without an eye that was shut for too long and has not opened since."""
        eyes = [right, left]
        for index in tuple(self._left_out):
            value = eyes[index]
            if value is not None and value >= self.options.open_above * self._levels[index]:
                self._left_out.discard(index)
            else:
                eyes[index] = None
        return eyes[0], eyes[1]

    def _begin(self, sample: Sample) -> tuple[Event, ...]:
        """The eyes were open, or unknown."""
        if sample.time_s - self._levels_s >= LEVELS_EVERY_S:
            self._levels, self._levels_s = self._levels_before(sample.time_s), sample.time_s
        if self._lowest(sample) < self.options.closed_below:
            self._during, self._whole, self._shut = [sample], bool(self._before), self._lowest(sample)
            return ()
        self._before.append(sample)
        while sample.time_s - self._before[0].time_s > self.options.level_s:
            self._before.popleft()
        return ()

    def _go_on(self, sample: Sample) -> tuple[Event, ...]:
        """The eyes were closed."""
        options, during = self.options, self._during
        during.append(sample)
        if len(during) > MAX_SAMPLES:
            del during[MAX_SAMPLES // 4 : -MAX_SAMPLES // 4 : 2]
        self._shut = min(self._shut, self._lowest(sample))
        if self._lowest(sample) >= max(options.open_above, (1.0 + self._shut) / 2.0):
            return self._end(during, [sample])
        deep = last_index(during, self._is_deep)
        narrow_since = 0 if deep is None else min(deep + 1, len(during) - 1)
        if sample.time_s - during[narrow_since].time_s > options.narrow_s:
            return self._end(during[: narrow_since + 1] if deep is not None else [], during[narrow_since:])
        self._leave_out_the_shut_eye(sample)
        return ()

    def _is_deep(self, sample: Sample) -> bool:
        return min(x for x in sample.eyes if x is not None) <= self.options.deep

    def _end(self, closure: Sequence[Sample], after: Sequence[Sample]) -> tuple[Event, ...]:
        """closure: what is to be judged, with the sample that ended it; after: what the next level begins with."""
        event = self._judged(closure) if closure and self._whole else None
        if len(after) > 1:  # narrowed: the level before no longer counts
            self._before.clear()
            self._levels_s = float("-inf")
        self._before.extend(after)
        self._during = []
        return () if event is None else (event,)

    def _judged(self, during: Sequence[Sample]) -> Event | None:
        """The event that a whole closure was, if it was one."""
        known = [i for i in (0, 1) if all(s.eyes[i] is not None for s in during)]
        lowest = {i: min(self._relative(s, i) for s in during) for i in known}
        shut = [i for i in known if lowest[i] < self.options.closed_below]
        if not shut:
            return None
        winks = len(known) == 2 and max(lowest.values()) > self.options.wink_open_above
        used = shut if winks else known
        level = sum(self._levels[i] for i in used) / len(used)
        found = measures(list(self._before), during, used, level)
        if found is None:
            return None
        kind = self._kind(found, shut[0] if winks else None, time_below(during, used, self.options.deep))
        if kind is None:
            return None
        return Event(kind, self._track_id, found.start_s, found.end_s, found.amplitude, found.closing_speed_per_s)

    def _kind(self, found: Measures, winking: int | None, deep_s: float) -> str | None:
        """winking: index of the eye that did; deep_s: for how long the eyes were closed that far."""
        options = self.options
        if found.amplitude < options.min_amplitude:
            return None
        if winking is not None or found.duration_s < options.long_s:
            if found.duration_s < options.min_s or found.closing_s > options.max_closing_s:
                return None
            return "blink" if winking is None else f"wink_{EYES[winking]}"
        if deep_s < found.duration_s / 2.0:
            return None
        return "long_closure" if min(deep_s, found.duration_s) < options.microsleep_s else "microsleep"

    def _leave_out_the_shut_eye(self, sample: Sample) -> None:
        if sample.time_s - self._during[0].time_s <= self.options.wink_s or None in sample.eyes:
            return
        relative = [self._relative(sample, i) for i in (0, 1)]
        if min(relative) < self.options.closed_below and max(relative) > self.options.wink_open_above:
            self._left_out.add(relative.index(min(relative)))
            self._unknown()

    def _closed_for(self, sample: Sample) -> float:
        closed = bool(self._during) and all(
            self._relative(sample, i) < self.options.open_above for i in (0, 1) if sample.eyes[i] is not None
        )
        if not closed:
            self._closed_since_s = None
            return 0.0
        if self._closed_since_s is None:
            self._closed_since_s = sample.time_s
        return sample.time_s - self._closed_since_s

    def _relative(self, sample: Sample, index: int) -> float:
        value = sample.eyes[index]
        return float("inf") if value is None else value / self._levels[index]

    def _lowest(self, sample: Sample) -> float:
        return min(self._relative(sample, 0), self._relative(sample, 1))

    def _levels_before(self, time_s: float) -> list[float]:
        """Of each eye: upper quartile of the last level_s; where too little was seen, what it was."""
        recent = [s for s in self._before if time_s - s.time_s <= self.options.level_s]
        found = []
        for index, old in enumerate(self._levels):
            known = sorted(value for s in recent if (value := mean_openness(s.eyes, (index,))) is not None)
            enough = len(known) >= 3 and recent[-1].time_s - recent[0].time_s >= 0.2
            found.append(min(1.0, max(0.3, known[(3 * len(known)) // 4])) if enough else old)
        return found
