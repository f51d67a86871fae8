"""Augmentation of whole detector scenes: occlusion, low light, low contrast, blur, noise, compression."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from facetrack.types import Floats, Image
from facetrain.augment import webcam

Rng = np.random.Generator


def occlude(image: Image, faces: Sequence[Floats], share: float, rng: Rng) -> Image:
    """Occlude faces by a patch of one colour or of the scene itself, as by a mask, a hand, a cup or a frame.

    The patch hides up to a third of a face, or in two fifths of the cases one half of it.
    faces: boxes (4,) x0 y0 x1 y1 px. share: probability that a face is occluded.
    """
    out = image.copy()
    for box in faces:
        if rng.random() >= share:
            continue
        x0, y0, x1, y1 = _clip_to_image(_half(box, rng) if rng.random() < 0.4 else _patch(box, rng), image)
        out[y0:y1, x0:x1] = rng.integers(0, 256, 3)
        if rng.random() < 0.4:
            height, width = image.shape[:2]
            y, x = rng.integers(0, height - (y1 - y0) + 1), rng.integers(0, width - (x1 - x0) + 1)
            darker = image[y : y + y1 - y0, x : x + x1 - x0] * rng.uniform(0.3, 0.8)
            out[y0:y1, x0:x1] = darker.astype(np.uint8)
    return out


def _patch(box: Floats, rng: Rng) -> Floats:
    size = (box[2:] - box[:2]) * rng.uniform(0.25, 0.6, 2)
    middle = box[:2] + (box[2:] - box[:2]) * rng.uniform(0.1, 0.9, 2)
    return np.concatenate([middle - size / 2, middle + size / 2 + 1])


def _half(box: Floats, rng: Rng) -> Floats:
    """Return the upper, lower, left or right half of the face box, extended a little beyond its edges."""
    side = box[2:] - box[:2]
    patch = np.concatenate([box[:2] - 0.1 * side, box[2:] + 0.1 * side])
    edge = int(rng.integers(4))
    patch[edge] = ((box[:2] + box[2:]) / 2)[edge % 2] + rng.uniform(-0.1, 0.1) * side[edge % 2]
    return patch


def _clip_to_image(patch: Floats, image: Image) -> tuple[int, int, int, int]:
    """Return x0, y0, x1, y1 in whole px inside the image, at least one wide and high."""
    height, width = image.shape[:2]
    x0, y0 = np.clip(patch[:2], 0, [width - 1, height - 1]).astype(int)
    x1, y1 = np.clip(patch[2:], [x0 + 1, y0 + 1], [width, height]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def low_contrast(image: Image, rng: Rng) -> Image:
    """Reduce contrast towards the mean level, then brightness, as in old footage and dark rooms."""
    contrast, gain = rng.uniform(0.35, 0.8), rng.uniform(0.4, 1.0)
    return np.asarray(np.clip(gain * (contrast * image + (1 - contrast) * image.mean()), 0, 255), np.uint8)


def blur_cell(image: Image, cell: tuple[int, int, int, int], size_px: float, rng: Rng) -> None:
    """Blur one cell of a scene, in place, by up to a twentieth of the size of the face in it."""
    x0, y0, x1, y1 = cell
    view = image[y0:y1, x0:x1]
    view[:] = cv2.GaussianBlur(view, (0, 0), max(0.3, float(rng.uniform(0.01, 0.055)) * size_px))


def corrupt(image: Image, rng: Rng) -> Image:
    """Apply random webcam corruptions to the whole frame: light, colour, blur, low resolution, noise, JPEG."""
    if rng.random() < 0.5:
        image = webcam.colour_jitter(image, rng)
    if rng.random() < 0.12:
        image = np.clip(image * rng.uniform(0.12, 0.5), 0, 255).astype(np.uint8)  # low light
    if rng.random() < 0.15:
        image = webcam.grey(image)
    if rng.random() < 0.16:
        image = webcam.blur(image, rng)
    if rng.random() < 0.1:
        small = int(image.shape[0] * rng.uniform(0.45, 0.9))
        down = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(down, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    if rng.random() < 0.2:
        shape = image.shape if rng.random() < 0.6 else (*image.shape[:2], 1)  # colour noise, or grey noise
        noise = (rng.standard_normal(shape, np.float32) * rng.uniform(2, 25)).astype(np.int16)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        image = webcam.jpeg(image, int(rng.integers(25, 85)))
    return image
