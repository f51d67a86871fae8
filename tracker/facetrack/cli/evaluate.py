"""`facetrack eval`: measure a network on labelled faces."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.train import need_training


def evaluate(
    model: Annotated[Path, typer.Argument(help="A network (.onnx), or the run folder that holds model.onnx.")],
    data: Annotated[Path, typer.Option(help="Labelled faces in any known format: a pack such as data/helen_test.")],
    boxes: Annotated[
        str, typer.Option(help="detector (the bundled one) or truth; else the recipe's own where no tracker takes it.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and the pictures.")] = None,
) -> None:
    """Measure a network: NME in three normalisations and per region, failure rate, AUC, Kaggle's RMSE, uncertainty;
    precision, recall and F1 of attributes; time.

    --out adds a report with the curve of errors, the best, median and worst faces, and how it bears shifted boxes.
    """
    need_training()
    from rich.console import Console
    from rich.table import Table

    from facetrack.engine.onnx import OnnxEngine
    from facetrack.errors import FacetrackError
    from facetrack.tracker import bundled_detector
    from facetrain import evaluate_network
    from facetrain.datasets.result import print_left_out
    from facetrain.evaluate import read_labelled

    if boxes not in ("", *evaluate_network.BOXES):
        raise FacetrackError(f"--boxes is '{boxes}'; expected detector or truth")
    engine = OnnxEngine(evaluate_network.model_path(model))
    labelled = read_labelled(data)
    print_left_out(labelled.problems)
    found = evaluate_network.evaluate_network(engine, labelled.samples, boxes, bundled_detector())
    console = Console()
    table = Table("figure", "value", title=f"{model.name} on {data.name}, boxes: {found.boxes}")
    for name, value in found.figures.items():
        table.add_row(name, f"{value:.3f}" if value % 1 else f"{value:.0f}")
    console.print(table)
    for note in found.notes:
        console.print(note, highlight=False)
    if out is not None:
        words = ["facetrack", "eval", str(model), "--data", str(data)] + (["--boxes", boxes] if boxes else [])
        evaluate_network.save(found, out, model.name, data.name, shlex.join([*words, "--out", str(out)]))
        console.print(f"wrote report.md, figures.json and pictures to {out}", highlight=False)
