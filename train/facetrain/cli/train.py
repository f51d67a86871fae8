"""`facetrack train`: training of a recipe or a suite of recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.errors import DataError
from facetrack.types.address import typed_command
from facetrain.reporting.progress import say, step
from facetrain.tasks.about import ABOUT

ALONE, ALONE_DATA = "landmarks", Path("synthetic:240")
ALONE_SETTINGS = (
    *("init=bundled", "validation_share=0.2", "fit.epochs=2", "fit.batch=32", "fit.learning_rate=5e-4"),
    "fit.ema_decay=0.95",
)
"""What `facetrack train` trains without any argument. It starts from the bundled network: from random weights the NME
is still 20 % after 256 such steps. Of the 240 faces 32 are held out: the 30 that a figure needs."""

# Each help text fits one line of a terminal 80 columns wide, so that --help fits 24 lines.
Recipe = Annotated[str, typer.Argument(help="One of the names above, or a TOML file.", metavar="[RECIPE]")]
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
    """Train a network into a folder: report.md, curves, sheets, model.onnx. Alone: a first one.

    landmarks, landmarks-self, landmarks-large, landmarks-turned, landmarks-free, finetune,
    attributes, appearance, expression, eyes, blendshapes, detector; reimplementations of published networks:
    kaggle-mlp, kaggle-cnn, kaggle-vgg, vgg16, cnn128, tcdcn, eac, expression-vgg.
    Needs the extra `train`. Several GPUs: torchrun -m facetrack train ...
    """
    if suite:
        _train_suite(suite, data, out, quick)
        return
    if not recipe and data is None:
        _list_recipes()
        say(
            f"Now {ALONE}, short: the bundled network, trained further on drawn faces in some minutes. It gets better "
            "on these, not on photographs: for those give --data YOUR_FACES"
        )
        recipe, data, set_ = ALONE, ALONE_DATA, [*ALONE_SETTINGS, *(set_ or [])]
    elif not recipe:
        raise DataError(
            f"nothing to train: give a recipe, such as {ALONE}, or its file, before --data; `facetrack train` alone "
            "lists the recipes"
        )
    with step("loading torch"):
        from facetrain.tasks import catalogue
        from facetrain.training import recipe as recipes
        from facetrain.training.run_folder import hash_of, train_into
    entry, path = catalogue.find(recipe)
    overrides = [*(set_ or []), *([f"init={init}"] if init else [])]
    resolved = recipes.load(entry.kind, path, overrides, quick)
    run = recipes.run_of(path)
    if data is None and "data" not in run:
        raise DataError("no data: give --data with a folder of packs or labelled faces, or --data synthetic")
    if run.get("init_sha256") and not init and run["init_sha256"] != hash_of(resolved.init):
        say(f"the initial weights {resolved.init} are not those of that run: the result will differ")
    train_into(
        out or Path("runs") / path.stem, entry.train, data or Path(run["data"]), resolved, typed_command(),
        catalogue.task_of(entry),
    )  # fmt: skip


def _train_suite(suite: str, data: Path | None, out: Path | None, quick: bool) -> None:
    if data is None:
        raise DataError(f"no data: give --data with the folder of the packs that the suite {suite} trains on")
    from facetrain.tasks import catalogue

    say(catalogue.train_suite(suite, data, out or Path("runs") / suite, quick))


def _list_recipes() -> None:
    width = max(map(len, ABOUT))
    say("facetrack train RECIPE --data DATA; the recipes:")
    for name, about in ABOUT.items():
        say(f"  {name:<{width}}  {about}")
