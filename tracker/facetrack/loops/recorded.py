"""Loop over a recorded source: every frame in order, with prefetched decoding and background encoding."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.capture import ImageFiles, VideoFile
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
            f"{self.frames} frames, {self.with_faces} with a face, {len(self.ids)} identities; tracking took "
            f"{np.median(self.update_ms):.1f} ms a frame (median), {np.percentile(self.update_ms, 95):.1f} ms (95 %)"
        )


def follow(
    frames: VideoFile | ImageFiles,
    tracker: FaceTracker,
    pictures: VideoSink | None,
    records: Sequence[RecordSink],
    progress: Progress,
) -> RunTotals:
    """Run each frame through the tracker and write the results to every output.

    Decoding is prefetched in one thread; drawing and encoding run in another. Records are one frame late, so that the
    last one holds the ends of what still lasted.
    """
    from facetrack.drawing.signals import SignalOverlay
    from facetrack.loops.run_header import run_header
    from facetrack.loops.threads import BackgroundWriter, prefetch

    followed, overlay = RunTotals(), SignalOverlay()
    header = run_header(tracker, frames.path, frames.size, frames.fps)
    for sink in records:
        sink.begin(header)
    held: tuple[Frame, list[Face], tuple[Event, ...]] | None = None

    def show(sink: VideoSink, frame: Frame, faces: list[Face], events: tuple[Event, ...]) -> None:
        sink.write(overlay.annotated(frame.image, faces, events, frame.time_s), frame.time_s)

    bar = progress.add_task("following", total=frames.n_frames)
    with BackgroundWriter() as behind, closing(prefetch(frames)) as decoded:
        for frame in decoded:
            faces = followed.update(tracker, frame)
            if held is not None:
                for sink in records:
                    sink.write(*held)
            held = (frame, faces, tracker.events)
            if pictures is not None:
                behind.submit(partial(show, pictures, frame, faces, tracker.events))
            progress.advance(bar)
    if held is not None:
        frame, faces, events = held
        events = (*events, *tracker.finish())
        for sink in records:
            sink.write(frame, faces, events)
    progress.update(bar, total=followed.frames)  # n_frames is only an estimate for some containers
    return followed
