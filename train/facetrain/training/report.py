"""Report of a run folder (report.md): data, figures, training, exported networks, recipe; the same for every recipe."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import facetrack
from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.reporting import markdown
from facetrain.reporting.quantities import legend, value_text, worse_than_start
from facetrain.training import recipe as recipes
from facetrain.training.distributed import pick_device
from facetrain.training.fit import FitOptions

NAME = "report.md"
ORDER = ("curves", "best", "median", "worst", "predictions")
"""Pictures that come first; the rest follow by name."""
FOLD = "fold"
"""Beginning of the names of a cross-validation's folders, which a number follows."""
NOTHING_EXPORTED = "Nothing was exported: the network learned nothing useful (see the figures).\n"


def write_report(
    run_dir: Path, command: str, data: Path, recipe: Any, figures: Mapping[str, float], resumed: bool
) -> Path:
    """Write run_dir/report.md of a finished training; returns its path.

    Networks, histories and pictures are read from the run folder.
    command: as typed
    recipe: resolved, with presets, [quick] and overrides applied
    resumed: whether the training was resumed from a checkpoint
    """
    path = run_dir / NAME
    stages = stage_folders(run_dir)
    specs = {folder: OnnxEngine(folder / "model.onnx").spec for folder in stages if (folder / "model.onnx").is_file()}
    parts = [
        f"# {run_dir.resolve().name}\n",
        markdown.code(command, "sh"),
        _data(data, list(specs.values())),
        "## Figures\n",
        *(f"**{sentence}**\n" for sentence in (worse_than_start(figures),) if sentence),
        markdown.table(("figure", "value"), [(name, value_text(name, value)) for name, value in figures.items()]),
        legend(figures) + "\n",
        "## Training\n",
        _training(run_dir, stages, recipe, resumed),
        markdown.pictures((picture for folder in stages for picture in pictures_in(folder)), run_dir),
        "## The exported network\n",
        "\n".join(_network(run_dir, folder, spec) for folder, spec in specs.items()) or NOTHING_EXPORTED,
        "## The recipe in full\n",
        markdown.code(recipes.dump(recipe), "toml"),
    ]
    path.write_text("\n".join(part for part in parts if part))
    return path


def stage_folders(run_dir: Path) -> list[Path]:
    """Return the run's folder and those of its stages, the subfolders with a history that are no folds."""
    folders = sorted(path.parent for path in run_dir.glob("*/history.jsonl"))
    return [run_dir, *(path for path in folders if not re.fullmatch(rf"{FOLD}\d+", path.name))]


def pictures_in(folder: Path) -> list[Path]:
    """Return the folder's pictures, those of ORDER first."""
    pictures = {path.stem: path for path in sorted(folder.glob("*.png"))}
    names = [name for name in ORDER if name in pictures]
    return [pictures[name] for name in (*names, *(name for name in pictures if name not in ORDER))]


def _data(data: Path, specs: list[ModelSpec]) -> str:
    sets = list(dict.fromkeys(line for spec in specs for line in spec.data))
    terms = list(dict.fromkeys(spec.terms for spec in specs))
    lines = [f"Trained on `{data}`{':' if sets else '.'}\n", *(f"- {line}" for line in sets)]
    return "\n".join([*lines, "", *(f"**{line}**\n" for line in terms)])


def _training(run_dir: Path, stages: list[Path], recipe: Any, resumed: bool) -> str:
    histories = {folder: _history(folder) for folder in stages}
    rows = [
        (_stage(run_dir, folder, "epochs"), f"{len(entries)} in {_minutes(sum(e['seconds'] for e in entries))}")
        for folder, entries in histories.items()
        if entries
    ]
    rows += [("device", _device(recipe)), ("facetrack", facetrack.__version__), ("torch", str(torch.__version__))]
    rows += [("Python", platform.python_version()), ("system", f"{platform.system()} {platform.machine()}")]
    note = "\nResumed: epochs and time are those of all sessions, device and versions the last one's.\n"
    return markdown.table(("", ""), rows) + (note if resumed else "")


def _history(folder: Path) -> list[dict[str, float]]:
    path = folder / "history.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def _stage(run_dir: Path, folder: Path, name: str) -> str:
    return name if folder == run_dir else f"{name}, stage {folder.name}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _device(recipe: Any) -> str:
    """Describe the device that the options of the recipe's first stage select."""
    values = (getattr(recipe, field.name) for field in dataclasses.fields(recipe))
    options = next((value for value in values if isinstance(value, FitOptions)), FitOptions())
    device = pick_device(options.device)
    if device.type == "cuda" and torch.cuda.is_available():
        return f"{device.type}, {torch.cuda.get_device_name(device)}"
    threads = options.threads or torch.get_num_threads()
    return f"{device.type}, {threads} of {os.cpu_count()} threads"


def _network(run_dir: Path, folder: Path, spec: ModelSpec) -> str:
    """Describe an exported network: outputs, parity with torch, commands that use it."""
    file = (folder / "model.onnx").relative_to(run_dir)
    size = "any size" if spec.input_px is None else f"{spec.input_px} px"
    parity = [(name, f"{value:.2g}") for name, value in spec.parity.items()]
    return "\n".join(
        [
            f"`{file}`: {spec.kind} network `{spec.name}`, {size}, {spec.topology}.\n",
            markdown.table(("output", "meaning"), spec.outputs.items()),
            "Largest difference between torch and ONNX Runtime, on real crops:\n",
            markdown.table(("output", "difference"), parity),
            markdown.code("\n".join(next_commands(folder, spec)), "sh"),
        ]
    )


def next_command(run_dir: Path) -> str:
    """Return the command that runs a finished run's network, "" if it has none that the tracker runs."""
    path = run_dir / "model.onnx"
    spec = OnnxEngine(path).spec if path.is_file() else None
    return next_commands(run_dir, spec)[0] if spec is not None and fits_tracker(spec) else ""


def next_commands(folder: Path, spec: ModelSpec) -> list[str]:
    """Return the commands that run and evaluate a run folder's network."""
    model = shlex.quote(str(folder / "model.onnx"))
    if spec.kind == "detector":
        return [f"facetrack eval detector --data DATA --model {model}"]
    run = [f"facetrack live --model {model}", f"facetrack video in.mp4 --out annotated.mp4 --model {model}"]
    measure = f"facetrack eval {shlex.quote(str(folder))} --data LABELLED --out figures"
    return [*run, measure] if fits_tracker(spec) else [measure]
