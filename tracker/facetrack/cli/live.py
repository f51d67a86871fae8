"""`facetrack live`: face tracking on a camera or network stream."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from facetrack.cli.apps.alarms import Alarms, exit_after
from facetrack.cli.apps.options import Apps, VirtualCamera
from facetrack.cli.apps.pictures import open_virtual_camera
from facetrack.cli.options import Records, Tracking, input_option, output_option, takes, takes_tracking
from facetrack.cli.shell.common import console as open_console
from facetrack.errors import OutputError, SourceError
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output, Recording, kept_files, problems
from facetrack.loops.pacing import OwnPace
from facetrack.sinks.inputs import Inputs, check_outputs
from facetrack.stopping import Stopped, end_with
from facetrack.types.address import without_password

if TYPE_CHECKING:
    from facetrack.capture import Camera, Source
    from facetrack.sinks.alarms import AlarmSink
    from facetrack.sinks.network import Broadcast


RecordFile = Annotated[Path | None, output_option("--record", "--out", "-o", help="Annotated video.", metavar="FILE")]


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The camera, what is asked of it, and what happens when it fails."""

    camera: Annotated[
        str, input_option(help="A camera's index or device, a stream's URL (RTSP, HTTP), a file.", metavar="CAMERA")
    ] = "0"
    width: Annotated[int | None, input_option(help="Frame width to ask of the camera.", metavar="PX")] = None
    height: Annotated[int | None, input_option(help="Frame height to ask of the camera.", metavar="PX")] = None
    fps: Annotated[float | None, input_option(help="Frame rate to ask of the camera.", metavar="FPS")] = None
    reconnect: Annotated[bool, input_option(help="Open a camera that fails again, until it is back.")] = True
    give_up: Annotated[
        float | None, input_option(min=0, help="Stop after so long without a frame; exit code 3.", metavar="SECONDS")
    ] = None

    def open(self, say: Callable[[str], None]) -> Source:
        """Open the source; a camera is opened again when it fails, of which `say` is reported."""
        from facetrack.capture import ReconnectingCamera, open_source

        again = partial(open_source, self.camera, width=self.width, height=self.height, fps=self.fps)
        first = again()
        if not first.live:
            return first
        reopen = cast("Callable[[], Camera]", again)
        return ReconnectingCamera(cast("Camera", first), reopen, self.give_up if self.reconnect else 0.0, say)


@takes_tracking(max_faces=4)
@takes("source_options", SourceOptions)
@takes("records", Records)
@takes("apps", Apps)
@takes("alarms", Alarms)
def live(
    tracking: Tracking,
    apps: Apps,
    alarms: Alarms,
    source_options: SourceOptions,
    records: Records,
    window: Annotated[
        bool,
        output_option(help="Window; keys: q quit, s save, m mirror, n neutral, p pause sending."),
    ] = True,
    record: RecordFile = None,
    virtual_camera: VirtualCamera = None,
    mirror: Annotated[bool, output_option(help="Mirror the window and what avatars get, not the files.")] = False,
) -> None:
    """Track faces live. Only the newest frame is processed: a slow machine drops frames instead of adding latency.

    Outputs grow as the run goes on and keep what was written, however it ends. Ctrl-C is the regular end.
    """
    from facetrack.loops.window import Window, check_display

    console, camera = open_console(), source_options.camera
    if not camera.strip():
        raise SourceError("--camera is empty; expected a camera's number such as 0, a stream's address, or a file.")
    inputs = (camera, *tracking.files)
    check_outputs((*records.files, record), inputs=inputs)
    if window:
        check_display()
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    with ExitStack() as stack:
        tracker = tracking.tracker()
        outputs = [stack.enter_context(Output(sink, name)) for name, sink in records.open(inputs, live=True)]
        broadcast, alarm = apps.open(stack, mirror=mirror), alarms.open(stack)
        source = stack.enter_context(source_options.open(say))
        recording = stack.enter_context(_recording(record, source, inputs)) if record else None
        camera_out = open_virtual_camera(stack, virtual_camera, source.size, source.fps) if virtual_camera else None
        shown = stack.enter_context(Window()) if window else None
        say(f"following {without_password(camera)}: {source.size[0]}x{source.size[1]}; Ctrl-C stops")
        senders = [sink for sink in (broadcast, alarm) if sink is not None]
        paced = OwnPace(source) if senders and not source.live else source
        keys = _keys(broadcast, alarm)
        loop = LiveLoop(paced, tracker, outputs, recording, shown, mirror, senders, camera_out, keys)
        loop.begin(camera)
        end_with(0)
        failure = _run(loop)
        loop.finish()
        loop.close_outputs()
    say(loop.summary())
    if kept := kept_files(loop.consumers):
        say(f"kept {', '.join(kept)}")
    for sentence in problems(loop.consumers):
        say(f"facetrack: {sentence}")
    if failure is not None:
        raise failure
    if any(part.error is not None for part in loop.consumers):
        raise typer.Exit(OutputError.exit_code)
    exit_after(alarm)


def _keys(broadcast: Broadcast | None, alarm: AlarmSink | None) -> dict[str, Callable[[], None]]:
    """Return what the window's keys do: n takes the neutral, p pauses everything that other programs notice."""

    def pause() -> None:
        for sink in (broadcast, alarm):
            if sink is not None:
                sink.pause()

    return {"p": pause} if broadcast is None else {"p": pause, "n": broadcast.take_neutral}


def _run(loop: LiveLoop) -> SourceError | None:
    """Run the loop; returns the failure of the source, if any. A signal is the regular end of a live run."""
    try:
        loop.run()
    except Stopped:
        return None
    except SourceError as error:
        return error
    return None


def _recording(path: Path, source: Source, inputs: Inputs) -> Recording:
    from facetrack.sinks import VideoSink

    sink = VideoSink(path, source.size, fps=source.fps, source=inputs, live=True)
    return Recording(sink, sink.write, str(path))
