"""Live loop: camera to tracker to sinks, always on the newest frame."""

from __future__ import annotations

import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from facetrack.loops.result import Result
from facetrack.loops.run_header import run_header
from facetrack.loops.steps import LiveSteps
from facetrack.stopping import uninterrupted
from facetrack.types.text import counted

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.loops.outputs import Consumer, Output, Recording
    from facetrack.loops.window import Window
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Event, Frame, Image

Record: TypeAlias = "Callable[[Image, float], None]"
"""Writer of annotated frames: the picture and its time in seconds."""


class LiveLoop:
    """Loop from camera to tracker to outputs, until the stream ends or the user quits."""

    RATE_WINDOW = 30
    """Last frames that the displayed frame rate and latency refer to."""
    MAX_LATENCIES = 2**20
    """Latencies that are kept, 4 MB: those of the last ten hours at 30 fps."""

    def __init__(
        self,
        source: Source,
        tracker: FaceTracker,
        records: list[Output],
        recording: Recording | None,
        window: Window | None,
        mirror: bool,
        senders: Sequence[RecordSink] = (),
        virtual_camera: Record | None = None,
        keys: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        """Take the parts.

        records, recording: outputs in threads of their own. senders: sinks of other programs, which never block and get
            every frame at once. virtual_camera: takes the annotated pictures, too.
        keys: what is called when a key is pressed in the window, besides q, Esc, s and m.
        """
        from facetrack.drawing.signals import SignalOverlay

        self.source, self.tracker, self.records = source, tracker, records
        self.recording, self.window, self.mirror = recording, window, mirror
        self.senders, self.virtual_camera, self.keys = senders, virtual_camera, keys or {}
        self._sinks: list[Output | RecordSink] = [*records, *senders]
        self.steps, self.overlay = LiveSteps(tracker), SignalOverlay()
        self.done_s: deque[float] = deque(maxlen=self.RATE_WINDOW)
        self.latency_ms, self.frames = array("f"), 0
        self._calls: deque[Callable[[], None]] = deque()

    def begin(self, name: str) -> None:
        """Write the headers of the records; name: the source as it was asked for."""
        header = run_header(self.tracker, name, self.source.size, self.source.fps)
        for sink in self._sinks:
            sink.begin(header)

    def run(self) -> None:
        """Follow every frame until there is none, the window is closed, or nobody reads the records.

        A signal does not interrupt a frame: it is in all outputs, or in none.
        """
        outages = 0
        for frame in self.source:
            with uninterrupted():
                while self._calls:
                    self._calls.popleft()()
                if self.steps.first_s is None:
                    for sender in self.senders:
                        sender.start(frame.time_s if self.source.live else time.perf_counter())
                if getattr(self.source, "outages", 0) != outages:
                    outages = self.source.outages  # type: ignore[attr-defined]
                    self._begin_again()
                if not self._follow(frame):
                    return

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have a call made before the next frame, in the loop's thread; for other threads."""
        self._calls.append(call)

    def take_tracker(self, tracker: FaceTracker) -> None:
        """Go on with another tracker, between two frames: faces are found anew, and what lasted ends."""
        self.finish()
        self.tracker = tracker
        self.steps.take_tracker(tracker)
        self.overlay.reset()

    def _begin_again(self) -> None:
        """Forget what does not hold across an outage: positions, filters and lasting events, not the persons."""
        self.finish()
        self.tracker.lose_positions()
        self.overlay.reset()

    def _follow(self, grabbed: Frame) -> bool:
        """Track one frame and give it to every output; returns False to stop."""
        result = self.steps.follow(grabbed)
        self._count(grabbed.time_s)
        for sink in self._sinks:
            sink.write(result.frame, result.faces, result.events)
        pictures = [write for write in (self.recording, self.virtual_camera) if write is not None]
        if pictures or self.window is not None:
            picture = self._draw(result)
            for write in pictures:
                write(picture, result.frame.time_s)
            if self.window is not None and not self._show(picture):
                return False
        self.steps.search()
        return self._is_wanted()

    def _is_wanted(self) -> bool:
        """Return whether to go on: no reader has gone, and not every output has failed."""
        if any(output.closed and output.consumer.error is None for output in self.records):
            return False
        if any(sender.closed for sender in self.senders):
            return False
        consumers = self.consumers
        watched = self.window is not None or self.virtual_camera is not None or bool(self.senders)
        return watched or not consumers or any(part.error is None for part in consumers)

    @property
    def consumers(self) -> list[Consumer]:
        """The threads of all outputs but the window."""
        return [output.consumer for output in self.records] + ([self.recording.consumer] if self.recording else [])

    def finish(self) -> None:
        """Write the ends of what still lasts, with the last frame."""
        self.end_events(self.tracker.finish())

    def end_events(self, events: Sequence[Event]) -> None:
        """Write events that ended with the last frame."""
        for output in self.records:
            output.end_events(events)  # also lets go of the last frame's record
        last = self.steps.last
        if events and last is not None:
            for sender in self.senders:
                sender.write(last, (), events)

    def close_outputs(self) -> None:
        """Let all outputs finish at the same time; leaving their contexts waits for them."""
        for consumer in self.consumers:
            consumer.ask_to_finish()

    def _count(self, captured_s: float) -> None:
        now = time.perf_counter()
        self.done_s.append(now)
        self.frames += 1
        if len(self.latency_ms) >= self.MAX_LATENCIES:
            del self.latency_ms[: self.MAX_LATENCIES // 2]
        self.latency_ms.append(1000 * (now - captured_s) if self.source.live else 0.0)

    @property
    def rate(self) -> float:
        """Frame rate over the last RATE_WINDOW frames."""
        recent = self.done_s
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def _draw(self, result: Result) -> Image:
        from facetrack.drawing.faces import draw_overlay

        frame = result.frame
        drawn = self.overlay.annotated(frame.image, result.faces, result.events, frame.time_s, mirrored=self.mirror)
        latency_ms = float(np.median(self.latency_ms[-self.RATE_WINDOW :])) if self.source.live else None
        return draw_overlay(drawn, self.rate, latency_ms, getattr(self.source, "dropped", None))

    def _show(self, picture: Image) -> bool:
        """Show the frame and handle key presses; False ends the loop."""
        assert self.window is not None
        key = self.window.show(picture)
        if key == "m":
            self.mirror = not self.mirror
        elif key == "s":
            self._save(picture)
        elif key in self.keys:
            self.keys[key]()
        return key not in ("q", "esc") and not self.window.closed

    def _save(self, picture: Image) -> None:
        from facetrack.sinks import ImageSink

        path = Path(time.strftime("facetrack_%Y%m%d_%H%M%S.png"))
        with ImageSink(path) as sink:
            sink.write(picture)
        print(f"saved {path}", file=sys.stderr)

    def summary(self) -> str:
        if not self.latency_ms:
            return "no frame came"
        dropped = getattr(self.source, "dropped", 0)
        text = f"{counted(self.frames, 'frame')} followed, {dropped} dropped"
        if self.source.live:
            text += f"; from capture to result {np.median(self.latency_ms):.1f} ms (median)"
        return text
