"""`facetrack image`: faces in images, each on its own."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.batch.inputs import expand
from facetrack.cli.options import (
    Csv,
    CsvStyle,
    Json,
    Overwrite,
    Records,
    Tracking,
    output_option,
    takes,
    takes_tracking,
)  # fmt: skip
from facetrack.cli.shell.common import console as open_console
from facetrack.cli.shell.files import Planned, each, plan
from facetrack.cli.video import Look
from facetrack.errors import OutputError
from facetrack.loops.picture import ALONE, DETECTOR_PX, MAX_FACES
from facetrack.sinks.inputs import check_outputs
from facetrack.types.text import counted

if TYPE_CHECKING:
    from facetrack.loops.result import Result
    from facetrack.types import Face, Image


@takes_tracking(
    "model", "detector", "detector_model", "max_faces", "threads", "engine", "provider", "fov", max_faces=MAX_FACES
)
@takes("look", Look)
def image(
    tracking: Tracking,
    look: Look,
    photos: Annotated[
        list[Path],
        typer.Argument(help="Images, folders of them, or patterns such as '*.jpg'.", metavar="IMAGE...",
                       rich_help_panel="Input"),
    ],
    out: Annotated[
        str | None,
        output_option("--out", "-o", help="Annotated image, or a folder. [IMAGE_faces.png]", metavar="FILE|FOLDER/"),
    ] = None,
    json: Json = None,
    csv: Csv = None,
    csv_style: CsvStyle = "facetrack",
    overwrite: Overwrite = False,
) -> None:  # fmt: skip
    """Find the faces in images, each on its own; draws their landmarks, and prints their boxes and head poses.

    Of a folder of images, the annotated ones are written to FOLDER_faces/.
    """
    from facetrack.loops.run_header import run_header

    drawing, console = look.drawing(), open_console()
    say = partial(console.print, markup=False, soft_wrap=True)
    given = expand(photos)
    jobs = _plan(given, out, json is None and csv is None)
    named, chosen = [path for job in jobs for path in job.named], [path for job in jobs for path in job.chosen]
    check_outputs((json, csv, *named), chosen, (*given, *tracking.files), overwrite)
    tracker = tracking.tracker(DETECTOR_PX, **ALONE)
    with ExitStack() as stack:
        inputs = (*given, *tracking.files)
        records = [stack.enter_context(sink) for _, sink in Records(json, csv, csv_style).open(inputs)]
        done: list[Path] = []

        def run(job: Planned) -> None:
            result = _find(tracker, job, len(done), several=len(jobs) > 1 or given[0].is_dir())
            if not done:
                height, width = result.frame.image.shape[:2]
                for sink in records:
                    sink.begin(run_header(tracker, given[0], (width, height), None))
            done.append(job.source)
            for sink in records:
                sink.write(result.frame, result.faces)
            if "out" in job.paths:
                _write(drawing.draw(look.blurred(result.frame.image, result.faces), result.faces), job, inputs)
            _report(result, job, say, prefix=f"{job.source}: " if len(jobs) > 1 else "")

        failed = each(jobs, run, say)
        if failed == len(jobs):
            raise OutputError(f"none of {counted(failed, 'image')} could be read; see above")
    if failed:
        say(f"facetrack: {failed} of {len(jobs)} images failed")
        raise typer.Exit(OutputError.exit_code)


def _plan(given: list[Path], out: str | None, default: bool) -> list[Planned]:
    """Return one job per image; images of a folder F go to F_faces/ where nothing else is said."""
    from facetrack.capture.images import image_files

    jobs: list[Planned] = []
    loose = [path for path in given if not path.is_dir()]
    files = {path: image_files(path) for path in given if path.is_dir()}
    ending = {"out": "_faces.png"}
    if out is not None or not default:
        return plan([*loose, *(file for inner in files.values() for file in inner)], {"out": out}, ending)
    if loose:
        jobs += plan(loose, {"out": None}, ending, default="out")
    for folder, inner in files.items():
        jobs += plan(inner, {"out": f"{folder.resolve().name}_faces/"}, ending)
    return jobs


def _find(tracker: object, job: Planned, index: int, several: bool) -> Result:
    from facetrack.capture import read_image
    from facetrack.loops.picture import find_in
    from facetrack.types import Frame

    frame = Frame(read_image(job.source), time_s=0.0, index=0, name=job.source.name if several else None)
    result = find_in(tracker, frame)  # type: ignore[arg-type]
    return replace(result, frame=replace(frame, index=index))


def _write(picture: Image, job: Planned, inputs: tuple[Path | None, ...]) -> None:
    from facetrack.sinks import ImageSink

    with ImageSink(job.paths["out"], source=inputs) as sink:
        sink.write(picture)


def _report(result: Result, job: Planned, say: partial[None], prefix: str) -> None:
    for face in result.faces:
        box = [round(float(value)) for value in face.box]
        say(f"{prefix}face {face.track_id}: box {box}, score {face.score:.2f}, {_where(face)}")
    wrote = f"; wrote {job.paths['out']}" if "out" in job.paths else ""
    say(f"{prefix}{counted(len(result.faces), 'face')} found{wrote}")


def _where(face: Face) -> str:
    pose = face.pose
    if pose is None:
        return "pose unknown"
    return f"yaw {pose.yaw_deg:+.0f}, pitch {pose.pitch_deg:+.0f}, roll {pose.roll_deg:+.0f} deg"
