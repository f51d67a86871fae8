"""Blinks, winks, long closures, microsleeps and looks down from openness that is linear in the lids."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from facetrack.signals.eyes.blink import EYES
from facetrack.signals.eyes.closure import FAST_TO, LidFrame, Measures, Pair, ended
from facetrack.signals.eyes.lid_frames import BEFORE_S, HEAD_FOLLOWS_S, RESTED_S, deepest, frames_before, mean, rested
from facetrack.signals.eyes.lid_options import LidEventOptions
from facetrack.signals.eyes.lids import Closure, LidFollower
from facetrack.signals.eyes.lowered import LOWERED, OPEN, SHUT, Lowered
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import GapTimer
from facetrack.types import Event

FELL_TO = 1.0 - FAST_TO
"""Openness under which lids have come as far down as shut ones."""


class LidEvents:
    """Events "blink", "long_closure", "microsleep" and "eyes_down" of both eyes, "wink_right" and "wink_left" of one.

    What both eyes do is read from the more open of those that are seen. A closure starts and ends where the lids pass
    half of their way, on straight lines between frames, so that its duration does not depend on the frame rate; its
    completeness is the share of the way from its level to shut. A closure whose beginning was not seen is no event, nor
    a short one during which an eye was unknown.

    Closed or lowered? Lids that come down slowly (`fast_s`), that fall from a lowered look, that the network calls
    lowered, that the head follows down at once, or that a smile narrows, are not asleep: they make no microsleep, and
    `openness_known` is None for PERCLOS while they are that far down. What is missed by this: who dozes off from a
    lowered look, with a head that falls at once, or so slowly that the lids take longer than `fast_s` over the middle
    of their way, has no microsleep and no PERCLOS. From a lowered look or with the head, a fall by `lowered_fall`
    down to `lowered_deep` is reported as a "long_closure", and all of it as "eyes_down"; down to `head_deep`
    with a head that goes down by `head_looks_deg`. A fast fall and return inside a lowered look is a blink. Eyes that
    have just come into sight have no level to fall from for long: a blink at most.

    Delay: a blink is reported with the frame that shows the eyes open again, some .1 s after its end_s; a long closure
    and a microsleep begin with the first frame that shows the eyes closed for long_s and microsleep_s.
    """

    def __init__(self, track_id: int, options: LidEventOptions | None = None) -> None:
        self.options = options = options or LidEventOptions()
        self._track_id = track_id
        self._gap_timer = GapTimer()
        self._both = LidFollower(options.closed_below, options.lids)
        self._single = tuple(LidFollower(options.closed_below, options.lids) for _ in EYES)
        self._lowered = Lowered(track_id, options.lowered)
        self._long = LastingEvent("long_closure", track_id)
        self._microsleep = LastingEvent("microsleep", track_id)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        for part in (self._gap_timer, self._lowered, self._long, self._microsleep):
            part.reset()
        for lids in (self._both, *self._single):
            lids.reset()
        self._last_s = 0.0
        self._unknown()

    def _unknown(self) -> None:
        """Drop what was going on; the levels stay."""
        for lids in (self._both, *self._single):
            lids.unknown()
        self._seen: deque[LidFrame] = deque()
        self._together_s: deque[float] = deque()  # frames in which both were closing
        self._used = (True, True)
        self._from_lowered = False
        self._start: list[LidFrame] = []  # of the closure of both eyes, with what led into it
        self._closed_since_s: float | None = None
        self.closed_s: float | None = None
        self.lids: str | None = None
        self.openness_known: Pair = (None, None)

    @property
    def looks_down(self) -> bool:
        """Whether the lids are lowered over a look down."""
        return self._lowered.state == LOWERED

    @property
    def down_since_s(self) -> float | None:
        """When lids that are lowered over a look down began to fall; None while they are not."""
        return self._lowered.since_s if self.looks_down else None

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on; returns the ends of what was reported, the last moment the eyes were known."""
        ended = (*self._end_long(self._both.so_far()), *self._lowered.lose())
        self._unknown()
        return ended

    def update(self, frame: LidFrame) -> tuple[Event, ...]:
        """Follow the next frame; returns what began or ended with it."""
        lost: tuple[Event, ...] = ()
        if self._gap_timer.step(frame.time_s) is None:
            lost = self.interrupt()
        was_closing = self._both.closing
        openness = self._more_open(frame.eyes, was_closing)
        if openness is None:
            return (*lost, *self.interrupt())
        self._keep(frame)
        closure = self._both.update(frame.time_s, openness)
        closing = self._both.closing
        if closing:
            self._keep_start(frame, was_closing)
        if closing or closure is not None:
            self._together_s.append(frame.time_s)
        so_far = self._both.so_far() if closing else None
        if closure is None:
            events = self._begun(so_far, openness) if closing else self._end_long(None)
        else:
            events = self._ended(closure)
        is_slow = so_far is not None and so_far.measured.fall_s > self.options.fast_s and openness <= FELL_TO
        is_shut = so_far is not None and not is_slow and openness <= self.options.lids.deep
        resting = self._lowered.update(frame, openness, is_shut, is_slow)
        self._judge(frame, openness, so_far)
        return (*lost, *events, *self._of_one(frame), *resting)

    def _more_open(self, eyes: Pair, closing: bool) -> float | None:
        """Return the openness of the more open eye; one that comes into sight in a closure does not end it."""
        right, left = eyes
        if closing:
            right, left = right if self._used[0] else None, left if self._used[1] else None
        self._used = right is not None, left is not None
        if right is None or left is None:
            return left if right is None else right
        return max(right, left)

    def _keep(self, frame: LidFrame) -> None:
        """Keep a frame in which the eyes were seen, and drop those that are too old for a wink."""
        self._last_s = frame.time_s
        self._seen.append(frame)
        oldest_s = frame.time_s - self.options.wink_s - 1.0
        while self._seen[0].time_s < oldest_s:
            self._seen.popleft()
        while self._together_s and self._together_s[0] < oldest_s:
            self._together_s.popleft()

    def _keep_start(self, frame: LidFrame, goes_on: bool) -> None:
        """Keep what led into a closure of both eyes, which begins or goes on with this frame, and its first seconds."""
        if not goes_on:
            self._from_lowered = self.looks_down
            self._start = [f for f in self._seen if f.time_s >= frame.time_s - BEFORE_S - HEAD_FOLLOWS_S]
        elif frame.time_s - self._start[0].time_s <= BEFORE_S + 2.0 * HEAD_FOLLOWS_S:
            self._start.append(frame)

    def _judge(self, frame: LidFrame, openness: float, so_far: Closure | None) -> None:
        """Set the state of the lids, what PERCLOS may know, and for how long they have been shut."""
        closing, state = self._both.closing, self._lowered.state
        closed = closing and openness <= self.options.lids.deep
        asleep = closed and so_far is not None and self._may_be_sleep(so_far)
        if closed and (so_far is None or asleep):
            self.lids = SHUT
        elif state is not None:
            self.lids = state
        elif not closing or self.lids is None:
            self.lids = OPEN
        unknown = state == LOWERED or (closed and so_far is not None and not asleep)
        self.openness_known = (None, None) if unknown else frame.eyes
        if self.lids != SHUT:
            self._closed_since_s, self.closed_s = None, 0.0
        else:
            since_s = self._closed_since_s = frame.time_s if self._closed_since_s is None else self._closed_since_s
            self.closed_s = frame.time_s - since_s

    def _may_be_sleep(self, closure: Closure) -> bool:
        """Return whether a closure is one of lids that fell fast from an open look, neither lowered nor laughing."""
        found = closure.measured
        if found.fall_s > self.options.fast_s or self._from_lowered:
            return False
        during = self._during(found)
        head_follows = self._head_fell_deg(found) >= self.options.head_follows_deg
        return not (self._says_lowered(during) or self._laughs(during) or head_follows)

    def _during(self, found: Measures) -> list[LidFrame]:
        return [frame for frame in self._seen if frame.time_s >= found.start_s]

    def _says_lowered(self, during: list[LidFrame]) -> bool:
        known = [(f.lowered, f.shut) for f in during if f.lowered is not None and f.shut is not None]
        return bool(known) and sum(low for low, _ in known) > sum(shut for _, shut in known)

    def _laughs(self, during: list[LidFrame]) -> bool:
        smile = mean([frame.smile for frame in during])
        return smile is not None and smile >= self.options.lowered.smiles

    def _is_long(self, closure: Closure) -> bool:
        options, found = self.options, closure.measured
        if found.amplitude < options.min_amplitude or found.duration_s < options.long_s or not closure.level_seen:
            return False
        if closure.deep_s < found.duration_s / 2.0 or found.fall_s > options.fast_s:
            return False
        during = self._during(found)
        if self._says_lowered(during) or self._laughs(during):
            return False
        head_fell_deg, rest = self._head_fell_deg(found), deepest(during)
        if not (self._from_lowered or head_fell_deg >= options.head_follows_deg):
            return rest <= options.shut
        if head_fell_deg >= options.head_looks_deg and deepest(during, 2) > options.head_deep:
            return False
        return rested(self._start, found) - rest >= options.lowered_fall and rest <= options.lowered_deep

    def _head_fell_deg(self, found: Measures) -> float:
        """Return by how much the head goes down within a second of the lids, as in a look down; 0 where it is unknown.

        From where it was in the time before, or a second earlier: the lids may come down last, with a blink.
        """
        after = [f.pitch_deg for f in self._start if found.start_s < f.time_s <= found.start_s + HEAD_FOLLOWS_S]
        known = [pitch for pitch in after if pitch is not None]
        first_s = found.start_s - HEAD_FOLLOWS_S
        earlier = [f for f in self._start if first_s - RESTED_S <= f.time_s <= first_s]
        before = [mean([f.pitch_deg for f in part]) for part in (frames_before(self._start, found), earlier)]
        return max((pitch for pitch in before if pitch is not None), default=-math.inf) - min(known) if known else 0.0

    def _begun(self, so_far: Closure | None, openness: float) -> tuple[Event, ...]:
        """Report a long closure or microsleep as soon as the closure that is going on is one."""
        if so_far is None or self._microsleep.lasts or openness > self.options.lids.deep or not self._is_long(so_far):
            return ()
        return self._begin_as(so_far, self._last_s)

    def _begin_as(self, closure: Closure, since_s: float) -> tuple[Event, ...]:
        found, evidence = closure.measured, self._evidence(closure.measured)
        measured = (found.start_s, since_s, found.amplitude, found.closing_speed_per_s, evidence)
        began = self._long.begin(*measured)
        if min(closure.deep_s, found.duration_s) >= self.options.microsleep_s and self._may_be_sleep(closure):
            began += self._microsleep.begin(*measured)
        return began

    def _ended(self, closure: Closure) -> tuple[Event, ...]:
        """Name a closure that is over."""
        found = closure.measured
        if self._long.lasts or self._is_long(closure):
            return (*self._begin_as(closure, found.end_s), *self._end_long(closure))
        return (self._event("blink", found),) if self._is_blink(found) else ()

    def _end_long(self, closure: Closure | None) -> tuple[Event, ...]:
        if not self._long.lasts:  # then no microsleep does
            return ()
        if closure is None:
            return (*self._long.end(self._last_s), *self._microsleep.end(self._last_s))
        return ended((self._long, self._microsleep), closure.measured, self._evidence(closure.measured))

    def _is_blink(self, found: Measures) -> bool:
        options = self.options
        if found.amplitude < options.min_amplitude or not options.min_s <= found.duration_s < options.long_s:
            return False
        if found.fall_s > options.fast_s or found.completeness < options.completeness:
            return False
        incomplete = found.completeness < options.incomplete
        return not incomplete or (
            found.duration_s <= options.incomplete_s and found.fall_s <= options.incomplete_fall_s
        )

    def _of_one(self, frame: LidFrame) -> tuple[Event, ...]:
        """Follow what an eye does while the other stays open."""
        events: tuple[Event, ...] = ()
        for index in (0, 1):
            lids, openness = self._single[index], frame.eyes[index]
            if openness is None:
                lids.unknown()
                continue
            closure = lids.update(frame.time_s, openness)
            # Over a look down the lids of an eye that is turned away lie on the iris first.
            if closure is not None and not self.looks_down and self._is_wink(index, closure.measured):
                events += (self._event(f"wink_{EYES[index]}", closure.measured),)
        return events

    def _is_wink(self, index: int, found: Measures) -> bool:
        options, other = self.options, 1 - index
        if not options.min_wink_s <= found.duration_s <= options.wink_s or found.fall_s > options.wink_fall_s:
            return False
        if found.completeness < options.wink_amplitude:
            return False
        during = [f.eyes[other] for f in self._seen if found.start_s <= f.time_s <= found.end_s]
        known = sorted(x for x in during if x is not None)
        together = sum(found.start_s <= time_s <= found.end_s for time_s in self._together_s)
        if not known or len(known) < len(during) or 2 * together > len(during):
            return False
        level = max(self._single[other].level, 1e-6)
        return 1.0 - known[len(known) // 2] / level < options.other_fall * found.completeness

    def _evidence(self, found: Measures) -> Mapping[str, float]:
        """Return what an event of the lids rests on, by the names of `Event.evidence`."""
        before = frames_before(self._start, found) or frames_before(self._seen, found)
        parts = {
            "completeness": found.completeness, "fall_s": found.fall_s,
            "pitch_deg": mean([f.pitch_deg for f in before]), "gaze_down_deg": mean([f.gaze_down_deg for f in before]),
        }  # fmt: skip
        return {name: value for name, value in parts.items() if value is not None and math.isfinite(value)}

    def _event(self, kind: str, found: Measures) -> Event:
        return Event.completed(
            kind, self._track_id, found.start_s, found.end_s, found.amplitude, found.closing_speed_per_s,
            self._evidence(found),
        )  # fmt: skip
