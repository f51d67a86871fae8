"""The annotated picture as a camera that other programs can choose, through pyvirtualcam."""

from __future__ import annotations

import logging
import sys
from typing import Any

import cv2
import numpy as np

from facetrack.errors import MissingExtraError, OutputError
from facetrack.sinks.sink import Sink
from facetrack.sinks.transport.newest import Newest
from facetrack.types import Image

ASSUMED_FPS = 30.0
ADVICE = {
    "linux": "load the driver: sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=facetrack",
    "win32": "install OBS, or Unity Capture",
    "darwin": "install OBS, and start its virtual camera once",
}
"""What gives a system a virtual camera."""


class VirtualCameraSink(Sink):
    """A virtual camera; a thread hands it the newest picture. Its size is even and stays that of the first picture.

    size: (width, height) px. fps: of the source. device: the driver's name for it; None takes the first. Raises
    MissingExtraError without pyvirtualcam, OutputError where no driver offers a camera.
    """

    def __init__(self, size: tuple[int, int], fps: float | None = None, device: str | None = None) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise MissingExtraError(
                "--virtual-camera needs the package pyvirtualcam; install the extra: python -m pip install "
                "'facetrack[virtual-camera]'"
            ) from error
        width, height = (max(side // 2 * 2, 2) for side in size)
        self._size = width, height
        try:
            self._camera: Any = pyvirtualcam.Camera(
                width, height, fps or ASSUMED_FPS, fmt=pyvirtualcam.PixelFormat.BGR, device=device
            )
        except (RuntimeError, OSError, ValueError) as error:
            advice = ADVICE.get(sys.platform, ADVICE["linux"])
            reason = " ".join(str(error).split())[:200]
            raise OutputError(
                f"--virtual-camera finds no driver for a virtual camera ({reason}); {advice}; or go round it: let OBS "
                "capture facetrack's window"
            ) from error
        self.device = str(self._camera.device)
        self._outbox: Newest[Image] = Newest(self._work, "facetrack virtual camera")

    def write(self, image: Image, time_s: float) -> None:
        """Leave a drawn frame, (H, W, 3) uint8 BGR, for the thread."""
        self._outbox.put(image)

    def _work(self, outbox: Newest[Image]) -> None:
        while (image := outbox.get()) is not None:
            try:
                self._camera.send(self._fitted(image))
            except (RuntimeError, OSError, ValueError) as error:
                logging.getLogger(__name__).warning("--virtual-camera stops: %s", error)
                return

    def _fitted(self, image: Image) -> Image:
        width, height = self._size
        if image.shape[0] - height in (0, 1) and image.shape[1] - width in (0, 1):
            return np.ascontiguousarray(image[:height, :width])
        return np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def close(self) -> None:
        """Give the camera back."""
        self._outbox.close()
        self._camera.close()

    def discard(self) -> None:
        """Do as close."""
        self.close()
