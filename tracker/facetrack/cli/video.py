"""`facetrack video`: face tracking on a video file or images."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.options import Csv, CsvStyle, Json, Tracking, open_records, takes_tracking
from facetrack.errors import OutputError
from facetrack.loops.recorded import follow
from facetrack.sinks.inputs import Inputs, check_outputs
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from rich.progress import Progress

    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.sinks import VideoSink
    from facetrack.sinks.sink import RecordSink


@takes_tracking()
def video(
    tracking: Tracking,
    source: Annotated[Path, typer.Argument(help="A video, an image, or a folder of images.")],
    out: Annotated[Path | None, typer.Option(help="Annotated video: .mp4, .mov or .mkv.")] = None,
    json: Json = None,
    csv: Csv = None,
    csv_style: CsvStyle = "facetrack",
) -> None:
    """Track the faces of a video; writes an annotated video, JSON lines, CSV, or any of them.

    The annotated video has the frames, timestamps, size and audio of the input.
    """
    if out is None and json is None and csv is None:
        raise OutputError("nothing to write: give --out annotated.mp4, --json points.jsonl or --csv points.csv")
    inputs = (source, *tracking.files)
    check_outputs((out, json, csv), inputs=inputs)
    from rich.console import Console

    from facetrack.capture import open_video

    console = Console(stderr=True)
    records: list[RecordSink] = []
    try:
        with ExitStack() as stack:
            frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
            pictures, records = open_sinks(stack, frames, source, out, json, csv, inputs, csv_style)
            tracker = tracking.tracker()
            with progress_bar(console) as progress:
                followed = follow(frames, tracker, pictures, records, progress)
    except Stopped:
        for kept in (sink.kept for sink in records if sink.kept is not None):
            console.print(f"kept the records so far as {kept}", highlight=False, soft_wrap=True)
        raise
    console.print(followed.summary())
    for path in (out, json, csv):
        if path is not None and str(path) != "-":
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def open_sinks(
    stack: ExitStack, frames: VideoFile | ImageFiles, source: Path, out: Path | None, json: str | None,
    csv: Path | None, inputs: Inputs, csv_style: str = "facetrack",
) -> tuple[VideoSink | None, list[RecordSink]]:  # fmt: skip
    """Open the requested outputs: the annotated video, if any, and the records.

    The stack completes the files, or discards them after an error. inputs: files that none may replace.
    """
    pictures = None if out is None else stack.enter_context(annotated_video(out, frames, source))
    opened = open_records(json, csv, csv_style, inputs)
    return pictures, [stack.enter_context(sink) for _, sink in opened]


def annotated_video(out: Path, frames: VideoFile | ImageFiles, source: Path) -> VideoSink:
    """Open an annotated video with the size, rate, times and sound of its source."""
    from facetrack.sinks import VideoSink

    return VideoSink(
        out, frames.size, fps=frames.fps, time_base=frames.time_base, source=source, sound=frames.has_audio,
        start_s=frames.start_s,
    )  # fmt: skip


def progress_bar(console: object) -> Progress:
    """Return a progress bar. console: of standard error, so that standard output is free for JSON."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    assert isinstance(console, Console)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console
    )
