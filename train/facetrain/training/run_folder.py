"""Entry point of every training, so that all run folders have the same contents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from facetrain.training import recipe as recipes
from facetrain.training.report import write_report

Train = Callable[[Path, Path, Any], dict[str, float]]


def train_into(run_dir: Path, train: Train, data: Path, recipe: Any, command: str) -> dict[str, float]:
    """Train, or resume from the folder's checkpoint; returns the figures.

    The folder also gets recipe.toml (even if the training fails, but not if the data cannot be read: a typing mistake
    leaves no folder) and, at the end, report.md.
    train: (data, run folder, recipe) -> figures
    command: as typed, for the report
    """
    resumed = next(run_dir.rglob("last.pt"), None) is not None
    try:
        figures = train(data, run_dir, recipe)
    finally:
        if run_dir.is_dir():
            (run_dir / "recipe.toml").write_text(recipes.dump(recipe))
    write_report(run_dir, command, data, recipe, figures, resumed)
    return figures
