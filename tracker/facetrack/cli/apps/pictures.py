"""Annotated pictures on their way to a virtual camera, beside a recording."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from facetrack.loops.live import Record

if TYPE_CHECKING:
    from facetrack.types import Image


def with_virtual_camera(
    stack: ExitStack, device: str, size: tuple[int, int], fps: float | None, recording: Record | None
) -> Record:
    """Return a writer of annotated frames to a virtual camera, and to the recording if there is one.

    device: its name, or "default". size: (width, height) px. The stack closes the camera. Raises FacetrackError.
    """
    from facetrack.sinks.virtual_camera import VirtualCameraSink

    sink = stack.enter_context(VirtualCameraSink(size, fps, None if device == "default" else device))

    def write(picture: Image, time_s: float) -> None:
        sink.write(picture, time_s)
        if recording is not None:
            recording(picture, time_s)

    return write
