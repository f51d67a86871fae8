"""What just happened to a face, as a few words that stand there for a moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facetrack.drawing.faces import LEVEL_COLOURS, WHITE, text_width, write_text
from facetrack.types import Event, Image

GRAVE = ("microsleep", "long_closure", "nod_off", "distraction")
"""Events drawn in the colour of drowsiness."""


class EventToasts:
    """What ended a moment ago. window_s: how long each event stays, from its end on."""

    MAX_SHOWN = 3
    """Of one face, the latest: more could not be read in that time."""

    def __init__(self, window_s: float = 1.5) -> None:
        self.window_s = window_s
        self.reset()

    def reset(self) -> None:
        self._told: list[tuple[Event, float]] = []

    def update(self, events: Sequence[Event], time_s: float) -> dict[int, list[Event]]:
        """events: those of the frame at time_s. What to show in this frame, by track_id, oldest first.

        An event is told some .1 s after its end, or later, so its time on the screen counts from when it was told.
        """
        self._told = [(event, told_s) for event, told_s in self._told if time_s - told_s < self.window_s]
        self._told += [(event, time_s) for event in events]
        shown: dict[int, list[Event]] = {}
        for event, _ in self._told:
            shown.setdefault(event.track_id, []).append(event)
        return {track_id: list_[-self.MAX_SHOWN :] for track_id, list_ in shown.items()}


def toast_text(event: Event) -> str:
    """`glance away 2.1 s`"""
    return f"{event.kind.replace('_', ' ')} {event.end_s - event.start_s:.1f} s"


def toast_plate(events: Sequence[Event], size_px: float) -> Image:
    """One line for each event, the latest at the bottom, on black."""
    texts = [toast_text(event) for event in events]
    pad, row = round(0.5 * size_px), round(1.6 * size_px)
    width = max(text_width(text, size_px) for text in texts) + 2 * pad
    plate = np.zeros((row * len(texts) + pad, width, 3), np.uint8)
    for index, (event, text) in enumerate(zip(events, texts, strict=True)):
        colour = LEVEL_COLOURS["drowsy"] if event.kind in GRAVE else WHITE
        write_text(plate, text, (pad, pad + index * row), size_px, colour)
    return plate
