"""The command line: parse, call, print. Each command imports what it needs when it runs, so that --help is quick."""

from __future__ import annotations

import signal
import sys

import typer

from facetrack.cli import (
    bench,
    calibrate,
    data,
    demo,
    devices,
    evaluations,
    export,
    image,
    info,
    label,
    live,
    report,
    train,
    video,
)
from facetrack.errors import FacetrackError

app = typer.Typer(
    name="facetrack",
    help="Follow faces in a camera or a video: 68 landmarks with an uncertainty each, identity and head pose.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("live")(live.live)
app.command("video")(video.video)
app.command("report")(report.report)
app.command("image")(image.image)
app.command("calibrate")(calibrate.calibrate)
app.command("demo")(demo.demo)
app.command("devices")(devices.devices)
app.command("info")(info.info)
app.command("bench")(bench.bench)
app.command("train")(train.train)
app.command("export")(export.export)
app.add_typer(data.app, name="data")
app.command("label")(label.label)
app.add_typer(evaluations.app, name="eval")


def main() -> None:
    """Run the command line. What facetrack foresees ends in one sentence and exit code 2; Ctrl-C ends in 130."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service manager's stop closes files like Ctrl-C
    try:
        app()
    except FacetrackError as error:
        print(f"facetrack: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("facetrack: stopped", file=sys.stderr)
        sys.exit(130)
