"""What a run of `robustness` leaves behind: a table to read, a table to compute with, a picture to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facetrain.evaluation.landmarks.corruptions import ALL, Corruption
from facetrain.evaluation.landmarks.robustness import FAILURE_NME, Row
from facetrain.reporting import markdown
from facetrain.sample import Sample, face_extent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NME_SHOWN = 12.0
"""Upper end of the errors' axes, %: what is worse is of no use, and would flatten the rest."""
TITLES = ("NME, 68 points, %", "NME, inner 51, %", f"missed or above {FAILURE_NME:g} %, % of faces")


def save(rows: list[Row], samples: list[Sample], folder: Path, data: str, command: str, notes: list[str]) -> None:
    """robustness.md, robustness.csv and robustness.png."""
    text = report(rows, samples, data, command, notes)
    folder.mkdir(parents=True, exist_ok=True)
    save_curves(rows, folder / "robustness.png")
    (folder / "robustness.csv").write_text(as_csv(rows))
    (folder / "robustness.md").write_text(text)


def as_csv(rows: list[Row]) -> str:
    """A line for each row; what is not known is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(field.name for field in fields(Row))
    for row in rows:
        writer.writerow(_plain(value) for value in astuple(row))
    return out.getvalue()


def _plain(value: object) -> object:
    if not isinstance(value, float):
        return value
    return "" if np.isnan(value) else f"{value:.5g}"


def report(rows: list[Row], samples: list[Sample], data: str, command: str, notes: list[str]) -> str:
    """The Markdown of one run. samples: those measured. notes: sentences that a reader of the figures must know."""
    side = float(np.median([face_extent(sample.points) for sample in samples]))
    parts = [
        f"# Robustness on {data}\n",
        markdown.code(command),
        f"{len(samples)} faces of {side:.0f} px (the median of their longer sides). In each cell: NME over the outer "
        "eye corners' distance, 68 points / inner 51, %, a mean over the faces found; then the share of all faces that "
        f"failed: missed, or above {FAILURE_NME:g} %. Where faces were missed their number follows, and the mean is "
        "over the easier rest.\n",
        "Box shifted and scaled: the network looks where the exact box, moved, says. Everything else is done to the "
        "picture, in which the face is found by the detector that comes with each.\n",
        *(f"{note}\n" for note in notes),
        *(_table(corruption, rows) for corruption in _measured(rows)),
        "![robustness](robustness.png)\n",
    ]
    return "\n".join(parts)


def _measured(rows: list[Row]) -> list[Corruption]:
    names = {row.corruption for row in rows}
    return [corruption for corruption in ALL if corruption.name in names]


def _methods(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _table(corruption: Corruption, rows: list[Row]) -> str:
    cells = {(row.method, row.amount): _cell(row) for row in rows if row.corruption == corruption.name}
    amounts = list(dict.fromkeys(amount for _, amount in cells))
    head = (f"{corruption.name}, {corruption.unit}", *(f"{amount:g}" for amount in amounts))
    lines = ((name, *(cells[name, amount] for amount in amounts)) for name in _methods(rows))
    return markdown.table(head, lines)


def _cell(row: Row) -> str:
    missed = f" ({row.missed} missed)" if row.missed else ""
    if np.isnan(row.nme_68):
        return f"none found{missed}"
    return f"{row.nme_68:.2f} / {row.nme_51:.2f}; {row.failed:.1f} %{missed}"


def save_curves(rows: list[Row], path: Path) -> None:
    """A line of three plots for each corruption, a colour for each network."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    corruptions, names = _measured(rows), _methods(rows)
    figure = Figure(figsize=(11, 2 * len(corruptions) + 1), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(corruptions), len(TITLES), squeeze=False)
    for line, corruption in zip(axes, corruptions, strict=True):
        for name in names:
            mine = [row for row in rows if (row.corruption, row.method) == (corruption.name, name)]
            columns = zip(*((row.nme_68, row.nme_51, row.failed) for row in mine), strict=True)
            for axis, values in zip(line, columns, strict=True):
                axis.plot([row.amount for row in mine], values, ".-", label=name)
        _finish(line, corruption)
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize="medium")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=min(len(names), 4))
    figure.savefig(path, dpi=100)


def _finish(line: Iterable[Axes], corruption: Corruption) -> None:
    """Axes from 0, both errors on one scale, and a tick for each amount."""
    errors_left, errors_right, failed = line
    top = 1.1 * max(errors_left.get_ylim()[1], errors_right.get_ylim()[1])
    for axis in (errors_left, errors_right):
        axis.set_ylim(0, min(NME_SHOWN, top))
    failed.set_ylim(0, max(10.0, min(105.0, failed.get_ylim()[1])))
    for axis in (errors_left, errors_right, failed):
        if corruption.log:
            axis.set_xscale("log")
        axis.set_xticks(corruption.amounts, [f"{amount:g}" for amount in corruption.amounts])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.set_xlabel(f"{corruption.name}, {corruption.unit}", fontsize="small")
        axis.tick_params(labelsize="small")
