"""Registry of the recipes: name -> recipe dataclass and training function."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facetrack.errors import DataError
from facetrain.seeds import cnn128, expression, kaggle, submission, suite, tcdcn
from facetrain.tasks import appearance, attributes, blendshapes, detector, eyes, landmarks, turned
from facetrain.tasks import expression as expression_task
from facetrain.training import recipe


@dataclass(frozen=True, slots=True)
class Entry:
    """Training task of a recipe.

    kind: dataclass of the recipe
    train: (data, run folder, recipe) -> figures
    """

    kind: type[Any]
    train: Callable[[Path, Path, Any], dict[str, float]]


LANDMARKS = Entry(landmarks.LandmarkRecipe, landmarks.train_landmarks)
TURNED = Entry(turned.TurnedRecipe, turned.train_turned)
KAGGLE = Entry(kaggle.KaggleRecipe, kaggle.train_kaggle)
EXPRESSION = Entry(expression.ExpressionRecipe, expression.train_expression)
ENTRIES: dict[str, Entry] = {
    "landmarks": LANDMARKS,
    "landmarks-self": LANDMARKS,
    "landmarks-large": LANDMARKS,
    "finetune": LANDMARKS,
    "landmarks-turned": TURNED,
    "landmarks-free": TURNED,
    "attributes": Entry(attributes.AttributeRecipe, attributes.train_attributes),
    "appearance": Entry(appearance.AppearanceRecipe, appearance.train_appearance),
    "expression": Entry(expression_task.ExpressionTaskRecipe, expression_task.train_expression),
    "eyes": Entry(eyes.EyesRecipe, eyes.train_eyes),
    "blendshapes": Entry(blendshapes.ShapeRecipe, blendshapes.train_blendshapes),
    "detector": Entry(detector.DetectorRecipe, detector.train_detector),
    "kaggle-mlp": KAGGLE,
    "kaggle-cnn": KAGGLE,
    "kaggle-vgg": KAGGLE,
    "vgg16": KAGGLE,
    "cnn128": Entry(cnn128.Cnn128Recipe, cnn128.train_cnn128),
    "tcdcn": Entry(tcdcn.TcdcnRecipe, tcdcn.train_tcdcn),
    "eac": EXPRESSION,
    "expression-vgg": EXPRESSION,
}


def find(name: str) -> tuple[Entry, Path]:
    """Return the entry and the file of a recipe, by its bundled name or the path of a TOML file with `task = NAME`.

    Raises DataError for an unknown recipe.
    """
    if name in ENTRIES:
        return ENTRIES[name], recipe.FOLDER / f"{name}.toml"
    path = Path(name)
    if not path.is_file():
        raise DataError(
            f"there is no recipe '{name}'; expected one of {', '.join(ENTRIES)}, or the path of a TOML file"
        )
    task = _task_of(path)
    if task not in ENTRIES:
        raise DataError(f"{path}: task is '{task}'; expected `task = \"..\"` with one of {', '.join(ENTRIES)}")
    return ENTRIES[task], path


def task_of(entry: Entry) -> str:
    """Return the name of the first recipe with this entry, which a file's key `task` may give."""
    return next(name for name, other in ENTRIES.items() if other == entry)


def _task_of(path: Path) -> str:
    """Return a recipe's `task`, by default its file name without suffix."""
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a recipe ({error}); expected a TOML file") from error
    return str(values.get("task", path.stem))


def train_suite(name: str, data: Path, out: Path, quick: bool) -> str:
    """Train a suite of recipes; returns its table as Markdown. Raises DataError for an unknown suite."""
    if name != "seeds":
        raise DataError(f"there is no suite '{name}'; expected seeds")
    return suite.train_suite(data, out, quick)


def submit(runs: Sequence[Path], test: Path, lookup: Path, out: Path, flip: bool = False) -> int:
    """Write Kaggle's submission of the mean of several runs (see `seeds.submission`); returns the number of images."""
    return submission.submit(runs, test, lookup, out, flip)
