"""Loop over a recorded source: every frame in order, with prefetched decoding and background encoding."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from facetrack.types.text import counted

if TYPE_CHECKING:
    from pathlib import Path

    from rich.progress import Progress

    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.drawing.choice import Drawing
    from facetrack.loops.section import Section
    from facetrack.sinks import VideoSink
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.tracker import FaceTracker
    from facetrack.types import Event, Face, Frame


MAX_READINGS = 20_000


class RunTotals:
    """Totals of a run, for the summary line. Memory: bounded but for the IDs; of a long run's times, every Nth."""

    def __init__(self) -> None:
        self.frames = self.with_faces = 0
        self.ids: set[int] = set()
        self.update_ms: list[float] = []
        self._every = 1

    def update(self, tracker: FaceTracker, frame: Frame) -> list[Face]:
        """Track a frame and count it."""
        started = time.perf_counter()
        faces = tracker.update(frame)
        self.count(faces, time.perf_counter() - started)
        return faces

    def count(self, faces: list[Face], update_s: float) -> None:
        """Count a frame that was tracked in update_s seconds."""
        if self.frames % self._every == 0:
            self.update_ms.append(1000 * update_s)
        if len(self.update_ms) > MAX_READINGS:
            self.update_ms, self._every = self.update_ms[::2], 2 * self._every
        self.frames += 1
        self.with_faces += bool(faces)
        self.ids.update(face.track_id for face in faces)

    def summary(self) -> str:
        import numpy as np

        return (
            f"{counted(self.frames, 'frame')}, {self.with_faces} with a face, "
            f"{counted(len(self.ids), 'identity', 'identities')}; tracking took "
            f"{np.median(self.update_ms):.1f} ms a frame (median), {np.percentile(self.update_ms, 95):.1f} ms (95 %)"
        )


class Annotated:
    """Annotated pictures on their way to a video; with `blur` they are held back for a moment (`drawing.blurring`)."""

    def __init__(self, sink: VideoSink, drawing: Drawing | None, blur: bool) -> None:
        from facetrack.drawing.blurring import FaceBlur
        from facetrack.drawing.choice import Drawing
        from facetrack.drawing.signals import SignalOverlay

        self._sink, self._drawing = sink, drawing or Drawing()
        self._blur, self._overlay = FaceBlur() if blur else None, SignalOverlay()

    def write(self, frame: Frame, faces: list[Face], events: tuple[Event, ...]) -> None:
        """Draw and write a frame, or those that are ready by now."""
        if self._blur is None:
            self._draw(frame, faces, events)
            return
        for item in self._blur.take(frame, faces, events):
            self._draw(*item)

    def finish(self) -> None:
        """Write what was held back."""
        for item in self._blur.finish() if self._blur is not None else ():
            self._draw(*item)

    def _draw(self, frame: Frame, faces: Sequence[Face], events: tuple[Event, ...]) -> None:
        picture = self._drawing.draw(frame.image, faces, events, frame.time_s, self._overlay)
        self._sink.write(picture, frame.time_s)


def annotated_video(out: Path, frames: VideoFile | ImageFiles | Section, source: Path, threads: int = 0) -> VideoSink:
    """Open an annotated video with the size, rate, times and sound of its source. threads: of the encoder; 0: all."""
    from facetrack.sinks import VideoSink

    return VideoSink(
        out, frames.size, fps=frames.fps, time_base=frames.time_base, source=source, sound=frames.has_audio,
        start_s=frames.start_s, end_s=getattr(frames, "until_s", None), threads=threads,
    )  # fmt: skip


def follow(
    frames: VideoFile | ImageFiles | Section,
    tracker: FaceTracker,
    pictures: VideoSink | None,
    records: Sequence[RecordSink],
    progress: Progress,
    drawing: Drawing | None = None,
    blur: bool = False,
) -> RunTotals:
    """Run each frame through the tracker and write the results to every output.

    drawing: what is drawn, everything if left out. blur: make faces unrecognisable in the pictures.
    Decoding is prefetched in one thread; drawing and encoding run in another. Records are one frame late, so that the
    last one holds the ends of what still lasted. Ends early where nobody reads the records and there is nothing else.
    """
    from facetrack.loops.run_header import run_header
    from facetrack.loops.threads import BackgroundWriter, prefetch

    followed, annotated = RunTotals(), None if pictures is None else Annotated(pictures, drawing, blur)
    header = run_header(tracker, frames.path, frames.size, frames.fps)
    for sink in records:
        sink.begin(header)
    held: tuple[Frame, list[Face], tuple[Event, ...]] | None = None

    bar = progress.add_task("following", total=frames.n_frames)
    with BackgroundWriter() as behind, closing(prefetch(frames)) as decoded:
        for frame in decoded:
            faces = followed.update(tracker, frame)
            if held is not None:
                for sink in records:
                    sink.write(*held)
            held = (frame, faces, tracker.events)
            if annotated is not None:
                behind.submit(partial(annotated.write, frame, faces, tracker.events))
            progress.advance(bar)
            if annotated is None and records and all(sink.closed for sink in records):
                break
        if annotated is not None:
            behind.submit(annotated.finish)
    if held is not None:
        frame, faces, events = held
        events = (*events, *tracker.finish())
        for sink in records:
            sink.write(frame, faces, events)
    progress.update(bar, total=followed.frames)  # n_frames is only an estimate for some containers
    return followed
