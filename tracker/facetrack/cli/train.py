"""`facetrack train`: the door to facetrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.errors import DataError, MissingExtraError

Recipe = Annotated[str, typer.Argument(help="A bundled recipe's name, or the path of a TOML file.")]
Data = Annotated[Path | None, typer.Option(help="Labelled faces: packs, any known format, or `synthetic`.")]
Out = Annotated[Path | None, typer.Option(help="Run folder (runs/RECIPE by default); what it holds is resumed.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a value of the recipe: fit.epochs=3.")]
Init = Annotated[str, typer.Option(help="Landmarks: start from `bundled` or a path's weights.")]
Quick = Annotated[bool, typer.Option("--quick", help="The recipe's short version, to see that it runs.")]
Suite = Annotated[str, typer.Option(help="Train a whole family instead: seeds.")]


def train(
    recipe: Recipe = "",
    data: Data = None,
    out: Out = None,
    set_: Set = None,
    init: Init = "",
    quick: Quick = False,
    suite: Suite = "",
) -> None:
    """Train a network and export it: checkpoints, curves.png, predictions.png, model.onnx.

    Recipes: landmarks, finetune, detector; of the networks that this grew from: kaggle-mlp, kaggle-cnn, kaggle-vgg,
    vgg16, cnn128, tcdcn, eac, expression-vgg. Needs the extra `train` (see the README). Several GPUs: torchrun -m
    facetrack train ...
    """
    need_training()
    from rich.console import Console

    from facetrain import catalogue
    from facetrain import recipe as recipes

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
    try:
        figures = entry.train(data, run_dir, resolved)
    finally:
        if run_dir.is_dir():  # made once the data could be read: a typing mistake leaves no folder behind
            (run_dir / "recipe.toml").write_text(recipes.dump(resolved))
    for name, value in figures.items():
        console.print(f"{name}: {value:.4g}", highlight=False)
    console.print(f"wrote {run_dir}; `tensorboard --logdir {run_dir}` shows the log", highlight=False)


def need_training() -> None:
    """Raise MissingExtraError unless the packages of the extra `train` are there."""
    try:
        import matplotlib
        import onnx
        import safetensors
        import torch
    except ImportError as error:
        raise MissingExtraError(
            f"this needs the package {error.name}; install the extra: python -m pip install 'facetrack[train]'"
        ) from error
    del matplotlib, onnx, safetensors, torch
