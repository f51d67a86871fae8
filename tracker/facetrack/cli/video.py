"""`facetrack video`: face tracking on a video file or images."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import progress_bar
from facetrack.cli.options import Records, Tracking, takes, takes_tracking
from facetrack.errors import OutputError
from facetrack.loops.recorded import follow
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.sinks import VideoSink
    from facetrack.sinks.sink import RecordSink


@takes_tracking()
@takes("records", Records)
def video(
    tracking: Tracking,
    records: Records,
    source: Annotated[Path, typer.Argument(help="A video, an image, or a folder of images.")],
    out: Annotated[Path | None, typer.Option(help="Annotated video: .mp4, .mov or .mkv.")] = None,
) -> None:
    """Track the faces of a video; writes an annotated video, JSON lines, CSV, or any of them.

    The annotated video has the frames, timestamps, size and audio of the input.
    """
    outputs = (out, *records.files)
    if not any(outputs):
        raise OutputError("nothing to write: give --out annotated.mp4, --json points.jsonl or --csv points.csv")
    inputs = (source, *tracking.files)
    check_outputs(outputs, inputs=inputs)
    from rich.console import Console

    from facetrack.capture import open_video

    console = Console(stderr=True)
    sinks: list[RecordSink] = []
    try:
        with ExitStack() as stack:
            frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
            pictures = None if out is None else stack.enter_context(annotated_video(out, frames, source))
            sinks += [stack.enter_context(sink) for _, sink in records.open(inputs)]
            tracker = tracking.tracker()
            with progress_bar(console) as progress:
                followed = follow(frames, tracker, pictures, sinks, progress)
    except Stopped:
        for kept in (sink.kept for sink in sinks if sink.kept is not None):
            console.print(f"kept the records so far as {kept}", highlight=False, soft_wrap=True)
        raise
    console.print(followed.summary())
    for path in outputs:
        if path is not None and str(path) != "-":
            console.print(f"wrote {path}", highlight=False, soft_wrap=True)


def annotated_video(out: Path, frames: VideoFile | ImageFiles, source: Path) -> VideoSink:
    """Open an annotated video with the size, rate, times and sound of its source."""
    from facetrack.sinks import VideoSink

    return VideoSink(
        out, frames.size, fps=frames.fps, time_base=frames.time_base, source=source, sound=frames.has_audio,
        start_s=frames.start_s,
    )  # fmt: skip
