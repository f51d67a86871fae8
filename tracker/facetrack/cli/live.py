"""`facetrack live`: face tracking on a camera or network stream."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.apps.options import Apps
from facetrack.cli.options import Csv, Json, Tracking, takes, takes_tracking
from facetrack.cli.video import check_distinct
from facetrack.errors import SourceError
from facetrack.loops.live import LiveLoop, Record
from facetrack.loops.pacing import OwnPace

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.sinks.sink import FrameSink


@takes_tracking(max_faces=4)
@takes("apps", Apps)
def live(
    tracking: Tracking,
    apps: Apps,
    camera: Annotated[
        str, typer.Option(help="A camera's index or device path, or a stream's URL (RTSP, HTTP MJPEG).")
    ] = "0",
    window: Annotated[
        bool,
        typer.Option(help="Show a window: q or Esc quits, s saves an image, m mirrors, n neutral, p pauses sending."),
    ] = True,
    json: Json = None,
    csv: Csv = None,
    record: Annotated[Path | None, typer.Option(help="Output file of the annotated video.")] = None,
    mirror: Annotated[
        bool, typer.Option(help="Mirror the displayed image and what avatars get (JSON and CSV are not mirrored).")
    ] = False,
    width: Annotated[int | None, typer.Option(help="Frame width to request from the camera, px.")] = None,
    height: Annotated[int | None, typer.Option(help="Frame height to request from the camera, px.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frame rate to request from the camera.")] = None,
) -> None:
    """Track faces live. Only the newest frame is processed: a slow machine drops frames instead of adding latency."""
    from rich.console import Console

    from facetrack.capture import open_source
    from facetrack.loops.window import Window, check_display

    console = Console(stderr=True)
    check_distinct(json, csv, record)
    if window:
        check_display()
    with ExitStack() as stack:
        tracker = tracking.tracker()
        records = _records(stack, json, csv, camera)
        broadcast = apps.open(stack, mirror=mirror)
        source = stack.enter_context(open_source(camera, width=width, height=height, fps=fps))
        recording = _recording(stack, record, source, camera) if record else None
        shown = stack.enter_context(Window()) if window else None
        console.print(f"following {camera}: {source.size[0]}x{source.size[1]}; Ctrl-C stops", highlight=False)
        keys = {}
        if broadcast is not None:
            records.append(broadcast)
            keys = {"n": broadcast.take_neutral, "p": broadcast.pause}
        paced = source if source.live or broadcast is None else OwnPace(source)
        loop = LiveLoop(paced, tracker, records, recording, shown, mirror, keys)
        loop.begin(camera)
        failure: SourceError | None = None
        try:
            with suppress(KeyboardInterrupt):  # Ctrl-C is the regular end of a live run: all outputs are completed
                loop.run()
        except SourceError as error:  # the source fails: what was recorded until then is kept, too
            failure = error
        loop.finish()
    console.print(loop.summary(), highlight=False)
    if failure is not None:
        raise failure


def _records(stack: ExitStack, json: str | None, csv: Path | None, camera: str) -> list[FrameSink]:
    """Open the records that were asked for; the stack finishes them."""
    from facetrack.sinks import CsvSink, JsonLinesSink

    found: list[FrameSink] = []
    if json is not None:
        found.append(stack.enter_context(JsonLinesSink(json, source=camera)))
    if csv is not None:
        found.append(stack.enter_context(CsvSink(csv, source=camera)))
    return found


def _recording(stack: ExitStack, path: Path, source: Source, camera: str) -> Record:
    """Return a writer of annotated frames that encodes in a background thread; the stack completes the file."""
    from facetrack.loops.threads import BackgroundWriter
    from facetrack.sinks import VideoSink

    sink = stack.enter_context(VideoSink(path, source.size, fps=source.fps, source=Path(camera)))
    behind = stack.enter_context(BackgroundWriter())
    return lambda picture, time_s: behind.submit(partial(sink.write, picture, time_s))
