"""Lids that rest low: lowered over a look down, or narrowed by a squint or a laugh."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.eyes.closure import LidFrame, between
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import ROUNDING_S
from facetrack.types import Event
from facetrack.types.signals import LIDS

OPEN, NARROWED, LOWERED, SHUT = LIDS


@dataclass(frozen=True, slots=True)
class LoweredOptions:
    """Thresholds of lids that rest low, in openness.

    low_below, open_above: where they begin to be low and where they are open again, apart so that noise at one of
        them flickers nothing. rests_s: low for so long without being shut is a way to hold the lids and no blink.
    gaze_down_deg, pitch_down_deg: the eyes lower in the head, or the head lower, by so much looks down (in the clips
        the iris lies 6 to 10 degrees lower in lowered eyes, 3 to 4 in a squint). smiles: a smile narrows the eyes,
        whatever the head does beside it.
    Levels without a source are choices of this project.
    """

    low_below: float = 0.65
    open_above: float = 0.7
    rests_s: float = 0.5
    gaze_down_deg: float = 5.0
    pitch_down_deg: float = 8.0
    smiles: float = 0.7


class Lowered:
    """State of lids that rest low, and the event "eyes_down".

    state: None while they do not; else LOWERED or NARROWED. Lowered are lids that came down slowly as far as shut ones
    (whoever calls says so), and those that rest low while for half of that time the network calls them lowered, the
    iris lies low, or the head is held low. Once lowered they stay so until the eyes open. All else is narrowed.
    "eyes_down" begins once the lids are known to be lowered, from when they began to fall, and ends as they are open
    again, or where they are lost. amplitude: the way from open. Delay: rests_s.
    """

    def __init__(self, track_id: int, options: LoweredOptions | None = None) -> None:
        self.options = options or LoweredOptions()
        self._event = LastingEvent("eyes_down", track_id)
        self.reset()

    def reset(self) -> None:
        """Equal to a new one."""
        self._event.reset()
        self._last: tuple[float, float] | None = None
        self._clear()

    def _clear(self) -> None:
        self.state: str | None = None
        self.since_s: float | None = None  # when the lids fell low
        self._rests_from_s = 0.0
        self._known_s = self._down_s = 0.0
        self._least = 1.0

    def lose(self) -> tuple[Event, ...]:
        """Drop what goes on, the eyes being lost; returns the end of what was reported, the last known moment."""
        ended = self._event.end(self._last[0], 1.0 - self._least) if self._last is not None else ()
        self._last = None
        self._clear()
        return ended

    def update(self, frame: LidFrame, openness: float, shut: bool, slow: bool) -> tuple[Event, ...]:
        """Follow the next frame.

        openness: of the more open eye. shut: whether the lids are shut or blinking beyond doubt. slow: whether they
        have come as far down as shut ones and took their time.
        """
        last, self._last = self._last, (frame.time_s, openness)
        if self.since_s is None:
            if openness >= self.options.low_below:
                return ()
            self.since_s = self._rests_from_s = frame.time_s if last is None else between(
                last, self._last, self.options.low_below
            )  # fmt: skip
        elif openness >= self.options.open_above:
            ended = self._event.end(between(last or self._last, self._last, self.options.open_above), 1.0 - self._least)
            self._clear()
            return ended
        self._least = min(self._least, openness)
        step_s = 0.0 if last is None else frame.time_s - last[0]
        if shut and self.state is None:
            self._rests_from_s = frame.time_s
            return ()
        self._known_s += step_s
        if self._looks_down(frame):
            self._down_s += step_s
        return self._judge(frame, slow)

    def _judge(self, frame: LidFrame, slow: bool) -> tuple[Event, ...]:
        rests = frame.time_s - self._rests_from_s >= self.options.rests_s - ROUNDING_S
        if slow and not self._smiles(frame):
            self.state = LOWERED
        elif rests and self.state != LOWERED:
            self.state = LOWERED if 2.0 * self._down_s >= self._known_s > 0.0 else NARROWED
        if self.state != LOWERED or self.since_s is None or not rests:
            return ()
        return self._event.begin(self.since_s, frame.time_s, 1.0 - self._least)

    def _looks_down(self, frame: LidFrame) -> bool:
        options = self.options
        if frame.lowered is not None and frame.lowered >= 0.5:
            return True
        if frame.gaze_down_deg is not None and frame.gaze_down_deg >= options.gaze_down_deg:
            return True
        low_head = frame.pitch_deg is not None and frame.pitch_deg <= -options.pitch_down_deg
        return low_head and not self._smiles(frame)

    def _smiles(self, frame: LidFrame) -> bool:
        return frame.smile is not None and frame.smile >= self.options.smiles
