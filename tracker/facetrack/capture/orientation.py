"""Upright images from decoded frames: phones store the sensor's orientation and a display matrix to undo it."""

from __future__ import annotations

import cv2
import numpy as np
from av import VideoFrame

from facetrack.types import Image


def upright_image(frame: VideoFrame) -> Image:
    """Return the frame as (H, W, 3) uint8 BGR, rotated and mirrored by its display matrix."""
    image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    matrix = _display_matrix(frame)
    return image if matrix is None else _orient(image, matrix)


def is_turned(frame: VideoFrame) -> bool:
    """Return whether the upright image swaps width and height."""
    matrix = _display_matrix(frame)
    return matrix is not None and _swaps_axes(matrix)


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """Return a, b, c, d of FFmpeg's display matrix (libavutil/display.h): x' = a x + c y, y' = b x + d y, in 16.16."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5]  # type: ignore[call-overload]
    return int(a), int(b), int(c), int(d)


def _swaps_axes(matrix: tuple[int, int, int, int]) -> bool:
    a, b, _, _ = matrix
    return abs(b) > abs(a)


def _orient(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """Rotate to the nearest quarter turn: all eight orientations are a transposition and two flips."""
    a, b, c, d = matrix
    if _swaps_axes(matrix):
        image = np.asarray(cv2.transpose(image), dtype=np.uint8)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
