"""Blinks, winks, long closures and microsleeps from the eyes' openness."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from facetrack.signals.eyes.closure import Measures, Pair, ended
from facetrack.signals.eyes.lids import Closure, LidFollower, LidOptions
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.types import Event

EYES = ("right", "left")


@dataclass(frozen=True, slots=True)
class BlinkOptions:
    """Thresholds of closures.

    closed_below: share of its level under which an eye is closed.
    both_below: the same of the more open eye when the other is closed: lids of two eyes seldom fall alike (and the
        network seldom reads them alike).
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

    What both eyes do is read from the more open of them: they are closed when that one is, whatever the other did
    before or does after, so that a blink inside a wink is a blink. Each eye is followed by itself as well: a closure in
    which the other stayed open is a wink. That takes evidence: the network may misread one of two closed eyes (turned
    away, in shadow) but its points do not stay where they are, so if the other eye's aspect ratio falls along it was a
    blink. And lids that came down part of the way only, by the reading, must be seen to have moved by the points.

    amplitude is in openness; start and end are at half of the way (see `closure.Measures`), both of the more open eye
    or of the winking one. A closure whose beginning was not seen is no event, nor is a short one in which the eyes
    were unknown for any frame or for more than MAX_GAP_S. With one eye out of sight what the other does is taken for
    both.
    A long closure begins with the first frame that shows the eyes closed for long_s, at least half of that deeply, and
    a microsleep, which is always a long closure as well, with microsleep_s of deeply closed eyes. Both end with the
    closure, or where the eyes are lost.
    Delay: an end is reported with the frame that shows the eyes open again, so some .1 s after its end_s.
    """

    def __init__(self, track_id: int, options: BlinkOptions | None = None) -> None:
        self.options = options = options or BlinkOptions()
        self._track_id = track_id
        self._gap_timer = GapTimer()
        self._both = LidFollower(options.both_below, options.lids)
        self._single = tuple(LidFollower(options.closed_below, options.lids) for _ in EYES)
        self._long = LastingEvent("long_closure", track_id)
        self._microsleep = LastingEvent("microsleep", track_id)
        self._keep_s = options.wink_s + 2.0 * options.lids.level_s
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._gap_timer.reset()
        self._long.reset()
        self._microsleep.reset()
        self._last_s = 0.0
        for lids in (self._both, *self._single):
            lids.reset()
        self._seen: deque[_Sample] = deque()
        self._reported_until_s = float("-inf")
        self._unknown()

    @property
    def closed_s(self) -> float | None:
        """Seconds for which all eyes that are seen have been closed until now; None if unknown."""
        return self._closed_s

    def update(
        self, time_s: float, right: float | None, left: float | None, widths: Pair | None = None
    ) -> tuple[Event, ...]:
        """Follow the next frame; returns what began or ended with it.

        right, left: openness, 0..1 or None; time_s strictly increasing.
        widths: aspect ratio of each eye over that of this person's open eye, None where unknown: then no wink is
            reported. Left out, the openness alone counts.
        """
        events: tuple[Event, ...] = ()
        if self._gap_timer.step(time_s) is None:
            events = self.interrupt()
        if right is None and left is None:
            return (*events, *self.interrupt())
        self._last_s = time_s
        seen = self._seen
        seen.append(_Sample(time_s, (right, left), (right, left) if widths is None else widths))
        while time_s - seen[0].time_s > self._keep_s:
            seen.popleft()
        return (*events, *self._of_both(time_s, right, left), *self._of_one(time_s, (right, left)))

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on; returns the ends of what was reported, the last moment the eyes were known."""
        ended = self._lose_both()
        self._unknown()
        return ended

    def _lose_both(self) -> tuple[Event, ...]:
        """End what was reported of both eyes with what is known of it."""
        if not self._long.lasts:
            return ()
        return self._end_long(self._both.so_far())

    def _unknown(self) -> None:
        """Drop what was going on; the levels stay."""
        for lids in (self._both, *self._single):
            lids.unknown()
        self._seen.clear()
        self._used = (True, True)
        self._closed_since_s: float | None = None
        self._closed_s: float | None = None

    def _of_both(self, time_s: float, right: float | None, left: float | None) -> tuple[Event, ...]:
        """Follow what the eyes do together."""
        if not self._both.closing:
            self._used = (right is not None, left is not None)
        else:  # an eye that comes into sight while the other is closed does not open it
            self._used = (self._used[0] and right is not None, self._used[1] and left is not None)
        used = [x for x, is_used in zip((right, left), self._used, strict=True) if is_used and x is not None]
        if not used:
            ended = self._lose_both()
            self._both.unknown()
            self._closed_since_s = self._closed_s = None
            return ended
        openness = max(used)
        closure = self._both.update(time_s, openness, self._one_is_closed(right, left))
        self._closed_s = self._closed_for(time_s, openness)
        if closure is None:
            return self._begin_long(time_s, openness) if self._both.closing else self._lose_both()
        is_long = self._long.lasts or self._is_long(closure)
        if not is_long and not self._is_blink(closure):
            return ()
        self._reported_until_s = time_s
        if is_long:
            end_s = closure.measured.end_s
            return (*self._begin_as(closure, end_s), *self._end_long(closure))
        return (self._event("blink", closure.measured),)

    def _begin_long(self, time_s: float, openness: float) -> tuple[Event, ...]:
        """Report a long closure or microsleep as soon as the closure that is going on is one."""
        # With a deeply closed sample last, what is measured now does not shrink if the eyes open part of the way.
        if self._microsleep.lasts or openness > self.options.lids.deep:
            return ()
        if self._both.closing_for_s(time_s) < self.options.long_s / 2.0:  # far from long: not worth measuring
            return ()
        so_far = self._both.so_far()
        return () if so_far is None or not self._is_long(so_far) else self._begin_as(so_far, time_s)

    def _begin_as(self, closure: Closure, since_s: float) -> tuple[Event, ...]:
        """Report the beginnings that a long closure asks for and that have not been reported."""
        found = closure.measured
        measured = (found.start_s, since_s, found.amplitude, found.closing_speed_per_s)
        began = self._long.begin(*measured)
        if min(closure.deep_s, found.duration_s) >= self.options.microsleep_s:
            began += self._microsleep.begin(*measured)
        return began

    def _end_long(self, closure: Closure | None) -> tuple[Event, ...]:
        if closure is None:
            return (*self._long.end(self._last_s), *self._microsleep.end(self._last_s))
        return ended((self._long, self._microsleep), closure.measured)

    def _one_is_closed(self, right: float | None, left: float | None) -> bool:
        below = self.options.closed_below
        return (right is not None and right < below * self._single[0].level) or (
            left is not None and left < below * self._single[1].level
        )

    def _is_long(self, closure: Closure) -> bool:
        options, found = self.options, closure.measured
        return (
            found.amplitude >= options.min_amplitude
            and found.duration_s >= options.long_s
            and closure.deep_s >= found.duration_s / 2.0
        )

    def _is_blink(self, closure: Closure) -> bool:
        options, found = self.options, closure.measured
        if found.amplitude < options.min_amplitude or found.duration_s >= options.long_s or not self._is_quick(found):
            return False
        return closure.deep_s > 0.0 or self._points_fell(found)

    def _of_one(self, time_s: float, eyes: Pair) -> tuple[Event, ...]:
        """Follow what an eye does while the other does something else."""
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
        """Name a wink, or a blink of which the other eye's reading saw nothing."""
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
        is_reported = self._both.closing or self._reported_until_s >= found.start_s
        return None if is_reported or found.duration_s >= options.long_s else "blink"

    def _alone(self, index: int, found: Measures) -> list[_Sample] | None:
        """Return the frames of a closure in which the other eye was open; None if it was not of one eye alone."""
        options, other = self.options, 1 - index
        during = [s for s in self._seen if found.start_s <= s.time_s <= found.end_s]
        open_above = options.both_below * self._single[other].level
        alone = [s for s in during if (x := s.eyes[other]) is not None and x > open_above]
        in_time = [s for s in during if s.time_s - found.start_s <= options.together_s]
        if any(s.eyes[other] is None for s in during) or 2 * len(alone) <= len(during):
            return None
        return alone if all(s in alone for s in in_time) else None

    def _points_fell(self, found: Measures) -> bool:
        """Return whether the points of any eye saw lids come down."""
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
        return Event.completed(
            kind, self._track_id, found.start_s, found.end_s, found.amplitude, found.closing_speed_per_s
        )

    def _closed_for(self, time_s: float, openness: float) -> float:
        if not self._both.closing or openness >= self.options.lids.open_above * self._both.level:
            self._closed_since_s = None
            return 0.0
        if self._closed_since_s is None:
            self._closed_since_s = time_s
        return time_s - self._closed_since_s
