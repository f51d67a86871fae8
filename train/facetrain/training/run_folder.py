"""The one door through which every recipe trains, so that every run folder ends up with the same things in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from facetrain.training import recipe as recipes
from facetrain.training.report import write_report

Train = Callable[[Path, Path, Any], dict[str, float]]


def train_into(run_dir: Path, train: Train, data: Path, recipe: Any, command: str) -> dict[str, float]:
    """Train, resuming what the folder holds; returns the figures.

    The folder also gets recipe.toml (even if the training breaks off, but never where not even the data could be read:
    a typing mistake leaves no folder behind) and, at the end, report.md. train: (data, run folder, recipe) -> figures.
    command: as typed, for the report.
    """
    resumed = next(run_dir.rglob("last.pt"), None) is not None
    try:
        figures = train(data, run_dir, recipe)
    finally:
        if run_dir.is_dir():
            (run_dir / "recipe.toml").write_text(recipes.dump(recipe))
    write_report(run_dir, command, data, recipe, figures, resumed)
    return figures
