"""Results of one camera on their way to the clients: the newest frame wins, and nobody is waited for."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import cv2

from facetrack.serve.figures import Figures
from facetrack.sinks import Header, record
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame, Image

EVENTS = 256
"""Events that wait for one client; the oldest are dropped beyond, and counted."""
LOGGED = 50
"""Events that a client that has just come can ask for."""
WIDTHS = (320, 640, 960)
"""px to which pictures can be reduced."""
JPEG_QUALITY = 80


def _let_loops_go_first() -> None:
    """Lower the priority of this thread, on Linux, where threads have one each: pictures can wait, frames cannot."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


_ENCODER = ThreadPoolExecutor(1, "facetrack encode", _let_loops_go_first)


class Result:
    """One frame with its faces, its record and its JPEG, both made when the first client asks. latency_ms: its age."""

    def __init__(self, frame: Frame, faces: tuple[Face, ...], latency_ms: float) -> None:
        self.frame, self.faces, self.latency_ms = frame, faces, latency_ms
        self._record: dict[str, Any] | None = None
        self.messages: dict[tuple[str, ...], Any] = {}
        self._pictures: dict[tuple[int, bool], asyncio.Future[bytes]] = {}

    @property
    def record(self) -> dict[str, Any]:
        """The JSON object of the frame, without events."""
        if self._record is None:
            self._record = record(self.frame, self.faces)
        return self._record

    async def jpeg(self, width: int = 0, with_points: bool = False) -> bytes:
        """Encode the picture, once for all who want it so. width: one of WIDTHS, or 0 for all of it."""
        key = width, with_points
        if key not in self._pictures:
            faces = self.faces if with_points else ()
            running = asyncio.get_running_loop()
            self._pictures[key] = running.run_in_executor(_ENCODER, _encode, self.frame.image, faces, width)
        return await asyncio.shield(self._pictures[key])


def _encode(image: Image, faces: Sequence[Face], width: int) -> bytes:
    if faces:
        from facetrack.drawing.faces import draw_faces

        image = draw_faces(image, faces)
    if 0 < width < image.shape[1]:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return bytes(cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1])


class Place:
    """Where one client finds what it has not taken yet: the newest result, and events in a bounded queue.

    frames: whether the client wants results besides events. missed: events that were dropped because it was too slow.
    """

    def __init__(self, frames: bool = True) -> None:
        self.missed, self._frames = 0, frames
        self._newest: Result | None = None
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()

    def put(self, result: Result | None, events: Sequence[Event]) -> None:
        """Leave a result over one that was not taken yet, and events behind the others."""
        if self._frames:
            self._newest = result or self._newest
        elif not events:
            return
        self._events.extend(events)
        while len(self._events) > EVENTS:
            self._events.popleft()
            self.missed += 1
        self._filled.set()

    async def take(self, timeout_s: float) -> tuple[Result | None, list[Event]]:
        """Wait for something and take it; (None, []) when nothing came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # Python 3.11's wait_for may swallow a cancellation
                await self._filled.wait()
        result, events = self._newest, list(self._events)
        self._newest = None
        self._events.clear()
        self._filled.clear()
        return result, events


class StreamSink(RecordSink):
    """A sink that keeps no file: nothing is to be finished."""

    is_stream = True

    def close(self) -> None:
        """Finish nothing."""

    def discard(self) -> None:
        """Leave nothing."""


class Feed(StreamSink):
    """A sink of one camera's live loop, which hands its results to the clients.

    newest: the last result. header: of the run; runs: counts them. figures: for the metrics. log: events, newest last.
    `write` runs in the live loop and leaves what the server's thread takes: it never waits.
    """

    def __init__(self, name: str) -> None:
        self.name, self.header, self.runs = name, Header(), 0
        self.newest: Result | None = None
        self.figures = Figures()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOGGED)
        self._clock_s = 0.0
        self._places: frozenset[Place] = frozenset()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coming: deque[Event] = deque(maxlen=EVENTS)
        self._called = False

    def begin(self, header: Header) -> None:
        """Take the description of a run."""
        self.header = header
        self.runs += 1

    def start(self, clock_s: float) -> None:
        """Take the time.perf_counter() of the frames' time 0."""
        self._clock_s = clock_s

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Take a frame; the same one again only brings events."""
        if self.newest is None or frame.time_s != self.newest.frame.time_s:
            latency_ms = 1000.0 * (time.perf_counter() - self._clock_s - frame.time_s)
            self.newest = Result(frame, tuple(faces), latency_ms)
            self.figures.add_frame(latency_ms / 1000.0, self.newest.faces)
        self.figures.add_events(events)
        self.log.extend(event.to_dict() for event in events)
        if not self._places:
            return
        with self._lock:
            self._coming.extend(events)
            call, self._called = not self._called, True
        if call and self._loop is not None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
        with self._lock:
            events = tuple(self._coming)
            self._coming.clear()
            self._called = False
        for place in self._places:
            place.put(self.newest, events)

    def open_place(self, frames: bool = True) -> Place:
        """Open a place for a client; in the server's thread."""
        self._loop = asyncio.get_running_loop()
        place = Place(frames)
        if self.newest is not None:
            place.put(self.newest, ())
        self._places |= {place}
        return place

    def close_place(self, place: Place) -> None:
        """Close a client's place."""
        self._places -= {place}
