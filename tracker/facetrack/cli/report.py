"""`facetrack report`: summary of a video as one HTML page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.console import progress_bar
from facetrack.cli.options import Overwrite, Tracking, takes_tracking
from facetrack.loops.recorded import follow
from facetrack.sinks.inputs import check_outputs

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile


@takes_tracking()
def report(
    tracking: Tracking,
    source: Annotated[Path, typer.Argument(help="A video.")],
    out: Annotated[Path | None, typer.Option(help="Output page, .html; by default SOURCE_report.html.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Track the faces of a video and write an HTML report (timelines, events with images, totals) and a CSV file.

    The page is a single, self-contained HTML file. Not a certified driver-monitoring system.
    """
    from rich.console import Console

    from facetrack.capture import open_video
    from facetrack.report import ReportSink
    from facetrack.sinks import CsvSink

    console = Console(stderr=True)
    named, out = out, out or Path(f"{source.stem}_report.html")
    records = out.with_suffix(".csv")
    inputs = (source, *tracking.files)
    check_outputs((named,), (records,) if named else (out, records), inputs, overwrite)
    with ExitStack() as stack:
        frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
        table = stack.enter_context(CsvSink(records, source=inputs))
        page = stack.enter_context(ReportSink(out, source=source, csv_name=records.name))
        tracker = tracking.tracker()
        with progress_bar(console) as progress:
            followed = follow(frames, tracker, None, [table, page], progress)
    console.print(followed.summary())
    console.print(f"wrote {out}\nwrote {records}", highlight=False, soft_wrap=True)
