"""Pictures of a training run."""

from __future__ import annotations

from pathlib import Path


def save_curves(history: list[dict[str, float]], path: Path) -> None:
    """Losses on the left, validation figures on the right, over the epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = [entry["epoch"] + 1 for entry in history]
    for axis, prefix, title in ((left, "train_", "training loss"), (right, "val_", "validation")):
        for name in history[-1]:
            if name.startswith(prefix):
                axis.plot(
                    epochs, [entry.get(name, float("nan")) for entry in history], ".-", label=name.removeprefix(prefix)
                )
        axis.set(title=title, xlabel="epoch")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    if any(name.startswith("val_") for name in history[-1]):
        right.set_yscale("log")
    figure.savefig(path, dpi=110)
