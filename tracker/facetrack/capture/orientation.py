"""Orientation of decoded frames: phones store the sensor's and a display matrix to undo it."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import SideDataContainer

from facetrack.types import Image

Matrix: TypeAlias = tuple[int, int, int, int]
"""a, b, c, d of FFmpeg's display matrix (libavutil/display.h): x' = a x + c y, y' = b x + d y, in 16.16."""


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """Return the frame's display matrix, None without one."""
    # Not frame.side_data: that refers back to the frame, which then keeps its memory until the cycle is collected.
    try:
        data = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
    except ValueError:  # a kind of side data that is newer than this PyAV
        data = None
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5]
    return int(a), int(b), int(c), int(d)


def swaps_axes(matrix: Matrix) -> bool:
    """Return whether the upright picture swaps width and height."""
    a, b, _, _ = matrix
    return abs(b) > abs(a)


def orient(image: Image, matrix: Matrix) -> Image:
    """Rotate to the nearest quarter turn: all eight orientations are a transposition and two flips."""
    a, b, c, d = matrix
    if swaps_axes(matrix):
        image = np.asarray(cv2.transpose(image), dtype=np.uint8)
        flip_x, flip_y = c < 0, b < 0
    else:
        flip_x, flip_y = a < 0, d < 0
    return np.ascontiguousarray(image[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
