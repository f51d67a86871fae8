"""`facetrack live`: follow the faces before a camera."""

from __future__ import annotations

import sys
import time
from array import array
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
import typer

from facetrack.cli.options import (
    Csv,
    DetectorModel,
    DetectorName,
    EngineName,
    FatigueFile,
    Json,
    MaxFaces,
    Model,
    Priority,
    ProfileFile,
    Provider,
    ShowExpressions,
    Smooth,
    TargetZone,
    Threads,
    make_tracker,
    signal_options,
    tracker_options,
)
from facetrack.cli.video import check_distinct
from facetrack.pacing import SearchPacer

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.cli.window import Window
    from facetrack.sinks import CsvSink, JsonLinesSink
    from facetrack.tracker import FaceTracker
    from facetrack.types import Face, Frame, Image

Record: TypeAlias = "Callable[[Image, float], None]"
"""Takes a drawn picture and its time in seconds."""


def live(
    camera: Annotated[
        str, typer.Option(help="A camera's index or device path, or a stream's URL (RTSP, HTTP MJPEG).")
    ] = "0",
    window: Annotated[bool, typer.Option(help="Show a window: q or Esc quits, s saves a picture, m mirrors.")] = True,
    json: Json = None,
    csv: Csv = None,
    record: Annotated[Path | None, typer.Option(help="Record the annotated video here.")] = None,
    mirror: Annotated[
        bool, typer.Option(help="Show the picture as in a mirror (points are not mirrored in the data).")
    ] = False,
    width: Annotated[int | None, typer.Option(help="Ask the camera for this width, px.")] = None,
    height: Annotated[int | None, typer.Option(help="Ask the camera for this height, px.")] = None,
    fps: Annotated[float | None, typer.Option(help="Ask the camera for this rate.")] = None,
    model: Model = None,
    detector: DetectorName = "own",
    detector_model: DetectorModel = None,
    smooth: Smooth = "medium",
    max_faces: MaxFaces = 4,
    priority: Priority = "largest",
    threads: Threads = 1,
    engine: EngineName = "auto",
    provider: Provider = "cpu",
    profile: ProfileFile = None,
    fatigue_weights: FatigueFile = None,
    target_zone: TargetZone = None,
    expressions: ShowExpressions = False,
) -> None:
    """Follow faces live. The newest frame wins: a slow machine drops frames, it does not fall behind."""
    from rich.console import Console

    from facetrack.capture import open_source
    from facetrack.cli.window import Window, check_display
    from facetrack.sinks import CsvSink, JsonLinesSink

    console = Console(stderr=True)
    check_distinct(json, csv, record)
    if window:
        check_display()
    with ExitStack() as stack:
        signals = signal_options(profile, fatigue_weights, target_zone)
        options = tracker_options(smoothing=smooth, max_faces=max_faces, priority=priority, signals=signals)
        tracker = make_tracker(
            model, options, threads, detector=detector, detector_model=detector_model, engine=engine,
            provider=provider, expressions=expressions,
        )  # fmt: skip
        records: list[JsonLinesSink | CsvSink] = []
        if json is not None:
            records.append(stack.enter_context(JsonLinesSink(json)))
        if csv is not None:
            records.append(stack.enter_context(CsvSink(csv)))
        source = stack.enter_context(open_source(camera, width=width, height=height, fps=fps))
        recording = _recording(stack, record, source) if record else None
        shown = stack.enter_context(Window()) if window else None
        console.print(f"following {camera}: {source.size[0]}x{source.size[1]}; Ctrl-C stops", highlight=False)
        loop = LiveLoop(source, tracker, records, recording, shown, mirror)
        with suppress(KeyboardInterrupt):  # the way to end a live command: everything is closed and kept
            loop.run()
    console.print(loop.summary(), highlight=False)


def _recording(stack: ExitStack, path: Path, source: Source) -> Record:
    """Takes drawn pictures with their times and encodes them while the next frame is waited for or followed; the stack
    finishes the file."""
    from facetrack.beside import WriteBehind
    from facetrack.sinks import VideoSink

    sink = stack.enter_context(VideoSink(path, source.size, fps=source.fps))
    behind = stack.enter_context(WriteBehind())
    return lambda picture, time_s: behind.do(partial(sink.write, picture, time_s))


class LiveLoop:
    """Camera to tracker to outputs, until the stream ends or the person does."""

    RATE_WINDOW = 30
    """Frames over which the shown rate and latency are taken."""

    def __init__(
        self,
        source: Source,
        tracker: FaceTracker,
        records: list[JsonLinesSink | CsvSink],
        recording: Record | None,
        window: Window | None,
        mirror: bool,
    ) -> None:
        from facetrack.draw_signals import SignalOverlay

        self.source, self.tracker, self.records = source, tracker, records
        self.recording, self.window, self.mirror = recording, window, mirror
        self.pacer, self.overlay = SearchPacer(), SignalOverlay()
        self.done_s: deque[float] = deque(maxlen=self.RATE_WINDOW)
        self.latency_ms = array("f")  # of every frame: 10 MB a day

    def run(self) -> None:
        first_s: float | None = None
        for frame in self.source:
            first_s = frame.time_s if first_s is None else first_s
            since_start = replace(frame, time_s=frame.time_s - first_s)
            faces = self.tracker.update(since_start, search=False)
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
            self._search(since_start)

    def _search(self, frame: Frame) -> None:
        """Look for newcomers now that the result is out: nobody waits for that."""
        if self.tracker.search_is_due(frame.time_s, self.pacer.interval_s):
            started_s = time.perf_counter()
            self.tracker.search(frame)
            self.pacer.took(time.perf_counter() - started_s)

    def _count(self, captured_s: float) -> None:
        now = time.perf_counter()
        self.done_s.append(now)
        self.latency_ms.append(1000 * (now - captured_s) if self.source.live else 0.0)

    @property
    def rate(self) -> float:
        """Frames per second over the last frames."""
        recent = self.done_s
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    def _draw(self, frame: Frame, faces: list[Face]) -> Image:
        from facetrack.draw import draw_faces, draw_overlay

        drawn = draw_faces(frame.image, faces, mirrored=self.mirror)
        drawn = self.overlay.draw(drawn, faces, self.tracker.events, frame.time_s, mirrored=self.mirror)
        latency_ms = float(np.median(self.latency_ms[-self.RATE_WINDOW :])) if self.source.live else None
        return draw_overlay(drawn, self.rate, latency_ms, getattr(self.source, "dropped", None))

    def _show(self, picture: Image) -> bool:
        """Show it and obey the keys; False ends the loop."""
        assert self.window is not None
        key = self.window.show(picture)
        if key == "m":
            self.mirror = not self.mirror
        elif key == "s":
            self._save(picture)
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
