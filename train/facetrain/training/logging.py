"""Logging of a training run: progress bar, a console line per epoch, TensorBoard, plot of the curves."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from facetrain.reporting.progress import console, say, say_once
from facetrain.reporting.quantities import legend, written


def progress_bar(shown: bool) -> Progress:
    """Make a progress bar with steps, remaining time and the last loss (the field `loss`)."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )


def describe(entry: dict[str, float], epochs: int) -> str:
    """Return an epoch's line: its duration, the loss, and what validation gives, with units."""
    head = [f"epoch {entry['epoch'] + 1:.0f}/{epochs}", f"{entry['seconds']:.0f} s"]
    return "  ".join([*head, *(written(name, value) for name, value in _shown(entry).items())])


def say_epoch(entry: dict[str, float], epochs: int) -> None:
    """Print an epoch's line; below the first one with new figures what these mean."""
    say(describe(entry, epochs))
    say_once(f"  {legend(_shown(entry))}")


def _shown(entry: dict[str, float]) -> dict[str, float]:
    """Return the loss and the validation figures; the loss's terms are in the curves."""
    validation = {name.removeprefix("val_"): value for name, value in entry.items() if name.startswith("val_")}
    return {"total": entry["train_total"]} | validation


def log(entry: dict[str, float], folder: Path, epoch: int) -> None:
    """Write an epoch's figures for TensorBoard; one file per epoch, so that a crash leaves no incomplete file."""
    with SummaryWriter(str(folder)) as board:
        for name, value in entry.items():
            board.add_scalar(name, value, epoch)


def save_curves(history: list[dict[str, float]], path: Path) -> None:
    """Plot the losses (left) and the validation figures (right) over the epochs."""
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    _plot(left, history, "train_", "training loss")
    _plot(right, history, "val_", "validation")
    figure.savefig(path, dpi=110)


def _plot(axis: Axes, history: list[dict[str, float]], prefix: str, title: str) -> None:
    """Plot every figure whose name starts with `prefix`, on a logarithmic axis if all values are positive."""
    epochs = [entry["epoch"] + 1 for entry in history]
    names = [name for name in history[-1] if name.startswith(prefix)]
    values = [[entry.get(name, float("nan")) for entry in history] for name in names]
    for name, line in zip(names, values, strict=True):
        axis.plot(epochs, line, ".-", label=name.removeprefix(prefix))
    if names:
        axis.legend(fontsize="small")
    if values and min(map(min, values)) > 0:
        axis.set_yscale("log")
    axis.set(title=title, xlabel="epoch")
    axis.grid(alpha=0.3)
