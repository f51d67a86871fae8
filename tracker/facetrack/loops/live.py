"""Live loop: camera to tracker to sinks, always on the newest frame."""

from __future__ import annotations

import sys
import time
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from facetrack.loops.pacing import SearchPacer
from facetrack.loops.run_header import run_header

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.loops.window import Window
    from facetrack.sinks.sink import FrameSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Face, Frame, Image

Record: TypeAlias = "Callable[[Image, float], None]"
"""Writer of the recording: annotated frame and its time in seconds."""


class LiveLoop:
    """Loop from camera to tracker to outputs, until the stream ends or the user quits."""

    RATE_WINDOW = 30
    """Last frames that the displayed frame rate and latency refer to."""

    def __init__(
        self,
        source: Source,
        tracker: FaceTracker,
        records: Sequence[FrameSink],
        recording: Record | None,
        window: Window | None,
        mirror: bool,
        keys: Mapping[str, Callable[[], None]] | None = None,
    ) -> None:
        """keys: what is called when a key is pressed in the window, besides q, Esc, s and m."""
        from facetrack.drawing.signals import SignalOverlay

        self.source, self.tracker, self.records = source, tracker, records
        self.recording, self.window, self.mirror = recording, window, mirror
        self.keys = keys or {}
        self.pacer, self.overlay = SearchPacer(), SignalOverlay()
        self.done_s: deque[float] = deque(maxlen=self.RATE_WINDOW)
        self.latency_ms = array("f")  # of every frame; 10 MB a day at 30 fps
        self.last: Frame | None = None

    def begin(self, name: str) -> None:
        """Write the headers of the records; name: the source as it was asked for."""
        header = run_header(self.tracker, name, self.source.size, self.source.fps)
        for sink in self.records:
            sink.begin(header)

    def run(self) -> None:
        """Follow every frame until there is none, the window is closed, or nobody reads the records."""
        first_s: float | None = None
        for frame in self.source:
            if first_s is None:
                first_s = frame.time_s
                for sink in self.records:
                    sink.start(first_s if self.source.live else time.perf_counter())
            since_start = replace(frame, time_s=frame.time_s - first_s)
            faces = self.tracker.update(since_start, search=False)
            self.last = since_start
            self._count(frame.time_s)
            for sink in self.records:
                sink.write(since_start, faces, self.tracker.events)
            if self.recording is not None or self.window is not None:
                picture = self._draw(since_start, faces)
                if self.recording is not None:
                    self.recording(picture, since_start.time_s)
                if self.window is not None and not self._show(picture):
                    return
            if any(sink.closed for sink in self.records):
                return
            self.pacer.search(self.tracker, since_start)

    def finish(self) -> None:
        """Write the ends of what still lasts: one more record of the last frame, without faces, where there are any."""
        events = self.tracker.finish()
        if events and self.last is not None:
            for sink in self.records:
                sink.write(self.last, (), events)

    def _count(self, captured_s: float) -> None:
        now = time.perf_counter()
        self.done_s.append(now)
        self.latency_ms.append(1000 * (now - captured_s) if self.source.live else 0.0)

    @property
    def rate(self) -> float:
        """Frame rate over the last RATE_WINDOW frames."""
        recent = self.done_s
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def _draw(self, frame: Frame, faces: list[Face]) -> Image:
        from facetrack.drawing.faces import draw_faces, draw_overlay

        drawn = draw_faces(frame.image, faces, mirrored=self.mirror)
        drawn = self.overlay.draw(drawn, faces, self.tracker.events, frame.time_s, mirrored=self.mirror)
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
        text = f"{len(self.latency_ms)} frames followed, {dropped} dropped"
        if self.source.live:
            text += f"; from capture to result {np.median(self.latency_ms):.1f} ms (median)"
        return text
