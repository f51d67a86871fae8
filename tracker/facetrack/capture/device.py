"""Grabber of a local camera, through OpenCV with an explicit backend."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from facetrack.errors import SourceError
from facetrack.types import Image

# Never CAP_ANY: if the requested camera does not respond, it silently opens another one (emgucv#884).
_BACKENDS = {
    "linux": (cv2.CAP_V4L2,),
    "darwin": (cv2.CAP_AVFOUNDATION,),
    "win32": (cv2.CAP_DSHOW, cv2.CAP_MSMF),
}

BAD_PICTURES_IN_A_ROW = 10
"""Consecutive undecodable frames that count as a fault; single ones are normal, above all the first."""


class DeviceGrabber:
    """Grabber of a local camera: 0, 1, ... or /dev/video0.

    width, height (px), fps: requested; the camera chooses the nearest it supports.
    Raises SourceError when the camera is missing, not permitted, busy, or stops.
    """

    def __init__(
        self,
        device: int | str,
        *,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
    ) -> None:
        self._device = device
        self._capture = open_device(device)
        self._request(width, height, fps)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(rate) if 1 <= rate <= 1000 else None  # drivers report 0, -1 or 90000 if they do not know
        self._has_read = False

    def _request(self, width: int | None, height: int | None, fps: float | None) -> None:
        # The order matters: first the format (uncompressed HD exceeds USB 2), then the size, then the rate.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        requested = {cv2.CAP_PROP_FRAME_WIDTH: width, cv2.CAP_PROP_FRAME_HEIGHT: height, cv2.CAP_PROP_FPS: fps}
        for name, value in requested.items():
            if value is not None:
                self._capture.set(name, value)
        # Without this the newest frame is several frames old (virtual_webcam_background#31).
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self) -> tuple[Image, float] | None:
        """Return the next image and its grab time (s, time.perf_counter). Never None: a camera ends by SourceError."""
        for _ in range(BAD_PICTURES_IN_A_ROW):
            with quiet_opencv():
                grabbed = self._capture.grab()
            if not grabbed:
                break
            time_s = time.perf_counter()
            ok, image = self._capture.retrieve()
            if ok and image is not None:
                self._has_read = True
                return np.asarray(image, dtype=np.uint8), time_s
        raise SourceError(_stopped_message(self._device) if self._has_read else _no_frames_message(self._device))

    def close(self) -> None:
        self._capture.release()


def open_device(device: int | str) -> cv2.VideoCapture:
    """Open the device in the operating system's own backend. Raises SourceError when it does not open."""
    if sys.platform.startswith("linux"):
        _check_linux(Path(f"/dev/video{device}" if isinstance(device, int) else device))
    platform = "linux" if sys.platform.startswith("linux") else sys.platform
    with quiet_opencv():
        for backend in _BACKENDS.get(platform, (cv2.CAP_V4L2,)):
            capture = cv2.VideoCapture(device, backend)
            if capture.isOpened():
                return capture
            capture.release()
    raise SourceError(_no_frames_message(device))


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Silence OpenCV's warnings about a failing camera: the SourceError also names the remedy."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _check_linux(path: Path) -> None:
    if not path.exists():
        raise SourceError(f"There is no camera {path}; run `facetrack devices` to see which there are.")
    if not path.is_char_device():
        raise SourceError(f"{path} is not a camera; give an index such as 0, a device such as /dev/video0, or a URL.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(
            f"You may not use the camera {path}; add yourself to the group that owns it "
            f"(`sudo usermod -aG video $USER`) and log in again."
        )


def _no_frames_message(device: int | str) -> str:
    if sys.platform.startswith("linux"):
        return (
            f"The camera {device} exists but delivers no frames: another program may be using it, or it is no capture "
            f"device; close that program, or choose another camera from `facetrack devices`."
        )
    return (
        f"The camera {device} does not open: it does not exist, another program uses it, or permission is missing; "
        f"run `facetrack devices`, close other programs, and check the system's privacy settings."
    )


def _stopped_message(device: int | str) -> str:
    return f"The camera {device} has stopped delivering frames; check its cable, then start again."
