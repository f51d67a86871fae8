"""Yawns: the mouth opens slowly, stays wide for seconds, and neither speaks nor laughs."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer
from facetrack.types import Event


@dataclass(frozen=True, slots=True)
class YawnOptions:
    """Levels and times of yawns.

    begin, wide, end: levels of the mouth's openness (see `signals.mouth.openness`): above `begin` the mouth has
    begun to open, above `wide` it may yawn, below `end` it has stopped. `wide` is an opening of .34: 94 % of 95
    photographs of yawns are above it, none of 87 others (yawn_faces but the held-out ones). Speech opens it as far,
    but not for seconds. wide_s: how long it has to stay above `end` once it was `wide`. With the slow ways up and down
    this makes the gate of about 3 s of common practice; a yawn lasts some 6 s in the mean (Provine, Yawning as a
    stereotyped action pattern and releasing stimulus, Ethology 72, 1986). rise_s: the way from `begin` to `wide` takes
    at least that; a gape of surprise or a shout is there at once. longest_s: what stays open longer is no yawn: at the
    dentist's, or asleep. laughing, shut: means over the wide part of the network's `smile` and `mouth_open` from which
    on, and below which, it is a laugh, or the points are wrong. Of those photographs of yawns 91 % read less than .9 as
    a smile; 86 % of the smiles in genki4k read more, and few of them are wide open. Levels and times without a source
    are choices of this project.
    """

    begin: float = 0.2
    wide: float = 0.55
    end: float = 0.45
    wide_s: float = 2.0
    rise_s: float = 0.23
    longest_s: float = 15.0
    laughing: float = 0.9
    shut: float = 0.5


class Yawns:
    """Yawning or not, and a `yawn` event when one is over; amplitude: the widest openness.

    Between frames the openness is taken to run straight, so that the moments at which it passes a level hardly depend
    on the frame rate. `yawning` turns true wide_s after the mouth is wide; the event's start is where the mouth began
    to open. A mouth that is hidden (a hand before it), or that was open already when it came into view, is unknown:
    the yawn that may go on there is dropped, not guessed.
    """

    def __init__(self, track_id: int, options: YawnOptions | None = None) -> None:
        self.options, self._track_id = options or YawnOptions(), track_id
        self._gap_timer = GapTimer()
        self._event = LastingEvent("yawn", track_id)
        self.reset()

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on; returns the end of a yawn that was reported, the last moment it was seen."""
        ended = self._event.end(self._last_s, self._wide.peak if self._wide else None)
        self.reset()
        return ended

    def reset(self) -> None:
        """Equal to a new one."""
        self._gap_timer.reset()
        self._event.reset()
        self._last_s = 0.0
        self._before: float | None = None  # the last openness
        self._begin_s: float | None = None  # when the mouth began to open
        self._wide: _Wide | None = None

    def update(
        self,
        time_s: float,
        openness: float | None,
        speaking: bool | None = None,
        smile: float | None = None,
        mouth_open: float | None = None,
    ) -> tuple[bool | None, tuple[Event, ...]]:
        """Follow the next frame.

        openness: of `Mouth`, None where hidden or unknown. speaking: of `Speech`. smile, mouth_open: as the network
        reads them, None where it does not. Returns whether the person yawns (None while unknown) and what began or
        ended.
        """
        if openness is None:
            return None, self.interrupt()
        events: tuple[Event, ...] = ()
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            events = self.interrupt()
            self._gap_timer.step(time_s)
        if self._before is not None and step_s is not None:
            events += self._follow(time_s, openness, step_s)
        if self._wide is not None and step_s is not None:
            # Speech is known from a window that by now lies in the wide part alone.
            rhythm = bool(speaking) and time_s - self._wide.start_s >= self.options.wide_s - ROUNDING_S
            self._wide.see(openness, step_s, rhythm, smile, mouth_open)
        self._before, self._last_s = openness, time_s
        if self._begin_s is None and openness >= self.options.begin:
            return None, events  # how it came to be open was not seen
        yawning = self._wide is not None and self._wide.is_yawn(time_s, self.options)
        return yawning, (*events, *self._report(time_s, yawning))

    def _report(self, time_s: float, yawning: bool) -> tuple[Event, ...]:
        """Begin the event when `yawning` turns true, and end it at the latest when that turns false."""
        if self._wide is None or self._begin_s is None or not yawning:
            return self._event.end(time_s, self._wide.peak if self._wide else None)
        return self._event.begin(self._begin_s, time_s, self._wide.peak)

    def _follow(self, time_s: float, openness: float, step_s: float) -> tuple[Event, ...]:
        """Follow the openness from the last frame to this one, through the levels."""
        options, before = self.options, self._before
        assert before is not None

        def passed(level: float) -> float:
            return time_s - step_s * (openness - level) / (openness - before)

        events: tuple[Event, ...] = ()
        if before < options.begin <= openness:
            self._begin_s = passed(options.begin)
        if self._wide is not None and openness < options.end:
            events = self._close(passed(options.end))
        elif self._wide is None and before < options.wide <= openness and self._begin_s is not None:
            wide_s = passed(options.wide)
            self._wide = _Wide(wide_s, slow=wide_s - self._begin_s >= options.rise_s - ROUNDING_S)
        if openness < options.begin:
            self._begin_s = None
        return events

    def _close(self, end_s: float) -> tuple[Event, ...]:
        wide, begin_s = self._wide, self._begin_s
        self._wide = None
        if wide is None or begin_s is None or not wide.is_yawn(end_s, self.options):
            return self._event.end(end_s, wide.peak if wide else None)
        return (*self._event.begin(begin_s, end_s, wide.peak), *self._event.end(end_s, wide.peak))


class _Wide:
    """The wide part of what may be a yawn, and what speaks against it."""

    def __init__(self, start_s: float, slow: bool) -> None:
        self.start_s, self.peak = start_s, 0.0
        self._slow, self._spoken = slow, False
        self._smile, self._mouth_open = _Mean(), _Mean()

    def see(
        self, openness: float, step_s: float, speaking: bool, smile: float | None, mouth_open: float | None
    ) -> None:
        self.peak = max(self.peak, openness)
        self._spoken = self._spoken or speaking
        self._smile.add(smile, step_s)
        self._mouth_open.add(mouth_open, step_s)

    def is_yawn(self, now_s: float, options: YawnOptions) -> bool:
        laughed, is_open = self._smile.value, self._mouth_open.value
        return (
            self._slow
            and not self._spoken
            and options.wide_s - ROUNDING_S <= now_s - self.start_s <= options.longest_s
            and (laughed is None or laughed < options.laughing)
            and (is_open is None or is_open >= options.shut)
        )


class _Mean:
    """Mean over the time in which there was a value."""

    def __init__(self) -> None:
        self._sum = self._known_s = 0.0

    def add(self, value: float | None, seconds: float) -> None:
        if value is not None:
            self._sum += value * seconds
            self._known_s += seconds

    @property
    def value(self) -> float | None:
        return self._sum / self._known_s if self._known_s > 0.0 else None
