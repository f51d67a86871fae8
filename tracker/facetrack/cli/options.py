"""Options that several commands share, and what they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.tracker import FaceTracker

Model = Annotated[Path | None, typer.Option(help="A landmark network (.onnx) instead of the bundled one.")]
Smooth = Annotated[str, typer.Option(help="How much to smooth over time: off, low, medium or high.")]
MaxFaces = Annotated[int, typer.Option(min=1, help="Follow at most this many faces, the largest first.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads of the networks.")]
Json = Annotated[str | None, typer.Option("--json", help="Write one JSON object per frame here; - is standard output.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write one row per face and frame here.")]


def make_tracker(model: Path | None, smooth: str, max_faces: int, threads: int, detector_px: int = 320) -> FaceTracker:
    """A tracker as the options ask for it."""
    from facetrack.tracker import FaceTracker, TrackerOptions

    try:
        options = TrackerOptions(max_faces=max_faces, smoothing=smooth)
    except ValueError as error:
        raise FacetrackError(str(error)) from error
    return FaceTracker.from_weights(model, options, threads, detector_px)
