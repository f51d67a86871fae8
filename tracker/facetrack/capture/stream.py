"""Grabber of a network stream (RTSP, HTTP MJPEG, ...), through PyAV."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import av

from facetrack.capture.shown import ShownPicture
from facetrack.capture.timeline import Timeline, timestamp
from facetrack.errors import SourceError
from facetrack.types import Image
from facetrack.types.address import without_password

OPEN_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 5.0
DEFAULT_TIME_BASE, DEFAULT_RATE = Fraction(1, 90_000), Fraction(30)

_LOW_LATENCY = {
    "rtsp_transport": "tcp",  # over UDP a lost packet corrupts the image until the next key frame
    "fflags": "nobuffer",
    "flags": "low_delay",
    # FFmpeg analyses 5 s of a stream before the first frame by default; half a second is enough here.
    "analyzeduration": "500000",
    "probesize": "1000000",
}


class StreamGrabber:
    """Grabber of frames from a URL as they arrive. A recording served by HTTP is played at its own frame rate.

    Raises SourceError when it cannot be opened, carries no video, or sends nothing for 5 s.
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
            raise SourceError(f"{self._name} responds but carries no video; give the address of its video stream.")
        self._stream = self._container.streams.video[0]
        rate = self._stream.average_rate
        self.fps = float(rate) if rate else None
        self.is_recording = self._container.duration is not None
        self._timeline: Timeline | None = None
        self._start_s = 0.0
        self._shown = ShownPicture(self._stream, self._name)
        self._images = self._grab()

    def read(self) -> tuple[Image, float] | None:
        """Return the next image and the arrival time of its data (s, time.perf_counter); None at the stream's end."""
        return next(self._images, None)

    def _grab(self) -> Iterator[tuple[Image, float]]:
        for packet in self._packets():
            time_s = time.perf_counter()
            for frame in _decode(packet):
                if self.is_recording:
                    self._wait_until_due(frame)
                    time_s = time.perf_counter()
                yield self._shown(frame), time_s

    def _wait_until_due(self, frame: av.VideoFrame) -> None:
        """Wait until a recording's frame is due. A longer pause than READ_TIMEOUT_S is shortened to that."""
        if self._timeline is None:
            base, rate = self._stream.time_base or DEFAULT_TIME_BASE, self._stream.average_rate or DEFAULT_RATE
            self._timeline, self._start_s = Timeline(base, 1 / rate), time.perf_counter()
        due_s = self._timeline.seconds(timestamp(frame, self._container.format.name))
        wait_s = self._start_s + due_s - time.perf_counter()
        if wait_s > READ_TIMEOUT_S:
            self._start_s -= wait_s - READ_TIMEOUT_S
        self._closing.wait(min(wait_s, READ_TIMEOUT_S))

    def _packets(self) -> Iterator[av.Packet]:
        try:
            yield from self._container.demux(self._stream)
        except av.error.ExitError as error:  # raised by PyAV's own timeout
            raise SourceError(
                f"{self._name} has sent nothing for {READ_TIMEOUT_S:.0f} s; check the camera and the network."
            ) from error
        except (av.error.FFmpegError, OSError):
            return  # the server closed the connection: the stream has ended

    def close(self) -> None:
        self._closing.set()
        self._container.close()


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
        return []  # damaged in transmission, or received before the first key frame: skip the packet
