"""`facetrack train`: training of a recipe or a suite of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.errors import DataError
from facetrain.reporting.report import command_line
from facetrain.tasks import catalogue
from facetrain.training import recipe as recipes
from facetrain.training.run_folder import train_into

# Each help text fits one line of a terminal 80 columns wide, so that --help fits 24 lines.
Recipe = Annotated[str, typer.Argument(help="One of the names above, or a TOML file.", metavar="RECIPE")]
Data = Annotated[Path | None, typer.Option(help="Packs, faces in any known format, or `synthetic`.", metavar="PATH")]
Out = Annotated[Path | None, typer.Option(help="Run folder, runs/RECIPE by default; resumed.", metavar="PATH")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override of the recipe: fit.epochs=3.", metavar="KEY=V")]
Init = Annotated[str, typer.Option(help="Initial landmark weights: `bundled` or a file.", metavar="PATH")]
Quick = Annotated[bool, typer.Option("--quick", help="The recipe's short version, as a trial run.", metavar="")]
Suite = Annotated[str, typer.Option(help="Train a suite of recipes instead: seeds.", metavar="NAME")]


def train(
    recipe: Recipe = "",
    data: Data = None,
    out: Out = None,
    set_: Set = None,
    init: Init = "",
    quick: Quick = False,
    suite: Suite = "",
) -> None:
    """Train a network into a folder: report.md, curves, sheets, model.onnx.

    landmarks, landmarks-self, landmarks-large, landmarks-turned, landmarks-free, finetune,
    attributes, appearance, expression, eyes, detector; reimplementations of published networks:
    kaggle-mlp, kaggle-cnn, kaggle-vgg, vgg16, cnn128, tcdcn, eac, expression-vgg.
    Needs the extra `train`. Several GPUs: torchrun -m facetrack train ...
    """

    console = Console(stderr=True)
    if not recipe and not suite:
        known = ", ".join(catalogue.ENTRIES)
        raise DataError(f"nothing to train: give one of {known}, a recipe's path, or --suite seeds")
    if data is None:
        raise DataError("no data: give --data with a folder of packs or labelled faces, or --data synthetic")
    if suite:
        console.print(catalogue.train_suite(suite, data, out or Path("runs") / suite, quick), highlight=False)
        return
    entry, path = catalogue.find(recipe)
    overrides = [*(set_ or []), *([f"init={init}"] if init else [])]
    resolved = recipes.load(entry.kind, path, overrides, quick)
    run_dir = out or Path("runs") / path.stem
    figures = train_into(run_dir, entry.train, data, resolved, command_line())
    for name, value in figures.items():
        console.print(f"{name}: {value:.4g}", highlight=False)
    console.print(f"wrote {run_dir / 'report.md'}; `tensorboard --logdir {run_dir}` shows the log", highlight=False)
