"""Command line: parse, call, print. Each command imports its modules when it runs, so that --help is fast."""

from __future__ import annotations

from typing import Annotated

import typer

from facetrack import __version__
from facetrack.cli import bench, calibrate, demo, devices, doctor, image, info, live, report, video
from facetrack.cli.apps import neutral, replay, serve
from facetrack.cli.many import batch
from facetrack.cli.shell.common import common
from facetrack.cli.training import WithTraining

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
app.command("serve", rich_help_panel=TRACK)(common(serve.serve))
app.command("video", rich_help_panel=TRACK)(common(video.video))
app.command("batch", rich_help_panel=TRACK)(common(batch.batch))
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
