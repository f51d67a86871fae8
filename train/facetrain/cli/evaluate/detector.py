"""`facetrack eval detector`: comparison of detectors on the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.modelfile import bundled_path
from facetrain.evaluation.detector import measure, methods, report


def detector(
    data: Annotated[
        Path, typer.Option(help="Folder with the packs; the baselines' model files are in the folder models beside it.")
    ],
    model: Annotated[
        list[Path] | None, typer.Option(help="A detector (.onnx) instead of the bundled one; give several to compare.")
    ] = None,
    side: Annotated[
        int, typer.Option(min=32, help="Longer side of the input of facetrack's detectors and of YuNet, px.")
    ] = 320,
    labels: Annotated[
        Path | None, typer.Option(help="Folder of aflw21's label table, for turned faces; DATA/labels by default.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N faces per row of the table, for a trial.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and recall.png.")] = None,
) -> None:
    """Compare detectors with YuNet and MediaPipe's short-range detector.

    False positives, recall by size, in-plane rotation, corruption and yaw, average precision, real clips, duration of
    a call. On held-out people and images of the detector's training; needs about ten minutes.
    """

    opened, left_out = methods.open_methods(model or [bundled_path("detector")], data.parent / "models", side)
    report.report(list(measure.measure(opened, data, limit, labels)), left_out).output(out)
