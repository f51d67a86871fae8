"""`facetrack eval` and `facetrack eval robustness`: accuracy and robustness of networks on labelled faces."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.detector.cnn import bundled_detector
from facetrack.errors import FacetrackError
from facetrain.evaluation.landmarks import compare, network, robustness_report
from facetrain.evaluation.landmarks import robustness as curves
from facetrain.sample import evenly_spaced, usable

DEFAULT_FACES = 150
"""Number of faces for robustness curves, where each face is processed about forty times."""
Models = Annotated[
    list[Path],
    typer.Argument(
        help="Networks (.onnx), run folders that hold model.onnx; MediaPipe's face_landmarker.task as a baseline.",
        metavar="NETWORK",
    ),
]
Data = Annotated[Path, typer.Option(help="Labelled faces in any known format: a pack such as data/helen_test.")]
Boxes = Annotated[
    str,
    typer.Option(
        help="detector (the bundled one) or truth; by default the detector, or the recipe's own crops for networks "
        "that the tracker cannot use."
    ),
]
OffsetFrom = Annotated[
    Path | None,
    typer.Option(
        help="Other labelled faces (helen_train): MediaPipe also with its constant offset from their labels removed."
    ),
]
HeldOut = Annotated[
    float,
    typer.Option(
        "--held-out",
        min=0,
        max=0.9,
        help="Only people held out by a training with this validation_share: 0.06.",
    ),
]


def evaluate(
    models: Models,
    data: Data,
    boxes: Boxes = "",
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the plots.")] = None,
    offset_from: OffsetFrom = None,
    held_out: HeldOut = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N faces, evenly spaced over all.")] = None,
) -> None:
    """Measure networks: landmark errors, attribute metrics, duration.

    NME in three normalisations, per region and by yaw, failure rate, AUC, Kaggle's RMSE, calibration of sigma;
    precision, recall and F1 of attributes; duration per crop.

    --out adds a report with the cumulative error distribution, the best, median and worst faces, and the error under
    shifted and scaled boxes.
    """

    if boxes not in ("", *network.BOXES):
        raise FacetrackError(f"--boxes is '{boxes}'; expected detector or truth")
    console = Console()
    with ExitStack() as stack:
        comparison = compare.open_methods(models, offset_from, data, stack)
        samples = compare.read_evaluation_faces(data, held_out, limit)
        evaluations = comparison.evaluate(samples, boxes, bundled_detector(), held_out > 0)
    compare.report(evaluations, data.name).print(console)
    if out is not None:
        compare.save_all(evaluations, out, data.name)
        console.print(f"wrote report.md, figures.json and plots to {out}", highlight=False)


def robustness(
    models: Models,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for report.md, figures.json, robustness.csv and robustness.png.")],
    offset_from: OffsetFrom = None,
    held_out: HeldOut = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="At most N faces, evenly spaced over all.")] = DEFAULT_FACES,
) -> None:
    """Measure the robustness of networks to image and box corruptions.

    Corruptions: shifted and scaled boxes, in-plane rotation, small faces, noise, blur, gamma and JPEG. NME of the 68
    points and the inner 51, and the share of missed or failed faces, over the severity of each.
    """

    with ExitStack() as stack:
        comparison = compare.open_methods(models, offset_from, data, stack)
        methods = comparison.methods(bundled_detector())
        samples = evenly_spaced(usable(compare.read_evaluation_faces(data, held_out)), limit)
        rows = curves.measure(methods, samples)
    robustness_report.save(rows, samples, out, data.name, comparison.robustness_notes())
    Console().print(f"wrote report.md, figures.json, robustness.csv and robustness.png to {out}", highlight=False)
