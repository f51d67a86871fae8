"""`facetrack live`: face tracking on a camera or network stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.apps.alarms import Alarms, exit_after
from facetrack.cli.apps.options import Apps, VirtualCamera
from facetrack.cli.apps.pictures import with_virtual_camera
from facetrack.cli.options import Csv, CsvStyle, Json, Tracking, takes, takes_tracking
from facetrack.cli.video import check_distinct
from facetrack.errors import SourceError
from facetrack.loops.live import LiveLoop, Record
from facetrack.loops.pacing import OwnPace

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.sinks.alarms import AlarmSink
    from facetrack.sinks.network import Broadcast
    from facetrack.sinks.sink import FrameSink


@takes_tracking(max_faces=4)
@takes("apps", Apps)
@takes("alarms", Alarms)
def live(
    tracking: Tracking,
    apps: Apps,
    alarms: Alarms,
    camera: Annotated[
        str, typer.Option(help="A camera's index or device path, or a stream's URL (RTSP, HTTP MJPEG).")
    ] = "0",
    window: Annotated[
        bool,
        typer.Option(help="Show a window: q or Esc quits, s saves an image, m mirrors, n neutral, p pauses sending."),
    ] = True,
    json: Json = None,
    csv: Csv = None,
    csv_style: CsvStyle = "facetrack",
    record: Annotated[Path | None, typer.Option(help="Output file of the annotated video.")] = None,
    virtual_camera: VirtualCamera = None,
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
        records = _records(stack, json, csv, csv_style, camera)
        broadcast, alarm = apps.open(stack, mirror=mirror), alarms.open(stack)
        source = stack.enter_context(open_source(camera, width=width, height=height, fps=fps))
        recording = _recording(stack, record, source, camera) if record else None
        if virtual_camera is not None:
            recording = with_virtual_camera(stack, virtual_camera, source.size, source.fps, recording)
        shown = stack.enter_context(Window()) if window else None
        console.print(f"following {camera}: {source.size[0]}x{source.size[1]}; Ctrl-C stops", highlight=False)
        in_time = [sink for sink in (broadcast, alarm) if sink is not None]
        paced = OwnPace(source) if in_time and not source.live else source
        loop = LiveLoop(paced, tracker, [*records, *in_time], recording, shown, mirror, _keys(broadcast, alarm))
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
    exit_after(alarm)


def _keys(broadcast: Broadcast | None, alarm: AlarmSink | None) -> dict[str, Callable[[], None]]:
    """Return what the window's keys do: n takes the neutral, p pauses everything that other programs notice."""

    def pause() -> None:
        for sink in (broadcast, alarm):
            if sink is not None:
                sink.pause()

    return {"p": pause} if broadcast is None else {"p": pause, "n": broadcast.take_neutral}


def _records(stack: ExitStack, json: str | None, csv: Path | None, csv_style: str, camera: str) -> list[FrameSink]:
    """Open the records that were asked for; the stack finishes them."""
    from facetrack.sinks import JsonLinesSink
    from facetrack.sinks.tables import csv_sink

    found: list[FrameSink] = []
    if json is not None:
        found.append(stack.enter_context(JsonLinesSink(json, source=camera)))
    if csv is not None:
        found.append(stack.enter_context(csv_sink(csv_style)(csv, source=camera)))
    return found


def _recording(stack: ExitStack, path: Path, source: Source, camera: str) -> Record:
    """Return a writer of annotated frames that encodes in a background thread; the stack completes the file."""
    from facetrack.loops.threads import BackgroundWriter
    from facetrack.sinks import VideoSink

    sink = stack.enter_context(VideoSink(path, source.size, fps=source.fps, source=Path(camera)))
    behind = stack.enter_context(BackgroundWriter())
    return lambda picture, time_s: behind.submit(partial(sink.write, picture, time_s))
