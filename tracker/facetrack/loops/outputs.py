"""Outputs of a live run: each in a thread of its own, so that none holds up the loop or takes another one with it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from facetrack.errors import FacetrackError
from facetrack.stopping import stopping, uninterrupted
from facetrack.types.text import counted

if TYPE_CHECKING:
    from facetrack.sinks import Header
    from facetrack.sinks.sink import RecordSink, Sink
    from facetrack.types import Event, Face, Frame, Image

PATIENCE_S = 3.0
"""Longest wait for the recording, whose pace is the processor's, while it gets nothing done; a reader is never waited
for. Until an output has room again, what finds no place is dropped."""
FINISH_S = 0.5
"""Time for an output to finish after a signal."""
IDLE_S, ENDING_S = 4.0, 10.0
"""Without a signal: time in which an output must get something done, and time for all of it."""
POLL_S = 0.05
RECORDS, PICTURES = 256, 8
"""Queue lengths: eight seconds of records at 30 fps; 50 MB of pictures at 1080p."""


class Consumer:
    """Thread that makes the calls it is given, in order, and closes the sink at the end, also after a failure.

    size: queue length. patience_s: longest wait for room in it while nothing is taken out. dropped: calls that found
    none. error: what ended the thread early; later calls are ignored.
    """

    def __init__(self, sink: Sink, name: str, size: int, patience_s: float = 0.0) -> None:
        self.sink, self.name, self.dropped = sink, name, 0
        self.error: Exception | None = None
        self._size, self._patience_s = size, patience_s
        self._started, self._finishing, self._stalled, self._done = False, False, False, 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"facetrack write {name}", daemon=True)
        self._thread.start()

    @property
    def is_left_behind(self) -> bool:
        """Whether the output hangs although it was asked to finish."""
        return self._finishing and self._thread.is_alive()

    @property
    def started(self) -> bool:
        """Whether there is something to keep."""
        return self._started

    def submit(self, call: Callable[[], None], is_frame: bool = True) -> None:
        """Queue a call. is_frame: one after which there is something to keep."""
        with self._changed:
            if self.error is not None or self._finishing:
                return
            self._stalled = not self._wait_for_room()
            if self._stalled:
                self.dropped += 1
                return
            self._started |= is_frame
            self._waiting.append(call)
            self._changed.notify_all()

    def _wait_for_room(self) -> bool:
        until_s = time.monotonic() + (0.0 if self._stalled else self._patience_s)
        while not self._has_room():
            if time.monotonic() >= until_s or stopping():
                return False
            self._changed.wait_for(self._has_room, POLL_S)  # a signal does not wake it
        return True

    def _has_room(self) -> bool:
        return len(self._waiting) < self._size or self.error is not None

    def ask_to_finish(self) -> None:
        """Let the thread end with what is queued."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Wait for the queued calls and for the sink's end, within the limits above."""
        self.ask_to_finish()
        done, end_s = -1, time.monotonic() + ENDING_S
        while self._thread.is_alive() and done != self._done and time.monotonic() < end_s:
            done = self._done
            self._thread.join(FINISH_S if stopping() else IDLE_S)
            if stopping():
                break
        if self._thread.is_alive():
            with self._changed:
                self.dropped += len(self._waiting)
                self._waiting.clear()

    def _run(self) -> None:
        try:
            while (call := self._next()) is not None:
                call()
                self._done += 1
        except Exception as error:  # whatever it is, it must not reach the other outputs
            self._fail(error)
        try:
            if self._started:
                self.sink.close()
            else:
                self.sink.discard()
        except Exception as error:
            self._fail(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._finishing)
            call = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return call

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self.error = self.error or error
            self._waiting.clear()
            self._changed.notify_all()


class _Finishing:
    """Context manager of a sink in a thread of its own: leaving it finishes the sink, whatever has happened."""

    consumer: Consumer

    def _release(self) -> None:
        """Submit what is held back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            self._release()
            self.consumer.finish()


class Output(_Finishing):
    """Sink of records in a thread of its own.

    Records of a file are one frame late, so that events which end with the run, or with the camera's connection, are on
    the line of the last frame: there is one line per frame. A reader of a stream gets every line at once.
    """

    def __init__(self, sink: RecordSink, name: str) -> None:
        self._sink = sink
        self.consumer = Consumer(sink, name, RECORDS)
        self._is_stream = sink.is_stream
        self._held: tuple[Frame, Sequence[Face], tuple[Event, ...]] | None = None
        self._late: tuple[Event, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the output takes nothing any more."""
        return self.consumer.error is not None or self._sink.closed

    def begin(self, header: Header) -> None:
        """Queue the header."""
        self.consumer.submit(partial(self._sink.begin, header), is_frame=False)

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Queue a frame's record."""
        # Records take nothing of the image but its size, and the queue is long.
        frame = replace(frame, image=np.broadcast_to(np.uint8(0), frame.image.shape))
        events, self._late = (*self._late, *events), ()
        if self._is_stream:
            self._submit(frame, faces, events)
            return
        self._release()
        self._held = frame, faces, events

    def end_events(self, events: Sequence[Event]) -> None:
        """Add events that ended with the last frame: to its record, or to the next one where that is out."""
        if self._held is None:
            self._late = (*self._late, *events)
        else:
            frame, faces, earlier = self._held
            self._held = frame, faces, (*earlier, *events)
            self._release()

    def _release(self) -> None:
        if self._held is not None:
            self._submit(*self._held)
            self._held = None

    def _submit(self, frame: Frame, faces: Sequence[Face], events: tuple[Event, ...]) -> None:
        self.consumer.submit(partial(self._sink.write, frame, faces, events))


class Recording(_Finishing):
    """Sink of annotated pictures in a thread of its own."""

    def __init__(self, sink: Sink, write: Callable[[Image, float], None], name: str) -> None:
        self.consumer = Consumer(sink, name, PICTURES, PATIENCE_S)
        self._write = write

    def __call__(self, picture: Image, time_s: float) -> None:
        self.consumer.submit(partial(self._write, picture, time_s))


def kept_files(consumers: Iterable[Consumer]) -> list[str]:
    """Return the names of the files that hold what came until now."""
    return [part.name for part in consumers if part.started and Path(part.name).is_file()]


def problems(consumers: Iterable[Consumer]) -> list[str]:
    """Return one sentence for each output that is not complete."""
    found = []
    for consumer in consumers:
        if isinstance(consumer.error, FacetrackError):
            found.append(f"{consumer.error} What was written until then is kept.")
        elif consumer.error is not None:
            found.append(f"{consumer.name} failed ({consumer.error!r}); what was written until then is kept.")
        elif consumer.is_left_behind:
            found.append(f"{consumer.name} hangs; its last frames are missing, {consumer.dropped} or more.")
        elif consumer.dropped:
            found.append(
                f"{consumer.name} did not keep up: {counted(consumer.dropped, 'frame is', 'frames are')} missing there."
            )
    return found
