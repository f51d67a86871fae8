"""`facetrack train`: the door to facetrain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.errors import MissingExtraError

app = typer.Typer(no_args_is_help=True, help="Train a network and export it. Needs the extra `train`: see the README.")

Data = Annotated[Path, typer.Option(help="Folder with the training packs.")]
Out = Annotated[
    Path, typer.Option(help="Run folder: checkpoints, curves, predictions, model.onnx. Resumes what it holds.")
]
RecipeFile = Annotated[Path | None, typer.Option("--recipe", help="A recipe (TOML) instead of the bundled one.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Override a value of the recipe, as in fit.epochs=3.")]


@app.command()
def landmarks(data: Data, out: Out = Path("runs/landmarks"), recipe: RecipeFile = None, set_: Set = None) -> None:
    """Train the 68-point landmark network."""
    _need_training()
    from facetrain.landmark_task import LandmarkRecipe, train_landmarks

    _run(LandmarkRecipe, train_landmarks, "landmarks", data, out, recipe, set_)


@app.command()
def detector(data: Data, out: Out = Path("runs/detector"), recipe: RecipeFile = None, set_: Set = None) -> None:
    """Train the face detector."""
    _need_training()
    from facetrain.detector_task import DetectorRecipe, train_detector

    _run(DetectorRecipe, train_detector, "detector", data, out, recipe, set_)


def _need_training() -> None:
    try:
        import matplotlib
        import onnx
        import safetensors
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"training needs the package {error.name}; install the extra: python -m pip install 'facetrack[train]'"
        ) from error
    del matplotlib, onnx, safetensors


def _run(kind, trainer, name: str, data: Path, out: Path, recipe: Path | None, overrides: list[str] | None) -> None:  # type: ignore[no-untyped-def]
    """Read the recipe, keep it with the run, train."""
    from rich.console import Console

    from facetrack.errors import DataError
    from facetrain import recipe as recipes

    if not data.is_dir():
        raise DataError(f"{data} is not a folder; expected the folder that holds the training packs")
    resolved = recipes.load(kind, recipe or recipes.FOLDER / f"{name}.toml", overrides or [])
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.toml").write_text(recipes.dump(resolved))
    path = trainer(data, out, resolved)
    Console().print(
        f"wrote {path}; curves.png and predictions.png lie beside it, `tensorboard --logdir {out}` shows the log"
    )
