"""Live sources: a thread grabs and timestamps frames into a buffer of one frame; the newest frame wins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol

from facetrack.capture.device import DeviceGrabber
from facetrack.capture.stream import StreamGrabber
from facetrack.errors import FacetrackError, SourceError
from facetrack.types import Frame, Image
from facetrack.types.address import without_password
from facetrack.types.closing import ClosesItself

NO_PICTURE_S = 10.0
"""Timeout of a reader that waits for a frame, the same as OpenCV's own for V4L2."""

FIRST_PICTURE_S = 20.0
"""Timeout of the opening with its first frame; longer than the timeouts of the drivers, which say more."""

JOIN_S = 0.3
"""Timeout of close() for the thread; if the driver hangs longer, the thread itself closes the device later."""


class Grabber(Protocol):
    """Device or stream that the capture thread reads from; used by one thread at a time."""

    fps: float | None

    def read(self) -> tuple[Image, float] | None:
        """Return the next image and its grab time (s, time.perf_counter), None at the end. Raises SourceError."""
        ...

    def close(self) -> None: ...


class Camera(ClosesItself):
    """Camera or network stream as a source of frames.

    source: a camera's index (0 or "0"), a device path (/dev/video0), or a URL (rtsp://, http:// MJPEG and others).
    width, height (px), fps: requested from a device; the actual values are in `size` and `fps`.
    grabber: read instead of opening `source`, which is then only a name.

    Frame.time_s is time.perf_counter() at the grab (on Linux and macOS the same clock as time.monotonic), so that
    `time.perf_counter() - frame.time_s` is the frame's age. Frame.index counts grabbed frames: gaps are frames that
    were dropped because the reader was too slow; `dropped` counts them.

    is_recording: whether a stream has an end of its own.

    The iteration ends when a stream ends or close() is called. Raises SourceError when it cannot be opened, and from
    the iteration when the camera fails or delivers nothing for 10 s.
    """

    live = True
    n_frames = None
    has_audio = False

    def __init__(
        self, source: int | str, *, width: int | None = None, height: int | None = None, fps: float | None = None,
        grabber: Grabber | None = None,
    ) -> None:  # fmt: skip
        self.source = without_password(str(source))
        self.dropped = 0
        self._next_index = 0
        self._last_time_s = float("-inf")
        self._slot: Frame | None = None
        self._error: Exception | None = None
        self._ended = False
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.fps: float | None = None
        self.size = (0, 0)
        self.is_recording = False
        open_grabber = partial(_open_grabber, source, width, height, fps) if grabber is None else lambda: grabber
        self._thread = threading.Thread(
            target=self._run, args=(open_grabber,), name=f"facetrack camera {self.source}", daemon=True
        )
        self._thread.start()
        try:
            self._wait_for_first()
        except BaseException:
            self.close()
            raise

    def _wait_for_first(self) -> None:
        """Wait for the first frame: drivers that hang do so in the thread, so that a signal ends the wait."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._next_index > 0 or self._ended, timeout=FIRST_PICTURE_S)
        if self._next_index > 0:
            return
        if not arrived:
            raise SourceError(
                f"{self.source} has delivered no frame within {FIRST_PICTURE_S:.0f} s; check that the camera sends."
            )
        raise self._error or SourceError(
            f"{self.source} ended before its first frame; check that the camera is sending."
        )

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._wait_for_frame()) is not None:
            yield frame

    def _wait_for_frame(self) -> Frame | None:
        """Wait for the newest frame and return it; None at the end."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._slot is not None or self._ended, timeout=NO_PICTURE_S)
            frame, self._slot = self._slot, None
            error = self._error
        if not arrived:
            raise SourceError(
                f"The camera {self.source} has delivered no frame for {NO_PICTURE_S:.0f} s; check its cable or network."
            )
        if frame is None and error is not None:
            raise error
        return frame

    def _run(self, open_grabber: Callable[[], Grabber]) -> None:
        grabber: Grabber | None = None
        try:
            grabber = open_grabber()
            self.fps, self.is_recording = grabber.fps, getattr(grabber, "is_recording", False)
            while not self._stop.is_set() and (grabbed := grabber.read()) is not None:
                self._put(*grabbed)
        except FacetrackError as error:
            self._error = error
        except Exception as error:  # every error of this thread must reach the reader, which would wait forever
            self._error = SourceError(f"The camera {self.source} failed ({error}); reconnect it and start again.")
            self._error.__cause__ = error
        finally:
            if grabber is not None:
                grabber.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, image: Image, time_s: float) -> None:
        time_s = max(time_s, self._last_time_s + 1e-6)  # a coarse clock may return the same time twice
        with self._changed:
            if self._next_index == 0:
                self.size = (image.shape[1], image.shape[0])
            self.dropped += self._slot is not None
            self._slot = Frame(image, time_s=time_s, index=self._next_index)
            self._next_index += 1
            self._last_time_s = time_s
            self._changed.notify_all()

    def close(self) -> None:
        """Stop the thread, which closes the camera, and end the iteration of a waiting reader."""
        self._stop.set()
        self._thread.join(JOIN_S)
        with self._changed:
            self._slot, self._error, self._ended = None, None, True
            self._changed.notify_all()


def _open_grabber(source: int | str, width: int | None, height: int | None, fps: float | None) -> Grabber:
    if isinstance(source, str) and "://" in source:
        return StreamGrabber(source)
    device = int(source) if isinstance(source, int) or source.isdecimal() else source
    return DeviceGrabber(device, width=width, height=height, fps=fps)
