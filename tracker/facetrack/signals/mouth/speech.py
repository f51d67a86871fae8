"""Speech by the rhythm of the mouth alone."""

from __future__ import annotations

from dataclasses import dataclass

from facetrack.signals.windows.lasting import LastingEvent
from facetrack.signals.windows.observed_time import ROUNDING_S, GapTimer, TimeWeightedWindow
from facetrack.signals.windows.reversals import Reversals
from facetrack.types import Event


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """Rhythm of speech.

    slowest_hz, fastest_hz: the area of a talking mouth's opening is modulated at 2 to 7 Hz, the rate of syllables
    (Chandrasekaran, Trubanova, Stillittano, Caplier and Ghazanfar, The natural statistics of audiovisual speech, PLoS
    Comput Biol 2009). Chewing, at 1 to 2 Hz and mostly with closed lips, is slower.

    min_swing: of the opening (see `mouth_opening`), over what noise does to a still mouth. window_s: of the rhythm.
    begin_share, end_share: of that window in swings of a syllable's length, to begin and to end. Low, since even a
    speaker's mouth does so a third of the time only (podium_kh: long vowels and pauses), and far apart, so that pauses
    between words do not cut a sentence; one bite or one word alone stays below.
    min_s: shortest speech that is reported as an event. All choices of this project.
    """

    slowest_hz: float = 2.0
    fastest_hz: float = 7.0
    min_swing: float = 0.05
    window_s: float = 2.0
    begin_share: float = 0.3
    end_share: float = 0.1
    min_s: float = 1.0


class Speech:
    """Speaking or not: the share of the last window in which the mouth swung open or shut at a syllable's pace.

    A mouth held open or closed does not swing, a yawn or a bite swings too slowly. Silent lip movements of that rhythm
    (singing along, reading with moving lips, some laughter) count as speech, too. Known after a window of
    known time; late by some .6 s as speech begins and 1.8 s as it ends, while the event's own times are those of its
    first and last swing. Event `speech`: no amplitude.
    """

    def __init__(self, track_id: int, options: SpeechOptions | None = None) -> None:
        self.options, self._track_id = options or SpeechOptions(), track_id
        self._gap_timer = GapTimer()
        self._swings = Reversals(self.options.min_swing, still_s=1.0 / self.options.slowest_hz)
        self._window = TimeWeightedWindow(self.options.window_s)
        self._event = LastingEvent("speech", track_id)
        self.reset()

    def interrupt(self) -> tuple[Event, ...]:
        """Drop what goes on; returns the end of a speech that was reported, its last swing."""
        ended = self._event.end(self._last_s)
        self._forget()
        return ended

    def _forget(self) -> None:
        self._swings.reset()
        self._window.reset()
        self._since_s = self._last_s = 0.0
        self._start_s: float | None = None

    def reset(self) -> None:
        """Equal to a new one."""
        self._gap_timer.reset()
        self._event.reset()
        self._forget()

    def update(self, time_s: float, opening: float | None) -> tuple[bool | None, tuple[Event, ...]]:
        """Follow the next frame.

        opening: the mouth's aspect ratio where it is not hidden, None where unknown. Returns whether the person speaks
        (None while unknown) and what began or ended.
        """
        if opening is None:
            self._gap_timer.reset()
            return None, self.interrupt()
        events: tuple[Event, ...] = ()
        step_s = self._gap_timer.step(time_s)
        if step_s is None:
            events = self.interrupt()
            self._since_s = time_s
        self._swing(time_s, opening, step_s or 0.0)
        self._window.advance(time_s)
        if time_s - self._since_s < self.options.window_s - ROUNDING_S:
            return None, events
        share = self._window.true_s / self.options.window_s
        if self._start_s is None and share >= self.options.begin_share:
            self._start_s = self._window.first_s
        events += self._begin()
        if self._start_s is not None and share < self.options.end_share:
            self._start_s = None
            events += self._event.end(self._last_s)
        return self._start_s is not None, events

    def _begin(self) -> tuple[Event, ...]:
        """Report speech once its swings span min_s."""
        if self._start_s is None or self._last_s - self._start_s < self.options.min_s:
            return ()
        return self._event.begin(self._start_s, since_s=self._last_s)

    def _swing(self, time_s: float, opening: float, step_s: float) -> None:
        swing = self._swings.update(time_s, opening)
        if swing is None:
            return
        # Half a step of grace: at 10 frames a second a swing is only known to that.
        shortest_s, longest_s = 0.5 / self.options.fastest_hz, 0.5 / self.options.slowest_hz + step_s / 2.0
        if shortest_s <= swing.end.time_s - swing.start.time_s <= longest_s:
            self._window.add(swing.start.time_s, swing.end.time_s, True)
            self._last_s = swing.end.time_s
