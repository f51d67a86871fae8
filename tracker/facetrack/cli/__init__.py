"""Command line: parse, call, print. Each command imports its modules when it runs, so that --help is fast."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated, NoReturn

import typer

from facetrack import __version__, stopping
from facetrack.cli import bench, calibrate, demo, devices, doctor, image, info, live, report, video
from facetrack.cli.apps import neutral, replay
from facetrack.cli.shell.common import common, is_verbose
from facetrack.cli.shell.sentences import with_options
from facetrack.cli.training import WithTraining
from facetrack.errors import FacetrackError

TRACK, SHARE, SETUP = "Track faces", "Records of a run", "Set up"
app = typer.Typer(
    name="facetrack",
    help="Track faces in a camera stream or a video: 68 landmarks with uncertainties, identity and head pose.",
    cls=WithTraining,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo", rich_help_panel=TRACK)(common(demo.demo))
app.command("live", rich_help_panel=TRACK)(common(live.live))
app.command("video", rich_help_panel=TRACK)(common(video.video))
app.command("image", rich_help_panel=TRACK)(common(image.image))
app.command("report", rich_help_panel=TRACK)(common(report.report))
app.command("replay", rich_help_panel=SHARE)(common(replay.replay))
app.command("neutral", rich_help_panel=SHARE)(common(neutral.neutral))
app.command("calibrate", rich_help_panel=SETUP)(common(calibrate.calibrate))
app.command("devices", rich_help_panel=SETUP)(common(devices.devices))
app.command("doctor", rich_help_panel=SETUP)(common(doctor.doctor))
app.command("info", rich_help_panel=SETUP)(common(info.info))
app.command("bench", rich_help_panel=SETUP)(common(bench.bench))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facetrack {__version__}")
        raise typer.Exit


@app.callback(context_settings={"help_option_names": ["-h", "--help"]})
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
        if is_verbose():
            traceback.print_exc()
        print(f"facetrack: {with_options(str(error))}", file=sys.stderr)
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
