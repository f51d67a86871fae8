"""Network streams (RTSP, HTTP MJPEG, ...) for the camera's thread, through PyAV."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator

import av

from facetrack.capture.orientation import upright_image
from facetrack.errors import SourceError
from facetrack.types import Image

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0

_LOW_LATENCY = {
    "rtsp_transport": "tcp",  # over UDP a lost packet smears the picture until the next key frame
    "fflags": "nobuffer",
    "flags": "low_delay",
    # FFmpeg looks at 5 s of a stream before it hands out the first frame; half a second tells as much here.
    "analyzeduration": "500000",
    "probesize": "1000000",
}


class StreamGrabber:
    """Pictures from a URL as they arrive. A recording served by HTTP is played at its own pace.

    Raises SourceError when it cannot be opened, carries no video, or falls silent for 5 s.
    """

    def __init__(self, url: str) -> None:
        self._name = without_password(url)
        try:
            self._container = av.open(url, options=_LOW_LATENCY, timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S))
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(_open_error(self._name, error)) from error
        self._closing = threading.Event()
        if not self._container.streams.video:
            self._container.close()
            raise SourceError(f"{self._name} answers but carries no video; give the address of its picture stream.")
        self._stream = self._container.streams.video[0]
        rate = self._stream.average_rate
        self.fps = float(rate) if rate else None
        self._is_recording = self._container.duration is not None
        self._pictures = self._grab()

    def read(self) -> tuple[Image, float] | None:
        """The next picture and when its data arrived (s, time.perf_counter); None when the stream has ended."""
        return next(self._pictures, None)

    def _grab(self) -> Iterator[tuple[Image, float]]:
        start_s = time.perf_counter()
        for packet in self._packets():
            time_s = time.perf_counter()
            for picture in _decode(packet):
                if self._is_recording and picture.time is not None:
                    self._closing.wait(start_s + picture.time - time.perf_counter())
                    time_s = time.perf_counter()
                yield upright_image(picture), time_s

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.ExitError as error:  # what PyAV's own timeout looks like
            raise SourceError(
                f"{self._name} has sent nothing for {READ_TIMEOUT_S:.0f} s; check the camera and the network."
            ) from error
        except (av.error.FFmpegError, OSError):
            return  # the other side hung up: the stream is over

    def close(self) -> None:
        self._closing.set()
        self._container.close()


def without_password(url: str) -> str:
    """The URL as it may be shown: names and passwords in it belong in no message or log."""
    return re.sub(r"//[^/@]*@", "//", url)


def _open_error(name: str, error: Exception) -> str:
    if isinstance(error, av.error.ExitError):
        reason = f"no answer within {OPEN_TIMEOUT_S:.0f} s"
    else:
        reason = str(getattr(error, "strerror", None) or error)
    return (
        f"{name} cannot be opened ({reason}); expected the address of a video stream, such as rtsp://host/path or "
        f"http://host/stream.mjpg: check that it plays in a browser or player."
    )


def _decode(packet: av.Packet) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except (av.error.InvalidDataError, av.error.EOFError):
        return []  # damaged on the way, or joined between two key frames: the next ones will do
