"""Live sources: a thread grabs, stamps the time and overwrites one slot; the newest frame wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Protocol

from facetrack.capture.closing import ClosesItself
from facetrack.capture.device import DeviceGrabber
from facetrack.capture.stream import StreamGrabber, without_password
from facetrack.errors import FacetrackError, SourceError
from facetrack.types import Frame, Image

NO_PICTURE_S = 10.0
"""How long a reader waits for a picture before the camera counts as stuck. OpenCV's own V4L2 wait is as long."""

JOIN_S = 2.0
"""How long close() waits for the thread; a driver that hangs longer is left to the thread, which cleans up itself."""


class Grabber(Protocol):
    """What the capture thread pulls from; used by one thread at a time."""

    fps: float | None

    def read(self) -> tuple[Image, float] | None:
        """The next picture and when it was grabbed (s, time.perf_counter), or None at the end. Raises SourceError."""
        ...

    def close(self) -> None: ...


class Camera(ClosesItself):
    """A camera or network stream as a source of frames.

    source: a camera's index (0 or "0"), a device path (/dev/video0), or a URL (rtsp://, http:// MJPEG and others).
    width, height (px), fps: wishes to a device; what it gives is in `size` and `fps`. grabber: pulled from instead of
    opening `source`, which is then a name only.

    Frame.time_s is time.perf_counter() at the grab (on Linux and macOS the same clock as time.monotonic), so that
    `time.perf_counter() - frame.time_s` is the frame's age. Frame.index counts grabbed frames: gaps are the ones the
    reader was too slow for, counted in `dropped`.

    Iterating ends when a stream ends or close() is called. Raises SourceError when it cannot be opened, and out of the
    iteration when the camera fails or stays silent for 10 s.
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
        self._grabber = grabber or _open_grabber(source, width, height, fps)
        try:
            self.fps = self._grabber.fps
            self.size = self._take_first()
        except BaseException:
            self._grabber.close()
            raise
        self._thread = threading.Thread(target=self._run, name=f"facetrack camera {self.source}", daemon=True)
        self._thread.start()

    def _take_first(self) -> tuple[int, int]:
        grabbed = self._grabber.read()
        if grabbed is None:
            raise SourceError(f"{self.source} ended before its first picture; check that the camera is sending.")
        self._put(*grabbed)
        height, width = grabbed[0].shape[:2]
        return width, height

    def __iter__(self) -> Iterator[Frame]:
        while (frame := self._take()) is not None:
            yield frame

    def _take(self) -> Frame | None:
        """The newest frame, waiting for it; None at the end."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._slot is not None or self._ended, timeout=NO_PICTURE_S)
            frame, self._slot = self._slot, None
            error = self._error
        if not arrived:
            raise SourceError(
                f"The camera {self.source} has given no picture for {NO_PICTURE_S:.0f} s; check its cable or network."
            )
        if frame is None and error is not None:
            raise error
        return frame

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and (grabbed := self._grabber.read()) is not None:
                self._put(*grabbed)
        except FacetrackError as error:
            self._error = error
        except Exception as error:  # whatever goes wrong in this thread must reach the reader, who would wait forever
            self._error = SourceError(f"The camera {self.source} failed ({error}); reconnect it and start again.")
            self._error.__cause__ = error
        finally:
            self._grabber.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, image: Image, time_s: float) -> None:
        time_s = max(time_s, self._last_time_s + 1e-6)  # a clock may stand still between two calls
        with self._changed:
            self.dropped += self._slot is not None
            self._slot = Frame(image, time_s, self._next_index)
            self._changed.notify_all()
        self._next_index += 1
        self._last_time_s = time_s

    def close(self) -> None:
        """Stop the thread, which closes the camera. A reader that waits is let go."""
        self._stop.set()
        self._thread.join(JOIN_S)
        with self._changed:
            self._slot, self._error, self._ended = None, None, True
            self._changed.notify_all()


def camera_clock_s() -> float:
    """Now, on the clock of a Camera's frames."""
    return time.perf_counter()


def _open_grabber(source: int | str, width: int | None, height: int | None, fps: float | None) -> Grabber:
    if isinstance(source, str) and "://" in source:
        return StreamGrabber(source)
    device = int(source) if isinstance(source, int) or source.isdecimal() else source
    return DeviceGrabber(device, width=width, height=height, fps=fps)
