"""Faces drawn onto a picture: landmarks, identity, head axes; figures in the corner; sheets of many pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.drawing.rays import gaze_rays
from facetrack.topology import EDGES, NOSE_TIP
from facetrack.types import Face, Image, Landmarks, Pose

Colour = tuple[int, int, int]

IDENTITY_COLOURS: tuple[Colour, ...] = (
    (255, 213, 79),
    (102, 255, 128),
    (79, 176, 255),
    (230, 130, 255),
    (120, 250, 255),
    (255, 160, 110),
    (170, 255, 210),
    (150, 150, 255),
)
"""BGR; light and saturated, distinct on skin, and each drawn over a dark rim that carries it on bright ground."""

DARK: Colour = (24, 20, 16)
WHITE: Colour = (245, 245, 245)
LEVEL_COLOURS: dict[str, Colour] = {"alert": (120, 220, 90), "tired": (60, 190, 255), "drowsy": (80, 80, 255)}
"""BGR: green, amber, red. The level is written as a word, too: many people confuse red and green."""
_AXIS_COLOURS: tuple[Colour, ...] = ((70, 70, 255), (80, 220, 80), (255, 140, 60))
"""x red, y green, z blue, as 3-D programs have it."""

_RAY_COLOUR: Colour = (70, 230, 255)
RIM_FROM_PX = 140
"""Faces smaller than this get thin lines alone: rims and dots would cover the eyes that they mark."""
AXES_FROM_PX = 40
HIDDEN_BELOW = 0.5
"""Visibility below which a point counts as occluded: its dot is hollow, its lines are faint."""

FAINT = 0.4
"""Opacity of the lines to occluded points."""
_FONT = cv2.FONT_HERSHEY_DUPLEX
_FONT_CAP_PX = 22.0
"""Height of this font's capitals at scale 1 (measured; cv2.getTextSize says 21 in OpenCV 4, 28 in OpenCV 5)."""
_SHIFT = 4
"""OpenCV draws at sub-pixel places given as fixed point: 4 bits, a sixteenth of a pixel."""


def draw_faces(
    image: Image, faces: Sequence[Face], *, labels: bool = True, axes: bool = True, mirrored: bool = False,
    points: bool = True, gaze: bool = True,
) -> Image:  # fmt: skip
    """Return a copy of the image with the faces drawn on it.

    image: (H, W, 3) uint8 BGR, not changed. labels: write each face's identity. axes: draw the head's axes at the nose
    where the pose is known. mirrored: turn the result left to right, as in a mirror; labels stay readable. points: draw
    them and the lines between them. gaze: draw a ray from each eye that the gaze is read from.
    """
    canvas = image.copy()
    for face in faces:
        if points:
            _draw_mesh(canvas, face.landmarks, identity_colour(face.track_id))
        if axes and face.pose is not None:
            _draw_axes(canvas, face, face.pose)
        if gaze:
            _draw_rays(canvas, face)
    if mirrored:
        canvas = np.ascontiguousarray(canvas[:, ::-1])
    if labels:
        for face in faces:
            _draw_label(canvas, face, mirrored)
    return canvas


def draw_overlay(image: Image, fps: float | None, latency_ms: float | None = None, dropped: int | None = None) -> Image:
    """Return a copy of the image with the figures in the top left corner; what is None is left out."""
    parts = [f"{fps:.0f} fps"] if fps is not None else []
    parts += [f"{latency_ms:.0f} ms"] if latency_ms is not None else []
    parts += [f"{dropped} dropped"] if dropped is not None else []
    canvas = image.copy()
    if parts:
        size_px = text_size_px(image)
        _write_on_plate(canvas, "   ".join(parts), (size_px * 0.7, size_px * 0.7), size_px, WHITE)
    return canvas


def contact_sheet(
    images: Sequence[Image], *, columns: int = 4, cell_width: int = 480, titles: Sequence[str] | None = None
) -> Image:
    """Many pictures as one, row by row, each fitted into a cell of the first one's shape.

    cell_width: px. titles: one per picture, written into its lower left corner.
    """
    if not images:
        raise ValueError("A contact sheet needs at least one picture.")
    height = max(1, round(cell_width * images[0].shape[0] / images[0].shape[1]))
    columns = min(columns, len(images))
    gap = max(2, cell_width // 80)
    rows = math.ceil(len(images) / columns)
    sheet = np.full((rows * (height + gap) + gap, columns * (cell_width + gap) + gap, 3), DARK, np.uint8)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        cell = _cell(image, (cell_width, height), titles[index] if titles else "")
        top, left = gap + row * (height + gap), gap + column * (cell_width + gap)
        sheet[top : top + height, left : left + cell_width] = cell
    return sheet


def identity_colour(track_id: int) -> Colour:
    """BGR; one identity keeps its colour, and neighbours in number differ."""
    return IDENTITY_COLOURS[(track_id - 1) % len(IDENTITY_COLOURS)]


def _draw_mesh(canvas: Image, landmarks: Landmarks, colour: Colour) -> None:
    """Lines with a dark rim below them, then dots; all as thick as the face is large. Occluded ones first and faint."""
    points, visibility = landmarks.points, landmarks.visibility
    known = np.asarray(np.isfinite(points).all(axis=1))
    seen = known if visibility is None else np.logical_and(known, ~(visibility < HIDDEN_BELOW))
    size_px = _face_size_px(points)
    width, large = max(1, round(size_px / 160)), size_px >= RIM_FROM_PX
    lines = [(a, b) for a, b in EDGES if known[a] and known[b]]
    faint = [_fixed(points[[a, b]]) for a, b in lines if not (seen[a] and seen[b])]
    if faint:
        layer = canvas.copy()
        _draw_lines(layer, faint, colour, width, rim=False)
        cv2.addWeighted(layer, FAINT, canvas, 1.0 - FAINT, 0.0, dst=canvas)
    _draw_lines(canvas, [_fixed(points[[a, b]]) for a, b in lines if seen[a] and seen[b]], colour, width, rim=large)
    if large:
        for centre in _fixed(points[seen]):
            _draw_dot(canvas, centre, size_px / 130)
        for x, y in _fixed(points[known & ~seen]).tolist():
            radius = round(size_px / 130 * 2**_SHIFT)
            cv2.circle(canvas, (x, y), radius, WHITE, max(1, round(size_px / 400)), cv2.LINE_AA, _SHIFT)


def _draw_lines(canvas: Image, lines: list[NDArray[np.int32]], colour: Colour, width: int, rim: bool) -> None:
    if rim:
        cv2.polylines(canvas, lines, False, DARK, width + 2, cv2.LINE_AA, _SHIFT)
    cv2.polylines(canvas, lines, False, colour, width, cv2.LINE_AA, _SHIFT)


def _draw_dot(canvas: Image, centre: NDArray[np.int32], radius: float) -> None:
    x, y = int(centre[0]), int(centre[1])
    cv2.circle(canvas, (x, y), round((radius + 0.8) * 2**_SHIFT), DARK, -1, cv2.LINE_AA, _SHIFT)
    cv2.circle(canvas, (x, y), round(radius * 2**_SHIFT), WHITE, -1, cv2.LINE_AA, _SHIFT)


def _draw_axes(canvas: Image, face: Face, pose: Pose) -> None:
    """Draw the head's own axes at the nose tip, without perspective: to its left, up, and out of the face."""
    points = face.landmarks.points
    if not np.isfinite(points[NOSE_TIP]).all() or not np.isfinite(pose.rotation).all():
        return
    size_px = _face_size_px(points)
    if size_px < AXES_FROM_PX:
        return
    length, width = 0.35 * size_px, max(1, round(size_px / 90))
    directions = pose.rotation @ np.diag(
        [1.0, -1.0, -1.0]
    )  # columns; camera axes have y down and z away from the camera
    for axis in np.argsort(-directions[2]):  # what points away first, what comes towards the viewer over it
        tip = points[NOSE_TIP] + length * directions[:2, axis]
        line = _fixed(np.stack([points[NOSE_TIP], tip]))
        _draw_lines(canvas, [line], _AXIS_COLOURS[axis], width, rim=size_px >= RIM_FROM_PX)


def _draw_rays(canvas: Image, face: Face) -> None:
    size_px = _face_size_px(face.landmarks.points)
    if lines := [_fixed(line) for line in gaze_rays(face, size_px)]:
        _draw_lines(canvas, lines, _RAY_COLOUR, max(1, round(size_px / 90)), rim=size_px >= RIM_FROM_PX)


def _draw_label(canvas: Image, face: Face, mirrored: bool) -> None:
    x0, y0, x1, _ = (float(value) for value in face.box)
    if not all(map(math.isfinite, (x0, y0, x1))):
        return
    if mirrored:
        x0 = canvas.shape[1] - 1 - x1
    size_px = text_size_px(canvas)
    _write_on_plate(canvas, str(face.track_id), (x0, y0 - 2.6 * size_px), size_px, identity_colour(face.track_id))


def _write_on_plate(canvas: Image, text: str, corner: tuple[float, float], size_px: float, colour: Colour) -> None:
    """Text on a darkened plate, moved inside the picture where it would stick out. corner: the plate's top left, px."""
    pad = round(size_px * 0.5)
    plate_width, plate_height = text_width(text, size_px) + 2 * pad, round(size_px) + 2 * pad
    left = max(0, min(round(corner[0]), canvas.shape[1] - plate_width))
    top = max(0, min(round(corner[1]), canvas.shape[0] - plate_height))
    plate = canvas[top : top + plate_height, left : left + plate_width]
    plate[:] = cv2.addWeighted(plate, 0.35, np.full_like(plate, DARK), 0.65, 0)
    write_text(canvas, text, (left + pad, top + pad), size_px, colour)


def text_width(text: str, size_px: float) -> int:
    """Return the width in px of what `write_text` writes; size_px: height of capitals."""
    return int(cv2.getTextSize(text, _FONT, size_px / _FONT_CAP_PX, _stroke_px(size_px))[0][0])


def write_text(canvas: Image, text: str, corner: tuple[int, int], size_px: float, colour: Colour) -> None:
    """Text whose capitals have their top left at corner, px."""
    baseline = corner[0], corner[1] + round(size_px)
    cv2.putText(canvas, text, baseline, _FONT, size_px / _FONT_CAP_PX, colour, _stroke_px(size_px), cv2.LINE_AA)


def _stroke_px(size_px: float) -> int:
    return max(1, round(size_px / 14))


def _cell(image: Image, size: tuple[int, int], title: str) -> Image:
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    shape = max(1, min(width, round(image.shape[1] * scale))), max(1, min(height, round(image.shape[0] * scale)))
    small = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    cell = np.full((height, width, 3), DARK, np.uint8)
    top, left = (height - shape[1]) // 2, (width - shape[0]) // 2
    cell[top : top + shape[1], left : left + shape[0]] = small
    if title:
        _write_on_plate(cell, title, (0, height), max(9.0, width / 40), WHITE)
    return cell


def _face_size_px(points: NDArray[np.floating]) -> float:
    """Return the longer side of the points' extent, px; unknown points are left out."""
    known = points[np.isfinite(points).all(axis=1)]
    return float(np.ptp(known, axis=0).max()) if len(known) else 0.0


def text_size_px(image: Image) -> float:
    """Height of capitals: legible on a phone's video as on 4K."""
    return max(9.0, min(image.shape[:2]) / 45)


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """OpenCV's fixed point, kept small enough for it: a point far off the picture still gives its line a direction."""
    return np.round(np.clip(points, -8192, 16383) * 2**_SHIFT).astype(np.int32)
