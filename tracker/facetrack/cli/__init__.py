"""Command line: parse, call, print. Each command imports its modules when it runs, so that --help is fast."""

from __future__ import annotations

from typing import Annotated

import typer

from facetrack import __version__
from facetrack.cli import bench, calibrate, demo, devices, doctor, image, info, live, report, video
from facetrack.cli.apps import neutral, replay, serve
from facetrack.cli.many import batch
from facetrack.cli.training import WithTraining

app = typer.Typer(
    name="facetrack",
    help="Track faces in a camera stream or a video: 68 landmarks with uncertainties, identity and head pose.",
    cls=WithTraining,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("live")(live.live)
app.command("serve")(serve.serve)
app.command("video")(video.video)
app.command("batch")(batch.batch)
app.command("replay")(replay.replay)
app.command("neutral")(neutral.neutral)
app.command("report")(report.report)
app.command("image")(image.image)
app.command("calibrate")(calibrate.calibrate)
app.command("demo")(demo.demo)
app.command("devices")(devices.devices)
app.command("doctor")(doctor.doctor)
app.command("info")(info.info)
app.command("bench")(bench.bench)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facetrack {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Track faces in a camera stream or a video: 68 landmarks with uncertainties, identity and head pose."""
