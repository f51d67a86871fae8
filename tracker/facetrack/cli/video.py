"""`facetrack video`: follow the faces of a recording."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from facetrack.errors import OutputError

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.report import ReportSink
    from facetrack.sinks import CsvSink, JsonLinesSink, VideoSink
    from facetrack.tracker import FaceTracker
    from facetrack.types import Event, Face, Frame


def video(
    source: Annotated[Path, typer.Argument(help="A video, a picture, or a folder of pictures.")],
    out: Annotated[Path | None, typer.Option(help="The annotated video: .mp4, .mov or .mkv.")] = None,
    json: Json = None,
    csv: Csv = None,
    model: Model = None,
    detector: DetectorName = "own",
    detector_model: DetectorModel = None,
    smooth: Smooth = "medium",
    max_faces: MaxFaces = 16,
    priority: Priority = "largest",
    threads: Threads = 1,
    engine: EngineName = "auto",
    provider: Provider = "cpu",
    profile: ProfileFile = None,
    fatigue_weights: FatigueFile = None,
    target_zone: TargetZone = None,
    expressions: ShowExpressions = False,
) -> None:
    """Follow the faces of a video: annotated video, JSON lines, CSV, or any of them.

    The annotated video has the frames, times, size and sound of the input.
    """
    if out is None and json is None and csv is None:
        raise OutputError("nothing to write: give --out annotated.mp4, --json points.jsonl or --csv points.csv")
    check_distinct(out, json, csv)
    from rich.console import Console

    from facetrack.capture import open_video

    console = Console(stderr=True)
    with ExitStack() as stack:
        frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
        pictures, records = open_sinks(stack, frames, source, out, json, csv)
        signals = signal_options(profile, fatigue_weights, target_zone)
        options = tracker_options(smoothing=smooth, max_faces=max_faces, priority=priority, signals=signals)
        tracker = make_tracker(
            model, options, threads, detector=detector, detector_model=detector_model, engine=engine,
            provider=provider, expressions=expressions,
        )  # fmt: skip
        with progress_bar(console) as progress:
            followed = follow(frames, tracker, pictures, records, progress)
    console.print(followed.summary())
    for path in (out, json, csv):
        if path is not None and str(path) != "-":
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def check_distinct(*paths: Path | str | None) -> None:
    """Raise OutputError where two outputs would replace each other."""
    given = [Path(path).resolve() for path in paths if path is not None]
    for path in given:
        if given.count(path) > 1:
            raise OutputError(f"{path} is given for two outputs; choose a name for each")


class Followed:
    """What went by, for the closing line."""

    def __init__(self) -> None:
        self.frames = self.with_faces = 0
        self.ids: set[int] = set()
        self.update_ms: list[float] = []

    def count(self, faces: list[Face], update_s: float) -> None:
        self.frames += 1
        self.with_faces += bool(faces)
        self.ids.update(face.track_id for face in faces)
        self.update_ms.append(1000 * update_s)

    def summary(self) -> str:
        import numpy as np

        return (
            f"{self.frames} frames, {self.with_faces} with a face, {len(self.ids)} identities; tracking took "
            f"{np.median(self.update_ms):.1f} ms a frame (median), {np.percentile(self.update_ms, 95):.1f} ms (95 %)"
        )


def open_sinks(
    stack: ExitStack, frames: VideoFile | ImageFiles, source: Path, out: Path | None, json: str | None, csv: Path | None
) -> tuple[VideoSink | None, list[JsonLinesSink | CsvSink]]:
    """The outputs that were asked for, each of which the stack closes, or discards after an error."""
    from facetrack.sinks import CsvSink, JsonLinesSink, VideoSink

    pictures = None
    if out is not None:
        pictures = VideoSink(
            out, frames.size, fps=frames.fps, time_base=frames.time_base, source=source, sound=frames.has_audio,
            start_s=frames.start_s, pixel_aspect=frames.pixel_aspect,
        )  # fmt: skip
        stack.enter_context(pictures)
    records: list[JsonLinesSink | CsvSink] = []
    if json is not None:
        records.append(stack.enter_context(JsonLinesSink(json, source=source)))
    if csv is not None:
        records.append(stack.enter_context(CsvSink(csv, source=source)))
    return pictures, records


def follow(
    frames: VideoFile | ImageFiles,
    tracker: FaceTracker,
    pictures: VideoSink | None,
    records: Sequence[JsonLinesSink | CsvSink | ReportSink],
    progress: Progress,
) -> Followed:
    """The loop: each frame through the tracker and into every output; decoding runs ahead of it, drawing and encoding
    behind it."""
    from facetrack.beside import WriteBehind, read_ahead
    from facetrack.draw import draw_faces
    from facetrack.draw_signals import SignalOverlay

    followed, overlay = Followed(), SignalOverlay()

    def show(sink: VideoSink, frame: Frame, faces: list[Face], events: tuple[Event, ...]) -> None:
        picture = overlay.draw(draw_faces(frame.image, faces), faces, events, frame.time_s)
        sink.write(picture, frame.time_s)

    bar = progress.add_task("following", total=frames.n_frames)
    with WriteBehind() as behind, closing(read_ahead(frames)) as decoded:
        for frame in decoded:
            started = time.perf_counter()
            faces = tracker.update(frame)
            followed.count(faces, time.perf_counter() - started)
            for sink in records:
                sink.write(frame, faces, tracker.events)
            if pictures is not None:
                behind.do(partial(show, pictures, frame, faces, tracker.events))
            progress.advance(bar)
    progress.update(bar, total=followed.frames)  # some containers only guess their length
    return followed


def progress_bar(console: object) -> Progress:
    """On standard error, so that standard output is free for JSON."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    assert isinstance(console, Console)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
