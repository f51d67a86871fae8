"""Command line: parse, call, print. Each command imports its modules when it runs, so that --help is fast."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer

from facetrack import __version__, stopping
from facetrack.cli import bench, calibrate, demo, devices, doctor, image, info, live, report, video
from facetrack.cli.apps import neutral, replay, serve
from facetrack.cli.training import WithTraining
from facetrack.errors import FacetrackError

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


def main() -> None:
    """Run the command line. A FacetrackError prints one sentence; a signal ends any command (`facetrack.stopping`)."""
    stopping.install()
    try:
        app()
    except FacetrackError as error:
        print(f"facetrack: {error}", file=sys.stderr)
        _exit(error.exit_code)
    except stopping.Stopped as stopped:
        stopping.end_with(stopped.exit_code)
        print("facetrack: stopped", file=sys.stderr)
        _exit(stopped.exit_code)
    except SystemExit as end:
        _exit(end.code)


def _exit(code: str | int | None) -> NoReturn:
    stopping.leave(code if isinstance(code, int) else int(code is not None))
    sys.exit(code)
