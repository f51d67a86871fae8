"""Signals drawn beside the faces: bars, the last seconds of the eyes, the level of fatigue, the expression.

Nothing of it covers a face: each panel is put where the frame has room for it, and left out where there is none.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facetrack.drawing.faces import (
    DARK,
    LEVEL_COLOURS,
    WHITE,
    Colour,
    draw_faces,
    identity_colour,
    text_size_px,
    text_width,
    write_text,
)
from facetrack.drawing.toasts import EventToasts, toast_plate
from facetrack.types import Event, Face, Image, Signals

SPARK_S = 5.0
"""Length of the sparkline."""
SPARK_GAP_S = 0.25
"""Between two readings: what lies between them is unknown (as in signals.windows.observed_time)."""

_GREY: Colour = (150, 150, 150)
_TRACK: Colour = (90, 86, 82)

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in px."""
Corner = tuple[int, int]
"""Top left, px."""


class OpennessHistory:
    """Openness of each face's eyes over the last seconds: the mean of the eyes that are known, None where none is."""

    def __init__(self, length_s: float = SPARK_S) -> None:
        self.length_s = length_s
        self.reset()

    def reset(self) -> None:
        self._of: dict[int, deque[tuple[float, float | None]]] = {}

    def update(self, faces: Sequence[Face], time_s: float) -> None:
        """Take the next frame's faces. A face that was gone for longer than the history is forgotten."""
        for face in faces:
            self._of.setdefault(face.track_id, deque()).append((time_s, eyes_openness(face.signals)))
        for track_id, samples in tuple(self._of.items()):
            while samples and time_s - samples[0][0] > self.length_s:
                samples.popleft()
            if not samples:
                del self._of[track_id]

    def of(self, track_id: int) -> list[tuple[float, float | None]]:
        """Return (time_s, openness) of a face in order of time."""
        return list(self._of.get(track_id, ()))


class SignalOverlay:
    """Draws the signals of one video's faces; feed it every frame that is shown, in order.

    Where no face is, a frame costs nothing; reset() is equal to a new one.
    """

    def __init__(self) -> None:
        self._toasts, self._history = EventToasts(), OpennessHistory()

    def reset(self) -> None:
        self._toasts.reset()
        self._history.reset()

    def annotated(
        self, image: Image, faces: Sequence[Face], events: Sequence[Event], time_s: float, *, mirrored: bool = False
    ) -> Image:
        """Return a copy of (H, W, 3) uint8 BGR with the faces and their signals drawn on it."""
        return self.draw(draw_faces(image, faces, mirrored=mirrored), faces, events, time_s, mirrored=mirrored)

    def draw(
        self, canvas: Image, faces: Sequence[Face], events: Sequence[Event], time_s: float, *, mirrored: bool = False
    ) -> Image:
        """Draw onto a canvas and return it.

        canvas: (H, W, 3) uint8 BGR, what `draw_faces` returned for the same faces with the same `mirrored`.
        events: what began or ended with this frame.
        """
        toasts = self._toasts.update(events, time_s)
        self._history.update(faces, time_s)
        placed = [(face, _shown_box(face, canvas.shape[1], mirrored)) for face in faces]
        placed = [(face, box) for face, box in placed if all(map(math.isfinite, box))]
        taken = [box for _, box in placed]
        size_px = text_size_px(canvas)
        taken += [_tag_room(box, size_px) for box in taken]
        for face, box in placed:
            _draw_level(canvas, box, face.signals.fatigue.level)
        for face, box in placed:  # the panels of all before any toast: toasts come and go, panels stay where they are
            history = self._history.of(face.track_id)
            panel = _panel(face, history, time_s, size_px, mirrored)
            if panel is not None:
                _put(canvas, panel, box, taken, size_px)
        for face, box in placed:
            if face.track_id in toasts:
                _put(canvas, toast_plate(toasts[face.track_id], size_px), box, taken, size_px, above=True)
        return canvas


@dataclass(frozen=True, slots=True)
class Bar:
    """name: as written beside it. value: 0..1, None if unknown."""

    name: str
    value: float | None


def bars(signals: Signals, mirrored: bool = False) -> list[Bar]:
    """Return the bars of the panel in its order: the eyes as they lie in the picture, mouth, smile."""
    right, left = Bar("eye R", signals.eyes.right.openness), Bar("eye L", signals.eyes.left.openness)
    eyes = [left, right] if mirrored else [right, left]
    return [*eyes, Bar("mouth", signals.mouth.openness), Bar("smile", signals.smile.prob)]


def bar_px(value: float, full_px: int) -> int:
    """Length of a bar whose full length is full_px; values beyond 0..1 are cut."""
    return round(full_px * min(1.0, max(0.0, value)))


def expression_text(signals: Signals) -> str:
    """Return the most probable expression, such as `happiness 87%`; "" where it is unknown."""
    name = signals.likeliest_expression
    return "" if name is None or signals.expression is None else f"{name} {signals.expression[name]:.0%}"


def eyes_openness(signals: Signals) -> float | None:
    """Mean of the eyes that are known."""
    known = [eye for eye in (signals.eyes.right.openness, signals.eyes.left.openness) if eye is not None]
    return sum(known) / len(known) if known else None


def free_place(
    size: tuple[int, int], wanted: Iterable[tuple[float, float]], taken: Sequence[Box], frame: tuple[int, int]
) -> Corner | None:
    """Return the first of the wanted corners at which a plate overlaps nothing; None if there is none.

    size, frame: (width, height) px. A corner may move along a frame's edge that the plate would stick out of.
    """
    width, height = size
    if width > frame[0] or height > frame[1]:
        return None
    for x, y in wanted:
        left, top = max(0, min(round(x), frame[0] - width)), max(0, min(round(y), frame[1] - height))
        if not any(x0 < left + width and left < x1 and y0 < top + height and top < y1 for x0, y0, x1, y1 in taken):
            return left, top
    return None


def _put(canvas: Image, plate: Image, box: Box, taken: list[Box], size_px: float, *, above: bool = False) -> None:
    """Blend a plate in where there is room beside the box, and add it to what is taken."""
    height, width = plate.shape[:2]
    frame = canvas.shape[1], canvas.shape[0]
    place = free_place((width, height), _beside(box, width, height, size_px, above), taken, frame)
    if place is None:
        return
    left, top = place
    part = canvas[top : top + height, left : left + width]
    ground = plate.max(axis=2, keepdims=True) == 0  # pure black: the ground of the plate, through which the frame shows
    dimmed = cv2.addWeighted(part, 0.32, np.full_like(part, DARK), 0.68, 0)
    part[:] = np.where(ground, dimmed, plate)
    taken.append((left, top, left + width, top + height))


def _beside(box: Box, width: int, height: int, size_px: float, above: bool) -> list[tuple[float, float]]:
    """Corners right of the box, below it, left of it; with `above` first those off its upper corners."""
    x0, y0, x1, y1 = box
    gap = round(size_px)
    right, left, over = x1 + gap, x0 - gap - width, y0 - 0.5 * size_px - height
    beside = [(right, y0), (right, y1 - height), (x0, y1 + gap), (left, y0), (left, y1 - height)]
    if above:
        return [(right, over), (left, over), *beside, (x0, over - 2.6 * size_px)]
    return beside


def _shown_box(face: Face, frame_width: int, mirrored: bool) -> Box:
    x0, y0, x1, y1 = (float(value) for value in face.box)
    return (frame_width - 1 - x1, y0, frame_width - 1 - x0, y1) if mirrored else (x0, y0, x1, y1)


def _tag_room(box: Box, size_px: float) -> Box:
    """Return the box in which draw_faces writes the identity."""
    left, top = max(0.0, box[0]), max(0.0, box[1] - 2.6 * size_px)
    return left, top, left + 2.8 * size_px, top + 2.2 * size_px


def _draw_level(canvas: Image, box: Box, level: str | None) -> None:
    """Corners around the box in the level's colour; none where it is not known."""
    if level not in LEVEL_COLOURS:
        return
    x0, y0, x1, y1 = (int(np.clip(value, -8192, 8191)) for value in box)
    margin, arm = 3, max(6, (x1 - x0) // 8)
    width = max(2, round((x1 - x0) / 120))
    for x, right in ((x0 - margin, 1), (x1 + margin, -1)):
        for y, down in ((y0 - margin, 1), (y1 + margin, -1)):
            corner = np.array([[x + right * arm, y], [x, y], [x, y + down * arm]], np.int32)
            cv2.polylines(canvas, [corner], False, DARK, width + 2, cv2.LINE_AA)
            cv2.polylines(canvas, [corner], False, LEVEL_COLOURS[level], width, cv2.LINE_AA)


def _panel(
    face: Face, history: Sequence[tuple[float, float | None]], time_s: float, size_px: float, mirrored: bool
) -> Image | None:
    """Level, expression, bars and sparkline of one face on black; None where nothing of it is known."""
    shown, fatigue = bars(face.signals, mirrored), face.signals.fatigue
    level = fatigue.level
    expression = expression_text(face.signals)
    if level is None and not expression and all(bar.value is None for bar in shown):
        return None
    pad, row = round(0.6 * size_px), round(1.5 * size_px)
    small_px = 0.85 * size_px
    names_px = max(text_width(bar.name, small_px) for bar in shown) + pad
    full_px, spark_px = round(5 * size_px), round(2.4 * size_px)
    width = names_px + full_px + 2 * pad
    height = 2 * pad + row * (len(shown) + bool(level) + bool(expression)) + spark_px
    plate = np.zeros((height, width, 3), np.uint8)
    top = pad
    if level:
        label = level if fatigue.score is None else f"{level} {fatigue.score:.0%}"
        write_text(plate, label, (pad, top), small_px, LEVEL_COLOURS.get(level, WHITE))
        top += row
    if expression:
        write_text(plate, expression, (pad, top), small_px, WHITE)
        top += row
    for bar in shown:
        write_text(plate, bar.name, (pad, top), small_px, _GREY if bar.value is None else WHITE)
        _draw_bar(plate, bar, (pad + names_px, top), full_px, round(small_px), face.track_id)
        top += row
    _draw_spark(plate, history, time_s, (pad, top, width - pad, top + spark_px), identity_colour(face.track_id))
    return plate


def _draw_bar(plate: Image, bar: Bar, corner: Corner, full_px: int, thick_px: int, track_id: int) -> None:
    """Draw the filled part of a track; an unknown value is a thin line along the track's middle."""
    left, top = corner
    if bar.value is None:
        middle = top + thick_px // 2
        plate[middle : middle + 1, left : left + full_px] = _GREY
        return
    plate[top : top + thick_px, left : left + full_px] = _TRACK
    plate[top : top + thick_px, left : left + bar_px(bar.value, full_px)] = identity_colour(track_id)


def _draw_spark(
    plate: Image, samples: Sequence[tuple[float, float | None]], time_s: float, area: tuple[int, int, int, int],
    colour: Colour,
) -> None:  # fmt: skip
    """Draw openness over the last SPARK_S, now at the right; broken where it is unknown."""
    x0, y0, x1, y1 = area
    plate[y1 - 1, x0:x1] = _TRACK
    for run in known_runs(samples):
        x = [x1 - 1 - (time_s - at_s) / SPARK_S * (x1 - 1 - x0) for at_s, _ in run]
        y = [y1 - 2 - bar_px(value, y1 - 3 - y0) for _, value in run]
        line = np.round(np.stack([x, y], axis=1)).astype(np.int32)
        cv2.polylines(plate, [line], False, colour, 1, cv2.LINE_AA)


def known_runs(samples: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Stretches of known values without a gap in time."""
    runs: list[list[tuple[float, float]]] = []
    last_s = -math.inf
    for at_s, value in samples:
        if value is None:
            last_s = -math.inf
            continue
        if at_s - last_s > SPARK_GAP_S:
            runs.append([])
        runs[-1].append((at_s, value))
        last_s = at_s
    return runs
