"""Report of a comparison of detectors."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facetrack.types.address import typed_command
from facetrain.evaluation.detector import placed_faces as trials
from facetrain.evaluation.detector.clips import REFERENCE_NOTE
from facetrain.evaluation.detector.measure import EXTRA_GROUP, TIME_GROUP
from facetrain.evaluation.detector.rows import Row
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table

CAVEATS = (
    "All rows except the first five and the scenes' are at the threshold of one false positive in 20 held-out images "
    "without faces. These images were selected as those in which YuNet detects no face: its false positives are fewer "
    "there than elsewhere.",
    "Placed faces: uncorrupted held-out faces of helen_train and ytfaces_train, pasted into such images; detected "
    "means a box of IoU .5 with the extent of the 68 points. The baselines' boxes are converted to that convention by "
    "a mean offset, rotated with the eyes. Facetrack's detectors and YuNet get the frame reduced to the same longer "
    "side, MediaPipe reduces it to 128 px itself.",
    "Turned faces: held-out crops of aflw21, pasted likewise, with the box of the 68 points of a head fitted to AFLW's "
    "own points. AFLW2000-3D is a final check, by which nothing is chosen.",
    "The scenes are synthesised as for the training, in part from faces labelled by YuNet; sizes are those in the "
    "256 px scene.",
    REFERENCE_NOTE,
    "Durations are CPU time, medians of interleaved calls.",
)


def best(row: Row) -> set[str]:
    """Return the names of the best methods of a row; empty if all are equal or no direction is better."""
    known = {name: row.best * value for name, value in row.values.items() if math.isfinite(value)}
    if row.best == 0 or len(set(known.values())) < 2:
        return set()
    return {name for name, value in known.items() if value == max(known.values())}


def report(rows: list[Row], notes: list[str]) -> Report:
    """Return the report of one run; the best value of a row is bold."""
    figures = [asdict(row) | {"values": {name: round(value, 5) for name, value in row.values.items()}} for row in rows]
    tables = [
        Table(group, (group, "count", *rows[0].values), [_cells(row) for row in rows if row.group == group])
        for group in dict.fromkeys(row.group for row in rows)
    ]
    figures_json = {"command": typed_command(), "rows": figures}
    return Report("Detectors", tables, figures_json, [*notes, *CAVEATS], plots={"recall.png": partial(draw, rows)})


def _cells(row: Row) -> list[str]:
    digits, bold = {EXTRA_GROUP: 0, TIME_GROUP: 2}.get(row.group, 3), best(row)
    texts = {name: markdown.fixed(value, digits) for name, value in row.values.items()}
    return [row.name, str(row.count), *(f"**{text}**" if name in bold else text for name, text in texts.items())]


def draw(rows: list[Row], path: Path) -> None:
    """Draw recall over size, in-plane rotation and corruption."""
    figure = Figure(figsize=(16, 5), layout="constrained")
    by_size, by_turn, by_corruption = figure.subplots(1, 3)
    sizes = [row for row in rows if row.group == trials.SIZE_GROUP]
    _curve(by_size, sizes, "", "-")
    by_size.set(xscale="log", xlabel="face's longer side in a 640x480 frame, px", title="size")
    by_size.set_xticks([row.amount for row in sizes], [f"{row.amount:g}" for row in sizes])
    by_size.minorticks_off()
    turns = [row for row in rows if row.group == trials.TURN_GROUP]
    for size, line in zip(trials.TURNED_PX, ("-", "--"), strict=True):
        _curve(by_turn, [row for row in turns if row.name.startswith(f"{size} px")], f", {size} px", line)
    by_turn.set(xlabel="degrees, to both sides", title="in-plane rotation")
    _bars(by_corruption, [row for row in rows if row.group == trials.CORRUPTED_GROUP])
    for axes in (by_size, by_turn):
        axes.set(ylabel="recall", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def _curve(axes: Axes, rows: list[Row], suffix: str, line: str) -> None:
    for index, name in enumerate(rows[0].values):
        values = [row.values[name] for row in rows]
        axes.plot([row.amount for row in rows], values, line, marker="o", color=f"C{index}", label=name + suffix)


def _bars(axes: Axes, rows: list[Row]) -> None:
    names = list(rows[0].values)
    height = 0.8 / len(names)
    for index, name in enumerate(names):
        places = np.arange(len(rows)) + (index - (len(names) - 1) / 2) * height
        axes.barh(places, [row.values[name] for row in rows], height, color=f"C{index}", label=name)
    axes.set_yticks(np.arange(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    axes.set(xlabel="recall", xlim=(0, 1.02), title=rows[0].group)
    axes.grid(alpha=0.3, axis="x")
