"""Report of a robustness measurement: tables, curves, robustness.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import asdict, astuple, fields
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facetrain.evaluation.landmarks.corruptions import ALL, Corruption
from facetrain.evaluation.landmarks.robustness import FAILURE_NME, Row
from facetrain.reporting.figures import finite
from facetrain.reporting.report import Report, Table
from facetrain.sample import Sample, face_extent

NME_SHOWN = 12.0
"""Maximum of the error axes, %: larger errors are useless in practice and would flatten the rest."""
TITLES = ("NME, 68 points, %", "NME, inner 51, %", f"missed or above {FAILURE_NME:g} %, % of faces")


def save(rows: list[Row], samples: list[Sample], folder: Path, data: str, notes: list[str]) -> None:
    """Write report.md, figures.json, robustness.csv and robustness.png."""
    report(rows, samples, data, notes).save(folder)
    with (folder / "robustness.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(Row))
        writer.writerows([f"{x:.5g}" if isinstance(x, float) else x for x in finite(astuple(row))] for row in rows)


def report(rows: list[Row], samples: list[Sample], data: str, notes: list[str]) -> Report:
    """Return the report of one run.

    samples: samples that were measured
    notes: remarks for the reader of the report
    """
    side = float(np.median([face_extent(sample.points) for sample in samples]))
    intro = (
        f"{len(samples)} faces of {side:.0f} px (median of the longer sides). In each cell: NME, normalised by the "
        "distance of the outer eye corners, 68 points / inner 51, %, mean over the detected faces; then the share of "
        f"failed faces: missed, or above {FAILURE_NME:g} %. If faces were missed, their number follows, and the mean "
        "is over the remaining, easier ones.",
        "Box shifted and scaled: the network gets the exact box, shifted or scaled. All other corruptions change the "
        "image, in which each method's own detector detects the face.",
    )
    return Report(
        f"Robustness on {data}",
        [_table(corruption, rows) for corruption in _measured(rows)],
        [asdict(row) for row in rows],
        [*intro, *notes],
        plots={"robustness.png": partial(save_curves, rows)},
    )


def _measured(rows: list[Row]) -> list[Corruption]:
    names = {row.corruption for row in rows}
    return [corruption for corruption in ALL if corruption.name in names]


def _methods(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _table(corruption: Corruption, rows: list[Row]) -> Table:
    cells = {(row.method, row.amount): _cell(row) for row in rows if row.corruption == corruption.name}
    amounts = list(dict.fromkeys(amount for _, amount in cells))
    head = (f"{corruption.name}, {corruption.unit}", *(f"{amount:g}" for amount in amounts))
    lines = [(name, *(cells[name, amount] for amount in amounts)) for name in _methods(rows)]
    return Table(corruption.name, head, lines)


def _cell(row: Row) -> str:
    missed = f" ({row.missed} missed)" if row.missed else ""
    if np.isnan(row.nme_68):
        return f"none detected{missed}"
    return f"{row.nme_68:.2f} / {row.nme_51:.2f}; {row.failed:.1f} %{missed}"


def save_curves(rows: list[Row], path: Path) -> None:
    """Draw a row of three plots for each corruption, a colour for each method."""
    corruptions, names = _measured(rows), _methods(rows)
    figure = Figure(figsize=(11, 2 * len(corruptions) + 1), layout="constrained")
    axes = figure.subplots(len(corruptions), len(TITLES), squeeze=False)
    for row_axes, corruption in zip(axes, corruptions, strict=True):
        for name in names:
            method_rows = [row for row in rows if (row.corruption, row.method) == (corruption.name, name)]
            columns = zip(*((row.nme_68, row.nme_51, row.failed) for row in method_rows), strict=True)
            for axis, values in zip(row_axes, columns, strict=True):
                axis.plot([row.amount for row in method_rows], values, ".-", label=name)
        _finish(row_axes, corruption)
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title, fontsize="medium")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=min(len(names), 4))
    figure.savefig(path, dpi=100)


def _finish(row_axes: Iterable[Axes], corruption: Corruption) -> None:
    """Start the axes at 0, give both errors the same scale, and set a tick for each amount."""
    errors_left, errors_right, failed = row_axes
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
