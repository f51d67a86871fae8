"""`facetrack report`: summary of a video as one HTML page."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.options import (
    DetectorModel,
    DetectorName,
    EngineName,
    FatigueFile,
    MaxFaces,
    Model,
    Priority,
    ProfileFile,
    Provider,
    ShowExpressions,
    Smooth,
    TargetZone,
    Threads,
    signal_options,
)
from facetrack.cli.video import check_distinct, progress_bar
from facetrack.loops.recorded import follow
from facetrack.tracking.build import make_tracker, tracker_options

if TYPE_CHECKING:
    from facetrack.capture import ImageFiles, VideoFile


def report(
    source: Annotated[Path, typer.Argument(help="A video.")],
    out: Annotated[Path | None, typer.Option(help="Output page, .html; by default SOURCE_report.html.")] = None,
    model: Model = None,
    detector: DetectorName = "own",
    detector_model: DetectorModel = None,
    smooth: Smooth = "medium",
    max_faces: MaxFaces = 16,
    priority: Priority = "largest",
    threads: Threads = 1,
    engine: EngineName = "onnx",
    provider: Provider = "cpu",
    profile: ProfileFile = None,
    fatigue_weights: FatigueFile = None,
    target_zone: TargetZone = None,
    expressions: ShowExpressions = False,
) -> None:
    """Track the faces of a video and write an HTML report (timelines, events with images, totals) and a CSV file.

    The page is a single, self-contained HTML file. Not a certified driver-monitoring system.
    """
    from rich.console import Console

    from facetrack.capture import open_video
    from facetrack.report import ReportSink
    from facetrack.sinks import CsvSink

    console = Console(stderr=True)
    out = out or Path(f"{source.stem}_report.html")
    records = out.with_suffix(".csv")
    check_distinct(out, records)
    with ExitStack() as stack:
        frames: VideoFile | ImageFiles = stack.enter_context(open_video(source))  # type: ignore[assignment]
        table = stack.enter_context(CsvSink(records, source=source))
        page = stack.enter_context(ReportSink(out, source=source, csv_name=records.name))
        signals = signal_options(profile, fatigue_weights, target_zone)
        options = tracker_options(smoothing=smooth, max_faces=max_faces, priority=priority, signals=signals)
        tracker = make_tracker(
            model, options, threads, detector=detector, detector_model=detector_model, engine=engine,
            provider=provider, expressions=expressions,
        )  # fmt: skip
        with progress_bar(console) as progress:
            followed = follow(frames, tracker, None, [table, page], progress)
    console.print(followed.summary())
    console.print(f"wrote {out}\nwrote {records}", highlight=False, soft_wrap=True)
