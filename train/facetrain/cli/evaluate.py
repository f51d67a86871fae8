"""`facetrack eval` and `facetrack eval robustness`: accuracy and robustness of networks on labelled faces."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from facetrack.errors import FacetrackError
from facetrack.tracking.tracker import bundled_detector
from facetrain.evaluation.landmarks import by_yaw, compare, network, robustness_report
from facetrain.evaluation.landmarks import robustness as curves
from facetrain.evaluation.landmarks.network import Evaluation
from facetrain.sample import usable

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
    typer.Option(min=0, max=0.9, help="Only people held out by a training with this validation_share: 0.06."),
]


def evaluate(
    models: Models,
    data: Data,
    boxes: Boxes = "",
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the plots.")] = None,
    offset_from: OffsetFrom = None,
    held_aside: HeldOut = 0.0,
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
        samples = compare.read_evaluation_faces(data, held_aside, limit)
        evaluations = comparison.evaluate(samples, boxes, bundled_detector(), held_aside > 0)
    _print(evaluations, data.name, console)
    if out is not None:
        options = {"--boxes": boxes, "--offset-from": offset_from, "--held-aside": held_aside, "--limit": limit}
        command = _command(["eval"], models, {"--data": data, **options, "--out": out})
        compare.save_all(evaluations, out, data.name, command)
        console.print(f"wrote report.md, figures.json and plots to {out}", highlight=False)


def robustness(
    models: Models,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for robustness.md, robustness.csv and robustness.png.")],
    offset_from: OffsetFrom = None,
    held_aside: HeldOut = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="At most N faces, evenly spaced over all.")] = DEFAULT_FACES,
) -> None:
    """Measure the robustness of networks to image and box corruptions.

    Corruptions: shifted and scaled boxes, in-plane rotation, small faces, noise, blur, gamma and JPEG. NME of the 68
    points and the inner 51, and the share of missed or failed faces, over the severity of each.
    """

    with ExitStack() as stack:
        comparison = compare.open_methods(models, offset_from, data, stack)
        methods = comparison.methods(bundled_detector())
        samples = compare.evenly_spaced(usable(compare.read_evaluation_faces(data, held_aside)), limit)
        rows = curves.measure(methods, samples)
    options = {"--data": data, "--offset-from": offset_from, "--held-aside": held_aside}
    options |= {"--limit": None if limit == DEFAULT_FACES else limit, "--out": out}
    command = _command(["eval", "robustness"], models, options)
    robustness_report.save(rows, samples, out, data.name, command, comparison.robustness_notes())
    Console().print(f"wrote robustness.md, robustness.csv and robustness.png to {out}", highlight=False)


def _print(evaluations: dict[str, Evaluation], data: str, console: Console) -> None:
    """Print all figures, the errors by yaw, and the notes."""

    boxes = ", ".join(dict.fromkeys(evaluation.boxes for evaluation in evaluations.values()))
    table = Table("metric", *evaluations, title=f"{', '.join(evaluations)} on {data}, boxes: {boxes}")
    for name, *values, _ in compare.figure_rows(evaluations):
        table.add_row(name, *values)
    console.print(table)
    head, *rows = by_yaw.cells(compare.yaw_bins(evaluations))
    if rows:
        yaw_table = Table(*head, title="NME 68 / inner 51 by yaw, %")
        for row in rows:
            yaw_table.add_row(*row)
        console.print(yaw_table)
    for note in dict.fromkeys(note for evaluation in evaluations.values() for note in evaluation.notes):
        console.print(note, highlight=False)


def _command(words: list[str], models: list[Path], options: Mapping[str, object]) -> str:
    """Return the command line that repeats the run; options that are not set are omitted."""
    option_words = [word for name, value in options.items() if value for word in (name, str(value))]
    return shlex.join(["facetrack", *words, *map(str, models), *option_words])
