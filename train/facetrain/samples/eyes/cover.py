"""What lies between an eye and the camera: hands and hair, dark glasses, frames, reflections."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facetrack.types import Floats, Image

Rng = np.random.Generator

HIDDEN, CLEAR = 0.75, 0.12
"""Share of the eye that is hidden from which it counts as covered, and up to which it does not."""


def overlay(image: Image, eye_px: float, rng: Rng) -> tuple[Image, float]:
    """Draw one thing over the middle of the crop; returns the picture and the share of the eye that it hides, 0..1.

    eye_px: width of the eye.
    """
    draw: Callable[[Image, float, Rng], tuple[Image, Floats]]
    draw = (_patch, _patch, _dark_lens, _dark_lens, _reflection, _reflection, _rim)[int(rng.integers(7))]
    out, opacity = draw(image, eye_px, rng)
    return out, float((opacity * eye_mask(image.shape[0], image.shape[1], eye_px)).sum())


def glints(image: Image, eye_px: float, rng: Rng) -> Image:
    """Draw one to three lamps mirrored in glasses or in the eye, as of an infrared camera: small, round and white."""
    rows, columns = image.shape[:2]
    mask = np.zeros((rows, columns), np.float32)
    for _ in range(int(rng.integers(1, 4))):
        x, y = np.array([columns, rows]) / 2 + rng.normal(0, (0.35 * eye_px, 0.2 * eye_px))
        # In sixteenths of a px: at this size a disc of whole ones is a square.
        centre, radius = (round(16 * x), round(16 * y)), round(16 * eye_px * float(rng.uniform(0.03, 0.09)))
        cv2.circle(mask, centre, radius, 1.0, -1, cv2.LINE_AA, 4)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 0.8))), np.float32)
    return _blend(image, np.full_like(image, 255, np.float32), mask * float(rng.uniform(0.8, 1.0)))[0]


def spectacles(image: Image, eye_px: float, rng: Rng) -> Image:
    """Draw glasses in front of an eye that can still be seen: a veiled lens, its frame, and mostly mirrored lamps.

    The veil takes contrast from the eye behind it, as stray light in a lens does.
    """
    lens = _shape(image, eye_px, rng, (1.3, 2.4), 0.12)
    colour = np.full_like(image, float(np.mean(image)) * float(rng.uniform(0.7, 1.4)), np.float32)
    out, _ = _blend(image, colour, lens * float(rng.uniform(0.0, 0.6)))
    if rng.random() < 0.7:
        out, _ = _rim(out, eye_px, rng)
    return glints(out, eye_px, rng) if rng.random() < 0.7 else out


def eye_mask(rows: int, columns: int, eye_px: float) -> Floats:
    """Return (rows, columns) weights of sum 1, even over the ellipse of an open eye in the middle."""
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    inside = ((x - (columns - 1) / 2) / (0.5 * eye_px)) ** 2 + ((y - (rows - 1) / 2) / (0.2 * eye_px)) ** 2 < 1
    return np.asarray(inside / max(int(inside.sum()), 1), np.float32)


def _blend(image: Image, colour: Floats, opacity: Floats) -> tuple[Image, Floats]:
    mixed = image + (colour - image) * opacity[..., None]
    return np.clip(mixed, 0, 255).astype(np.uint8), opacity


def _shape(image: Image, eye_px: float, rng: Rng, size: tuple[float, float], away: float) -> Floats:
    """Return the (H, W) opacity of a random ellipse or rectangle near the middle, its edge blurred.

    size: range of its sides in eye widths. away: standard deviation of its centre from the middle, in eye widths.
    """
    rows, columns = image.shape[:2]
    sides = rng.uniform(*size, 2) * eye_px
    middle = np.array([columns, rows]) / 2 + rng.normal(0, away * eye_px, 2)
    mask = np.zeros((rows, columns), np.float32)
    angle = float(rng.uniform(0, 180))
    if rng.random() < 0.5:
        cv2.ellipse(mask, (middle.tolist(), sides.tolist(), angle), 1.0, -1)
    else:
        corners = cv2.boxPoints((middle.tolist(), sides.tolist(), angle))
        cv2.fillConvexPoly(mask, corners.astype(np.int32), 1.0)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.4, 1.5))), np.float32)


def _patch(image: Image, eye_px: float, rng: Rng) -> tuple[Image, Floats]:
    """Draw a hand, hair or a cup: the crop's own colour, or any, with coarse or striped texture."""
    rows, columns = image.shape[:2]
    opacity = _shape(image, eye_px, rng, (0.3, 2.6), 0.4)
    own = image.reshape(-1, 3)[int(rng.integers(rows * columns))].astype(np.float32)
    colour = own * float(rng.uniform(0.6, 1.3)) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    cells = (int(rng.integers(1, 4)), int(rng.integers(2, 16)))  # stripes of hair are finer across than along
    texture = rng.normal(0, float(rng.uniform(2, 30)), (*cells, 1)).astype(np.float32)
    cover = colour + cv2.resize(texture, (columns, rows), interpolation=cv2.INTER_LINEAR).reshape(rows, columns, 1)
    return _blend(image, cover.astype(np.float32), opacity)


def _dark_lens(image: Image, eye_px: float, rng: Rng) -> tuple[Image, Floats]:
    """Draw a tinted lens with its rim; from an opacity of .9 the eye behind it cannot be made out."""
    inside = _shape(image, eye_px, rng, (1.5, 2.4), 0.1)
    opacity = inside * float(rng.choice([rng.uniform(0.3, 0.7), rng.uniform(0.9, 1.0)]))
    colour = rng.uniform(0, 45, 3) * rng.uniform(0.2, 1)
    rows, columns = image.shape[:2]
    shine = np.linspace(0, float(rng.uniform(0, 60)), rows, dtype=np.float32)[:, None, None]
    shine = shine[:: int(rng.choice([-1, 1]))]
    out, hidden = _blend(image, (colour + np.broadcast_to(shine, (rows, columns, 3))).astype(np.float32), opacity)
    return out, np.where(hidden > 0.85, hidden, 0.5 * hidden).astype(np.float32)


def _reflection(image: Image, eye_px: float, rng: Rng) -> tuple[Image, Floats]:
    """Draw a window or a lamp in glasses."""
    strong = rng.random() < 0.5
    opacity = _shape(image, eye_px, rng, (0.15, 1.8 if strong else 0.8), 0.35)
    opacity = opacity * float(rng.uniform(0.85, 1.0) if strong else rng.uniform(0.15, 0.6))
    colour = rng.uniform(190, 255) + rng.normal(0, 12, 3)
    out, hidden = _blend(image, np.broadcast_to(colour, image.shape).astype(np.float32), opacity)
    return out, np.where(hidden > 0.7, hidden, 0.5 * hidden).astype(np.float32)


def _rim(image: Image, eye_px: float, rng: Rng) -> tuple[Image, Floats]:
    """Draw the frame of glasses around the eye."""
    rows, columns = image.shape[:2]
    mask = np.zeros((rows, columns), np.float32)
    middle = np.array([columns, rows]) / 2 + rng.normal(0, 0.15 * eye_px, 2)
    sides = np.array([rng.uniform(1.3, 2.2), rng.uniform(0.7, 1.4)]) * eye_px
    cv2.ellipse(mask, (middle.tolist(), sides.tolist(), float(rng.normal(0, 6))), 1.0, int(rng.integers(1, 4)))
    colour = rng.uniform(0, 90, 3) if rng.random() < 0.8 else rng.uniform(90, 230, 3)
    out, _ = _blend(image, np.broadcast_to(colour, image.shape).astype(np.float32), 0.9 * mask)
    return out, np.zeros((rows, columns), np.float32)
