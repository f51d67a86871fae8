"""`facetrack eval` on labelled faces: how exact networks are, and how they bear what goes wrong."""

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
"""For curves: each face is looked at forty times."""
Models = Annotated[
    list[Path],
    typer.Argument(
        help="Networks (.onnx), run folders that hold model.onnx; MediaPipe's face_landmarker.task as a peer.",
        metavar="NETWORK",
    ),
]
Data = Annotated[Path, typer.Option(help="Labelled faces in any known format: a pack such as data/helen_test.")]
Boxes = Annotated[
    str, typer.Option(help="detector (the bundled one) or truth; else the recipe's own where no tracker takes it.")
]
OffsetFrom = Annotated[
    Path | None,
    typer.Option(help="Other labelled faces (helen_train): take MediaPipe's constant difference from them out, too."),
]
HeldOut = Annotated[
    float,
    typer.Option(min=0, max=0.9, help="Only people that a training with this validation_share held aside: 0.06."),
]


def evaluate(
    models: Models,
    data: Data,
    boxes: Boxes = "",
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the pictures.")] = None,
    offset_from: OffsetFrom = None,
    held_aside: HeldOut = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many faces, spread over all.")] = None,
) -> None:
    """Measure networks: NME in three normalisations, per region and by yaw, failure rate, AUC, Kaggle's RMSE,
    uncertainty; precision, recall and F1 of attributes; time.

    --out adds a report with the curve of errors, the best, median and worst faces, and how it bears shifted boxes.
    """

    if boxes not in ("", *network.BOXES):
        raise FacetrackError(f"--boxes is '{boxes}'; expected detector or truth")
    console = Console()
    with ExitStack() as stack:
        comparison = compare.open_methods(models, offset_from, data, stack)
        samples = compare.read_evaluation_faces(data, held_aside, limit)
        found = comparison.evaluate(samples, boxes, bundled_detector(), held_aside > 0)
    _print(found, data.name, console)
    if out is not None:
        options = {"--boxes": boxes, "--offset-from": offset_from, "--held-aside": held_aside, "--limit": limit}
        command = _command(["eval"], models, {"--data": data, **options, "--out": out})
        compare.save_all(found, out, data.name, command)
        console.print(f"wrote report.md, figures.json and pictures to {out}", highlight=False)


def robustness(
    models: Models,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for robustness.md, robustness.csv and robustness.png.")],
    offset_from: OffsetFrom = None,
    held_aside: HeldOut = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="Only so many faces, spread over all.")] = DEFAULT_FACES,
) -> None:
    """Measure how networks bear shifted and scaled boxes, turned heads, small faces, noise, blur, bad light and JPEG.

    NME of the 68 points and the inner 51, and the faces that were missed or failed, over the amount of each.
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


def _print(found: dict[str, Evaluation], data: str, console: Console) -> None:
    """All figures, those by yaw, and the notes."""

    boxes = ", ".join(dict.fromkeys(one.boxes for one in found.values()))
    table = Table("figure", *found, title=f"{', '.join(found)} on {data}, boxes: {boxes}")
    for name, *values, _ in compare.figure_rows(found):
        table.add_row(name, *values)
    console.print(table)
    head, *rows = by_yaw.cells(compare.yaw_bins(found))
    if rows:
        turned = Table(*head, title="NME 68 / inner 51 by yaw, %")
        for row in rows:
            turned.add_row(*row)
        console.print(turned)
    for note in dict.fromkeys(note for one in found.values() for note in one.notes):
        console.print(note, highlight=False)


def _command(words: list[str], models: list[Path], options: Mapping[str, object]) -> str:
    """What to type for the same run again; options that are not set are left out."""
    given = [word for name, value in options.items() if value for word in (name, str(value))]
    return shlex.join(["facetrack", *words, *map(str, models), *given])
