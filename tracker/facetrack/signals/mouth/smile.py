"""Smiles and the part of the eyes in them."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.windows.fading_quantile import FadingQuantile, Level
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer
from facetrack.types import Event


@dataclass(frozen=True, slots=True)
class SmileOptions:
    """Levels and times of smiles.

    begin, end: how far the smile is on the way from this person's rest to a full one, to begin and to end: two
    levels, so that a smile on the edge does not flicker. hold_s: for how long the reading must be there before either
    is believed. A smile of enjoyment lasts 2/3 to 4 s (Ekman and Friesen, Felt, false, and miserable smiles, J.
    Nonverbal Behavior 6, 1982), while the vowels and pauses of speech, which widen a mouth as a smile does, follow each
    other at 2 to 7 Hz (see `signals.mouth.speech`): half a second is one of the slowest and less than the shortest
    smile. rest_share: the quantile of the reading that is taken for the face at rest: low, since people may smile for
    most of a minute. memory_s: within how much known time the past fades. prior_rest, prior_s: what is believed at
    first, and for how many seconds' worth. highest_rest: whoever smiles all the time is not taken for one whose face
    rests there. eyes_open, eyes_narrow: eye openness (of the own open eye) at which the eye part of a smile is 0 and 1.
    eyes_shut: below it the eye blinks or is closed and tells nothing. Levels without a source are choices of this
    project.
    """

    begin: float = 0.5
    end: float = 0.3
    hold_s: float = 0.5
    rest_share: float = 0.2
    memory_s: float = 120.0
    prior_rest: float = 0.1
    prior_s: float = 5.0
    highest_rest: float = 0.4
    eyes_open: float = 0.95
    eyes_narrow: float = 0.6
    eyes_shut: float = 0.25


class Smiles:
    """Smiling or not, the eye part of the smile, and a `smile` event when one is over; amplitude: its highest reading.

    The network's reading is taken relative to this person's face at rest, which is learnt as a low quantile of it, or
    comes from a calibration. The eye part is Duchenne's sign: in a smile of enjoyment the muscle around the eyes
    narrows them as well (Ekman, Davidson and Friesen, The Duchenne smile, J. Personality and Social Psychology 58,
    1990); here it is only how much narrower the eyes are than this person's open eyes, and a squint into the sun does
    that too. Delay: hold_s for `smiling` to begin and to end; the event's own times are those of the reading.
    """

    def __init__(
        self, track_id: int, options: SmileOptions | None = None, rest: float | None = None, full: float | None = None
    ) -> None:
        """rest, full: `Profile.smile_rest`, `Profile.smile_full`; None to learn the one and to take 1 for the other."""
        self.options, self._track_id = options or SmileOptions(), track_id
        self._set_rest, self._full = rest, 1.0 if full is None else full
        self._gap_timer = GapTimer()
        self._rest = Level(FadingQuantile(0.0, 1.0, 100, self.options.memory_s), self.options.rest_share)
        self._event = LastingEvent("smile", track_id)
        self.reset()

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on; returns the end of a smile that was reported, the last moment it was seen."""
        ended = self._event.end(self._last_s if self._end_s is None else self._end_s, self._peak)
        self._drop()
        return ended

    def _drop(self) -> None:
        self._start_s: float | None = None  # of the smile, or of what may become one
        self._end_s: float | None = None  # since when it may be over
        self._peak = 0.0
        self._smiling = False

    def reset(self) -> None:
        """Equal to a new one."""
        self._drop()
        self._event.reset()
        self._last_s = 0.0
        self._gap_timer.reset()
        self._rest.reset()
        self._rest.add(self.options.prior_rest, self.options.prior_s)

    @property
    def rest(self) -> float:
        """Reading of this person's face at rest."""
        if self._set_rest is not None:
            return self._set_rest
        return min(self._rest.value or 0.0, self.options.highest_rest)

    def update(
        self, time_s: float, smile: float | None, eye_right: float | None = None, eye_left: float | None = None
    ) -> tuple[bool | None, float | None, tuple[Event, ...]]:
        """Follow the next frame.

        smile: the network's probability, None where unknown. eye_right, eye_left: openness, 1 as this person's open
        eye. Returns whether the person smiles, how much the eyes
        narrow with it (0..1, 0 without a smile), both None while unknown, and what began or ended.
        """
        if smile is None:
            self._gap_timer.reset()
            return None, None, self.interrupt()
        events: tuple[Event, ...] = ()
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            events = self.interrupt()
        else:
            self._rest.add(smile, step_s)
        self._last_s = time_s
        events += self._follow(time_s, self._relative(smile), smile)
        return self._smiling, self._eyes(eye_right, eye_left) if self._smiling else 0.0, events

    def _relative(self, smile: float) -> float:
        """0 at rest to 1 at a full smile."""
        rest = self.rest
        return (smile - rest) / max(self._full - rest, 0.1)  # a calibration without a smile does not divide by zero

    def _follow(self, time_s: float, relative: float, smile: float) -> tuple[Event, ...]:
        """Follow the reading with two levels, as silero-vad's VADIterator does.

        Either state ends with a reading beyond the far level that for hold_s is not taken back beyond the near one.
        """
        held_s = self.options.hold_s - ROUNDING_S
        if relative >= self.options.begin:
            self._start_s = time_s if self._start_s is None else self._start_s
            self._end_s = None
        elif relative < self.options.end:
            if not self._smiling:
                self._drop()
            elif self._end_s is None:
                self._end_s = time_s
        if self._start_s is None:
            return ()
        if self._end_s is not None:
            return self._ended() if time_s - self._end_s >= held_s else ()
        self._peak = max(self._peak, smile)
        if self._smiling or time_s - self._start_s < held_s:
            return ()
        self._smiling = True
        return self._event.begin(self._start_s, time_s, self._peak)

    def _ended(self) -> tuple[Event, ...]:
        assert self._end_s is not None
        ended = self._event.end(self._end_s, self._peak)
        self._drop()
        return ended

    def _eyes(self, *openness: float | None) -> float | None:
        seen = [value for value in openness if value is not None and value >= self.options.eyes_shut]
        if not seen:
            return None
        narrowed = self.options.eyes_open - sum(seen) / len(seen)
        return min(max(narrowed / (self.options.eyes_open - self.options.eyes_narrow), 0.0), 1.0)
