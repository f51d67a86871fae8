"""`facetrack replay`: what a run found, once more: into files, or at its own times into other programs."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.apps.alarms import Alarms, exit_after
from facetrack.cli.apps.options import Apps, VirtualCamera
from facetrack.cli.apps.pictures import open_virtual_camera
from facetrack.cli.options import Records, input_option, output_option, takes
from facetrack.cli.shell.common import console as open_console
from facetrack.errors import OutputError
from facetrack.loops.recorded import annotated_video
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped, end_with
from facetrack.types.text import counted

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.loops.live import Record
    from facetrack.sinks import JsonLines, VideoSink
    from facetrack.sinks.sink import RecordSink


@takes("apps", Apps)
@takes("alarms", Alarms)
@takes("records", Records)
def replay(
    apps: Apps,
    alarms: Alarms,
    records: Records,
    points: Annotated[
        Path,
        typer.Argument(help="JSON lines by `facetrack video` or `live`.", metavar="POINTS", rich_help_panel="Input"),
    ],
    video: Annotated[Path | None, input_option(help="The video they were found in, to draw on.")] = None,
    out: Annotated[Path | None, output_option("--out", "-o", help="Annotated video; on black without --video.")] = None,
    virtual_camera: VirtualCamera = None,
    mirror: Annotated[bool, output_option(help="Mirror what avatars get, and --out.")] = False,
) -> None:
    """Send what a run found to other programs, at its own times, or write it to other files, as fast as it goes."""
    from facetrack.capture import open_video
    from facetrack.loops.replay import picture_size
    from facetrack.loops.replay import replay as feed
    from facetrack.sinks import read_jsonl

    in_real_time = apps.asked_for or alarms.alarm is not None or virtual_camera is not None
    if not in_real_time and not any((out, *records.files)):
        raise OutputError("nothing to do: give a protocol such as --osf default, --out, --json, --csv or --events")
    check_outputs((out, *records.files), inputs=(points, video))
    console = open_console()
    lines = read_jsonl(points)
    with ExitStack() as stack:
        frames: VideoFile | ImageFiles | None = None
        if video is not None:
            frames = stack.enter_context(open_video(video))  # type: ignore[assignment]
        sinks: list[RecordSink] = []
        sinks += [stack.enter_context(sink) for _, sink in records.open((points, video))]
        broadcast, alarm = apps.open(stack, mirror=mirror), alarms.open(stack)
        sinks += [sink for sink in (broadcast, alarm) if sink is not None]
        pictures = _pictures(stack, out, video, frames, lines) if out is not None else None
        writers: list[Record] = [] if pictures is None else [pictures.write]
        if virtual_camera is not None:
            size = picture_size(lines.header) if frames is None else frames.size
            writers.append(open_virtual_camera(stack, virtual_camera, size, lines.header.fps))
        if in_real_time:
            console.print(f"replaying {points}; Ctrl-C stops")
        count = 0
        end_with(0)
        with suppress(Stopped):  # as of a live run, Ctrl-C is the regular end
            count = feed(lines, sinks, frames=frames, recordings=writers, paced=in_real_time, mirror=mirror)
    console.print(f"{counted(count, 'frame')} replayed")
    exit_after(alarm)


def _pictures(
    stack: ExitStack, out: Path, video: Path | None, frames: VideoFile | ImageFiles | None, lines: JsonLines
) -> VideoSink:
    from facetrack.loops.replay import picture_size
    from facetrack.sinks import VideoSink

    if frames is None or video is None:
        size = picture_size(lines.header)
        return stack.enter_context(VideoSink(out, size, fps=lines.header.fps, source=lines.path))
    return stack.enter_context(annotated_video(out, frames, video))
