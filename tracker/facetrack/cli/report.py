"""`facetrack report`: summary of a video as one HTML page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import progress_bar
from facetrack.cli.options import Overwrite, Tracking, output_option, takes_tracking
from facetrack.cli.shell.common import console as open_console
from facetrack.loops.recorded import follow
from facetrack.sinks.inputs import check_outputs
from facetrack.stopping import Stopped
from facetrack.types.address import typed_command

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile


@takes_tracking()
def report(
    tracking: Tracking,
    source: Annotated[Path, typer.Argument(help="A video.", metavar="VIDEO", rich_help_panel="Input")],
    out: Annotated[
        Path | None, output_option("--out", "-o", help="Page, .html, with its .csv beside it. [VIDEO_report.html]")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Track the faces of a video and write an HTML report (timelines, events with images, totals) and a CSV file.

    The page is a single, self-contained HTML file. Not a certified driver-monitoring system.
    """
    from facetrack.capture import open_video
    from facetrack.report import ReportSink
    from facetrack.sinks import CsvSink

    console = open_console()
    named, out = out, out or Path(f"{source.stem}_report.html")
    records = out.with_suffix(".csv")
    inputs = (source, *tracking.files)
    check_outputs((named,), (records,) if named else (out, records), inputs, overwrite)
    table = None
    try:
        with ExitStack() as stack:
            frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
            table = stack.enter_context(CsvSink(records, source=inputs))
            page = stack.enter_context(ReportSink(out, source=source, csv_name=records.name, command=typed_command()))
            tracker = tracking.tracker()
            with progress_bar(console) as progress:
                followed = follow(frames, tracker, None, [table, page], progress)
    except Stopped:
        kept = "nothing is kept" if table is None or table.kept is None else f"kept {table.kept}"
        console.print(f"stopped in {source}: {kept}", soft_wrap=True)
        raise
    console.print(followed.summary())
    console.print(f"wrote {out}\nwrote {records}", soft_wrap=True)
