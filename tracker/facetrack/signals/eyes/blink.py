"""Blinks, winks, long closures and microsleeps from the eyes' openness."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from facetrack.signals.eyes.closure import Measures, Pair
from facetrack.signals.eyes.lids import Closure, LidFollower, LidOptions
from facetrack.signals.windows.observed_time import Steps
from facetrack.types import Event

EYES = ("right", "left")


@dataclass(frozen=True, slots=True)
class BlinkOptions:
    """closed_below: share of its level under which an eye is closed; both_below: and under which the more open one is
        when the other is closed: lids of two eyes seldom fall alike (and the network seldom reads them alike).
    min_s: shorter dips are a frame's error (Stern, Walrath and Goldstein, Psychophysiology 21, 1984: blinks last .1 s
        and more; half of that is left of a short one at half of its way).
    max_closing_s: for `Measures.closing_s`, 30 % of the way down. All of it takes the lids of a blink under .2 s even
        when tired (Caffier 2003); a look downwards or a squint takes its time.
    min_amplitude: in openness; less is noise of eyes that are nearly shut.
    long_s: from here on a closure is long, if the eyes are closed as far as `LidOptions.deep` for half of it; .5 s
        separates PERCLOS's slow closures from blinks (Dinges and Grace 1998).
    microsleep_s: a closure is a microsleep if the eyes are that far closed for so long (Euro NCAP: 1 to 2 s).
    wink_s: one eye shut for longer is a patch or a reading gone wrong.
    together_s: eyes that close within so long of each other blink; the lids of a blink are down within .1 s.
    before_s: an eye's aspect ratio before a closure is its upper quartile from so long before to together_s before.
    least_fall: share by which the aspect ratio of a closing eye falls at least, some three times its noise from frame
        to frame. other_fall: in a wink the other eye's falls less than so much of the winking one's: it squeezes along
        (by .4 and .58 of it in the two winks of the project's clips, where .5 was the limit at first).
    Levels without a source are choices of this project.
    """

    lids: LidOptions = field(default_factory=LidOptions)
    closed_below: float = 0.5
    both_below: float = 0.6
    min_s: float = 0.045
    max_closing_s: float = 0.15
    min_amplitude: float = 0.3
    long_s: float = 0.5
    microsleep_s: float = 1.0
    wink_s: float = 3.0
    together_s: float = 0.1
    before_s: float = 0.5
    least_fall: float = 0.1
    other_fall: float = 0.65


@dataclass(frozen=True, slots=True)
class _Sample:
    """eyes: openness; widths: aspect ratio over that of this person's open eye."""

    time_s: float
    eyes: Pair
    widths: Pair


class BlinkDetector:
    """Events "blink", "long_closure" and "microsleep" of both eyes, "wink_right" and "wink_left" of one.

    What both eyes do is told from the more open of them: they are closed when that one is, whatever the other did
    before or does after, so that a blink inside a wink is a blink. Each eye is followed by itself as well: a closure in
    which the other stayed open is a wink. That takes evidence: the network may misread one of two closed eyes (turned
    away, in shadow) but its points do not stay where they are, so if the other eye's aspect ratio falls along it was a
    blink. And lids that came down part of the way only, by the reading, must be seen to have moved by the points.

    amplitude is in openness; start and end are at half of the way (see `closure.Measures`), both of the more open eye
    or of the winking one. A closure whose beginning was not seen, or in which the eyes were unknown for any frame or
    for more than MAX_GAP_S, is no event. With one eye out of sight what the other does is taken for both.
    Delay: an event is told with the frame that shows the eyes open again, so some .1 s after its end_s.
    """

    def __init__(self, track_id: int, options: BlinkOptions | None = None) -> None:
        self.options = options = options or BlinkOptions()
        self._track_id = track_id
        self._steps = Steps()
        self._both = LidFollower(options.both_below, options.lids)
        self._single = tuple(LidFollower(options.closed_below, options.lids) for _ in EYES)
        self._keep_s = options.wink_s + 2.0 * options.lids.level_s
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._steps.reset()
        for lids in (self._both, *self._single):
            lids.reset()
        self._seen: deque[_Sample] = deque()
        self._told_until_s = float("-inf")
        self._unknown()

    @property
    def closed_s(self) -> float | None:
        """For how long all eyes that are seen have been closed until now, as far as it was seen; None if unknown."""
        return self._closed_s

    def update(
        self, time_s: float, right: float | None, left: float | None, widths: Pair | None = None
    ) -> tuple[Event, ...]:
        """The next frame's openness, 0..1 or None; time_s strictly increasing. What has ended with this frame.

        widths: aspect ratio of each eye over that of this person's open eye, None where unknown: then no wink is told.
        Left out, the openness is taken at its word.
        """
        if self._steps.step(time_s) is None:
            self._unknown()
        if right is None and left is None:
            self._unknown()
            return ()
        seen = self._seen
        seen.append(_Sample(time_s, (right, left), (right, left) if widths is None else widths))
        while time_s - seen[0].time_s > self._keep_s:
            seen.popleft()
        return (*self._of_both(time_s, right, left), *self._of_one(time_s, (right, left)))

    def _unknown(self) -> None:
        """What was going on is dropped; the levels stay."""
        for lids in (self._both, *self._single):
            lids.unknown()
        self._seen.clear()
        self._used = (True, True)
        self._closed_since_s: float | None = None
        self._closed_s: float | None = None

    def _of_both(self, time_s: float, right: float | None, left: float | None) -> tuple[Event, ...]:
        """What the eyes do together."""
        if not self._both.closing:
            self._used = (right is not None, left is not None)
        else:  # an eye that comes into sight while the other is closed does not open it
            self._used = (self._used[0] and right is not None, self._used[1] and left is not None)
        used = [x for x, is_used in zip((right, left), self._used, strict=True) if is_used and x is not None]
        if not used:
            self._both.unknown()
            self._closed_since_s = self._closed_s = None
            return ()
        openness = max(used)
        closure = self._both.update(time_s, openness, self._one_is_closed(right, left))
        self._closed_s = self._closed_for(time_s, openness)
        if closure is None or (kind := self._kind_of_both(closure)) is None:
            return ()
        self._told_until_s = time_s
        return (self._event(kind, closure.measured),)

    def _one_is_closed(self, right: float | None, left: float | None) -> bool:
        below = self.options.closed_below
        return (right is not None and right < below * self._single[0].level) or (
            left is not None and left < below * self._single[1].level
        )

    def _kind_of_both(self, closure: Closure) -> str | None:
        options, found = self.options, closure.measured
        if found.amplitude < options.min_amplitude:
            return None
        if found.duration_s < options.long_s:
            if not self._is_quick(found):
                return None
            return "blink" if closure.deep_s > 0.0 or self._points_fell(found) else None
        if closure.deep_s < found.duration_s / 2.0:
            return None
        return "long_closure" if min(closure.deep_s, found.duration_s) < options.microsleep_s else "microsleep"

    def _of_one(self, time_s: float, eyes: Pair) -> tuple[Event, ...]:
        """What an eye does while the other does something else."""
        events: list[Event] = []
        for index, (lids, openness) in enumerate(zip(self._single, eyes, strict=True)):
            if openness is None:
                lids.unknown()
            elif (closure := lids.update(time_s, openness)) is not None:
                kind = self._kind_of_one(index, closure.measured)
                if kind is not None:
                    events.append(self._event(kind, closure.measured))
        return tuple(events)

    def _kind_of_one(self, index: int, found: Measures) -> str | None:
        """A wink, or a blink of which the other eye's reading saw nothing."""
        options = self.options
        if found.amplitude < options.min_amplitude or found.duration_s > options.wink_s or not self._is_quick(found):
            return None
        alone = self._alone(index, found)
        if alone is None:
            return None
        fell, other_fell = (self._fall(i, found.start_s, alone) for i in (index, 1 - index))
        if fell is None or other_fell is None or fell < options.least_fall:
            return None
        if other_fell < options.other_fall * fell:
            return f"wink_{EYES[index]}"
        is_told = self._both.closing or self._told_until_s >= found.start_s
        return None if is_told or found.duration_s >= options.long_s else "blink"

    def _alone(self, index: int, found: Measures) -> list[_Sample] | None:
        """The frames of a closure in which the other eye was open; None if they do not make it one of one eye alone."""
        options, other = self.options, 1 - index
        during = [s for s in self._seen if found.start_s <= s.time_s <= found.end_s]
        open_above = options.both_below * self._single[other].level
        alone = [s for s in during if (x := s.eyes[other]) is not None and x > open_above]
        in_time = [s for s in during if s.time_s - found.start_s <= options.together_s]
        if any(s.eyes[other] is None for s in during) or 2 * len(alone) <= len(during):
            return None
        return alone if all(s in alone for s in in_time) else None

    def _points_fell(self, found: Measures) -> bool:
        """Whether the points of any eye saw lids come down."""
        during = [s for s in self._seen if found.start_s <= s.time_s <= found.end_s]
        falls = (self._fall(index, found.start_s, during) for index in (0, 1))
        return any(fall is not None and fall >= self.options.least_fall for fall in falls)

    def _fall(self, index: int, start_s: float, during: list[_Sample]) -> float | None:
        """Share by which an eye's aspect ratio fell, from shortly before the closure to its mean in these frames."""
        from_s, to_s = start_s - self.options.before_s, start_s - self.options.together_s
        before = sorted(w for s in self._seen if from_s <= s.time_s <= to_s and (w := s.widths[index]) is not None)
        known = [w for s in during if (w := s.widths[index]) is not None]
        if not known or len(known) < len(during):
            return None
        usual = before[3 * len(before) // 4] if before else 1.0
        return 1.0 - sum(known) / len(known) / max(usual, 1e-6)

    def _is_quick(self, found: Measures) -> bool:
        return found.duration_s >= self.options.min_s and found.closing_s <= self.options.max_closing_s

    def _event(self, kind: str, found: Measures) -> Event:
        return Event(kind, self._track_id, found.start_s, found.end_s, found.amplitude, found.closing_speed_per_s)

    def _closed_for(self, time_s: float, openness: float) -> float:
        if not self._both.closing or openness >= self.options.lids.open_above * self._both.level:
            self._closed_since_s = None
            return 0.0
        if self._closed_since_s is None:
            self._closed_since_s = time_s
        return time_s - self._closed_since_s
