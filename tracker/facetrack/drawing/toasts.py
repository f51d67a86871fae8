"""Toasts: events of a face as a few words that are shown for a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetrack.drawing.faces import LEVEL_COLOURS, WHITE, text_width, write_text
from facetrack.types import Event, Image
from facetrack.types.text import duration_text

GRAVE = ("microsleep", "long_closure", "nod_off", "distraction")
"""Alarms: shown from their beginning on, for as long as they last, in the colour of drowsiness."""


class EventToasts:
    """The events that ended a moment ago, and the alarms that last.

    window_s: how long each event stays once it was reported to have ended.
    """

    MAX_SHOWN = 3
    """Toasts of one face, the latest: more could not be read in that time."""

    def __init__(self, window_s: float = 1.5) -> None:
        self.window_s = window_s
        self.reset()

    def reset(self) -> None:
        self._ended: list[tuple[Event, float]] = []  # with the time at which it was reported
        self._lasting: list[Event] = []

    def update(self, events: Sequence[Event], time_s: float) -> dict[int, list[Event]]:
        """Return what to show in this frame by track_id, oldest first.

        events: those of the frame at time_s. An event is reported some .1 s after its end, or later, so its time on
        the screen counts from the report.
        """
        self._ended = [(event, at_s) for event, at_s in self._ended if time_s - at_s < self.window_s]
        for event in events:
            if event.is_over:
                self._lasting = [e for e in self._lasting if not _is_same(e, event)]
                self._ended.append((event, time_s))
            elif event.kind in GRAVE:
                self._lasting.append(event)
        shown: dict[int, list[Event]] = {}
        for event in (*(event for event, _ in self._ended), *self._lasting):
            shown.setdefault(event.track_id, []).append(event)
        return {track_id: list_[-self.MAX_SHOWN :] for track_id, list_ in shown.items()}


def _is_same(began: Event, ended: Event) -> bool:
    """Return whether both are reports of one event."""
    return (began.kind, began.track_id, began.since_s) == (ended.kind, ended.track_id, ended.since_s)


def toast_text(event: Event) -> str:
    """Text such as `glance away 2.1 s` and `blink 46 ms`; of one that lasts the kind alone."""
    kind = event.kind.replace("_", " ")
    return f"{kind} {duration_text(event.duration_s)}" if event.is_over else kind


def toast_plate(events: Sequence[Event], size_px: float) -> Image:
    """Draw one line for each event, the latest at the bottom, on black."""
    texts = [toast_text(event) for event in events]
    pad, row = round(0.5 * size_px), round(1.6 * size_px)
    width = max(text_width(text, size_px) for text in texts) + 2 * pad
    plate = np.zeros((row * len(texts) + pad, width, 3), np.uint8)
    for index, (event, text) in enumerate(zip(events, texts, strict=True)):
        colour = LEVEL_COLOURS["drowsy"] if event.kind in GRAVE else WHITE
        write_text(plate, text, (pad, pad + index * row), size_px, colour)
    return plate
