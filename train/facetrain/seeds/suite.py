"""Training of all seed networks, and a table that compares each result with its authors'.

`facetrack train --suite seeds` calls `train_suite`; with --quick, the recipes' [quick] tables are applied. Every figure
in the table is measured by the run in its row.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facetrain.reporting import markdown
from facetrain.reporting.figures import Figures
from facetrain.seeds.cnn128 import Cnn128Recipe, train_cnn128
from facetrain.seeds.expression import ExpressionRecipe, train_expression
from facetrain.seeds.kaggle import KaggleRecipe, ensemble_rmse, train_kaggle
from facetrain.seeds.tcdcn import TcdcnRecipe, train_tcdcn
from facetrain.training import recipe as recipes
from facetrain.training.run_folder import train_into

Trainer = Callable[[Path, Path, Any], Figures]
DERIVED = "derived from HELEN and YouTube Faces: Kaggle's own files are not here"


@dataclass(frozen=True, slots=True)
class Seed:
    """Seed network and its row in the table.

    recipe: name of the recipe
    train: (data, run folder, recipe) -> figures
    kind: dataclass of the recipe
    data: training data, for the table
    shown: figures for the table, with label and format
    authors: figures that the authors report
    why: reasons for the difference
    """

    recipe: str
    train: Trainer
    kind: type
    data: str
    shown: dict[str, str]
    authors: str
    why: str


KAGGLE_SHOWN = {
    "rmse_px": "RMSE {:.2f} px",
    "loss": "valid loss {:.5f}",
    "rmse_flip_px": "with flip {:.2f}",
    "rmse_mean_shape_px": "mean face {:.2f}",
}
SEEDS = (
    Seed(
        "kaggle-mlp", train_kaggle, KaggleRecipe, DERIVED, KAGGLE_SHOWN,
        "valid loss .00326, RMSE 2.74 px", "other faces; no leaderboard; all points labelled in all rows",
    ),
    Seed(
        "kaggle-cnn", train_kaggle, KaggleRecipe, DERIVED, KAGGLE_SHOWN,
        "RMSE 1.8", "3000 epochs on a GPU there",
    ),
    Seed(
        "kaggle-vgg", train_kaggle, KaggleRecipe, DERIVED, KAGGLE_SHOWN,
        "RMSE 1.66", "a few epochs here; theirs is of Kaggle's private leaderboard",
    ),
    Seed(
        "vgg16", train_kaggle, KaggleRecipe, DERIVED, KAGGLE_SHOWN | {"spread": "spread {:.3f}"},
        "did not converge", "nor does it here: no normalisation, targets in px; the recipe says what was measured",
    ),
    Seed(
        "cnn128", train_cnn128, Cnn128Recipe, "HELEN, YouTube Faces; measured on HELEN-330",
        {"helen_test_nme": "NME {:.2f} %", "nme_shift_0.1": "box shifted by .1: {:.2f} %"},
        "none given: wild faces off until boxes match", "boxes are exact, or jittered as stated",
    ),
    Seed(
        "tcdcn", train_tcdcn, TcdcnRecipe, "MTFL (5 points), tested on its AFLW part; 68 points: HELEN, YouTube Faces",
        {
            "error": "mean error {:.2f} %", "smile_f1": "smile F1 {:.2f}", "glasses_f1": "glasses F1 {:.2f}",
            "gender_f1": "gender F1 {:.2f}", "pose_accuracy": "pose {:.2f}", "dense_nme_pupil": "68 points {:.2f} %",
        },
        "about 8 %; 300-W 5.54 %", "80x80 images, points masked in 2363 of 10,000; no pretraining for the 68",
    ),
    Seed(
        "eac", train_expression, ExpressionRecipe, "expressions pack, 7 classes, people split",
        {"macro_f1": "macro F1 {:.3f}", "accuracy": "accuracy {:.3f}"},
        "EAC-Net: action units, F1 55.9 % (BP4D)",
        "expressions, not action units; from scratch; one afraid face in validation",
    ),
    Seed(
        "expression-vgg", train_expression, ExpressionRecipe, "expressions pack, 7 classes, people split",
        {"macro_f1": "macro F1 {:.3f}", "accuracy": "accuracy {:.3f}"},
        "CIFE: own data", "the body learned landmarks here, not ImageNet",
    ),
)  # fmt: skip


def train_suite(data: Path, out: Path, quick: bool) -> str:
    """Train every seed network in a subfolder of `out`; returns the Markdown table, which is also out/seeds.md."""
    rows = [train_one(seed, data, out, quick) for seed in SEEDS]
    kaggle = [out / name for name in ("kaggle-cnn", "kaggle-vgg") if (out / name / "validation.npz").exists()]
    text = markdown.table(list(rows[0]), [list(row.values()) for row in rows])
    if len(kaggle) > 1:
        text += f"\nMean of {' and '.join(run.name for run in kaggle)}: RMSE {ensemble_rmse(kaggle):.2f} px.\n"
    (out / "seeds.md").write_text(text)
    return text


def train_one(seed: Seed, data: Path, out: Path, quick: bool) -> dict[str, str]:
    """Train in out/RECIPE, resuming from its checkpoint if there is one; returns the row of the table."""
    recipe: Any = recipes.load(seed.kind, recipes.FOLDER / f"{seed.recipe}.toml", (), quick)
    run_dir = out / seed.recipe
    run_dir.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    command = ["facetrack", "train", seed.recipe, "--data", str(data), "--out", str(run_dir), *(["--quick"] * quick)]
    figures = train_into(run_dir, seed.train, data, recipe, shlex.join(command), task_of(seed))
    return row(seed, run_dir, figures, time.monotonic() - started)


def task_of(seed: Seed) -> str:
    """Return the name of the first seed that is trained so, as `tasks.catalogue.task_of` does."""
    return next(other.recipe for other in SEEDS if other.train == seed.train)


def row(seed: Seed, run_dir: Path, figures: Figures, seconds: float) -> dict[str, str]:
    """Return the table row of a run: epochs from its histories, formatted figures."""
    shown = [form.format(figures[name]) for name, form in seed.shown.items() if name in figures]
    return {
        "recipe": seed.recipe,
        "data": seed.data,
        "epochs": ", ".join(epochs_of(path, run_dir) for path in sorted(run_dir.rglob("history.jsonl"))),
        "time": f"{trained_seconds(run_dir, seconds) / 60:.1f} min",
        "figure": ", ".join(shown),
        "authors": seed.authors,
        "why they differ": seed.why,
    }


def epochs_of(history: Path, run_dir: Path) -> str:
    """Return the number of epochs in a history, with the stage's name if it is one of a stage."""
    stage = "" if history.parent == run_dir else f"{history.parent.name} "
    return f"{stage}{len(history.read_text().splitlines())}"


def trained_seconds(run_dir: Path, seconds: float) -> float:
    """Return the duration of the training loops, earlier sessions included, or `seconds` if that is more."""
    lines = [line for path in run_dir.rglob("history.jsonl") for line in path.read_text().splitlines()]
    return max(seconds, sum(json.loads(line)["seconds"] for line in lines))
