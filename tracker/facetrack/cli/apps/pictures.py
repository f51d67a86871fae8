"""Annotated pictures on their way to a virtual camera."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facetrack.loops.live import Record


def open_virtual_camera(stack: ExitStack, device: str, size: tuple[int, int], fps: float | None) -> Record:
    """Return a writer of annotated frames to a virtual camera.

    device: its name, or "default". size: (width, height) px. The stack closes the camera. Raises FacetrackError.
    """
    from facetrack.sinks.pictures.virtual_camera import VirtualCameraSink

    return stack.enter_context(VirtualCameraSink(size, fps, None if device == "default" else device)).write
