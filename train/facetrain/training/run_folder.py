"""Entry point of every training, so that all run folders have the same contents."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import facetrack
from facetrack.errors import DataError
from facetrack.modelfile import bundled_path
from facetrain.reporting.progress import logged_to, say
from facetrain.reporting.quantities import worse_than_start, written
from facetrain.training import recipe as recipes
from facetrain.training.distributed import folder_to_write
from facetrain.training.report import next_command, write_report

Train = Callable[[Path, Path, Any], dict[str, float]]
RECIPE = "recipe.toml"
NO_INFLUENCE = ("name", "reproduce", "fit.workers", "fit.threads", "fit.device", "fit.compile")
"""Settings that may differ when a run is resumed."""


def train_into(run_dir: Path, train: Train, data: Path, recipe: Any, command: str, task: str) -> dict[str, float]:
    """Train, or resume from the folder's checkpoint; returns the figures.

    The folder also gets recipe.toml, log.txt (even if the training fails, but not if the data cannot be read: a typing
    mistake leaves no folder) and, at the end, report.md.
    train: (data, run folder, recipe) -> figures
    command: as typed, for the report
    task: the recipe's name in `tasks.catalogue`
    Raises DataError if the folder holds a run with other settings.
    """
    resumed = next(run_dir.rglob("last.pt"), None) is not None
    if resumed:
        check_same_run(run_dir, recipe, data, task)
    recipe_text = recorded(run_dir, data, recipe, command, task)
    with folder_to_write(run_dir) as folder, logged_to(folder, {RECIPE: recipe_text}):
        say(f"{task}, from {data} into {run_dir}" + (": resumed from its checkpoint" if resumed else ""))
        figures = train(data, folder, recipe)
        if folder == run_dir:
            write_report(run_dir, command, data, recipe, figures, resumed)
            _say_result(run_dir, figures)
    return figures


def _say_result(run_dir: Path, figures: Mapping[str, float]) -> None:
    for name, value in figures.items():
        say(f"  {written(name, value)}")
    worse = worse_than_start(figures)
    if worse:
        say(worse)
    say(f"wrote {run_dir / 'report.md'}; `tensorboard --logdir {run_dir}` shows the curves")
    tried = next_command(run_dir)
    if tried:
        say(f"try it: {tried}")


def recorded(run_dir: Path, data: Path, recipe: Any, command: str, task: str) -> str:
    """Return recipe.toml: every setting, and in the table [run] data, initial weights and version.

    `facetrack train RUN/recipe.toml --out ANOTHER` trains the same network again.
    """
    init = str(getattr(recipe, "init", ""))
    run = {"data": str(data), "command": command, "facetrack": facetrack.__version__, "init_sha256": hash_of(init)}
    head = f"# Again: facetrack train {run_dir / RECIPE} --out ANOTHER_FOLDER\n"
    return f'{head}task = "{task}"\n{recipes.dump(recipe)}\n{recipes.dump_table("run", run)}'


def hash_of(init: str) -> str:
    """Return the SHA-256 of the file that a recipe's `init` names, "" where there is none."""
    path = bundled_path("landmarks68") if init == "bundled" else Path(init)
    return sha256(path.read_bytes()).hexdigest() if init and path.is_file() else ""


def check_same_run(run_dir: Path, recipe: Any, data: Path, task: str) -> None:
    """Raise DataError if a folder's run was begun with other data, weights or settings that its result depends on."""
    path = run_dir / RECIPE
    if not path.is_file():
        return
    old = tomllib.loads(path.read_text(encoding="utf-8"))
    run, begun_as = old.pop("run", {}), old.pop("task", task)
    new = tomllib.loads(recipes.dump(recipe))
    before, now = dict(_flat(old)), dict(_flat(new))
    changed = [
        f"{name} {before.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in before.keys() | now.keys()
        if before.get(name) != now.get(name) and name not in NO_INFLUENCE
    ]
    if begun_as != task:
        changed.append(f"task {begun_as}, now {task}")
    init = str(getattr(recipe, "init", ""))
    if run.get("init_sha256", hash_of(init)) != hash_of(init):
        changed.append(f"other weights in {init or 'no file'}")
    if "data" in run and Path(run["data"]).resolve() != data.resolve():
        changed.append(f"data {run['data']}, now {data}")
    if changed:
        raise DataError(
            f"{run_dir} holds a run that was begun with other settings ({'; '.join(sorted(changed)[:3])}); choose "
            "another --out, or give its settings to resume it"
        )


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield path + name, value
