"""`facetrack eval detector`: comparison of detectors on the same images."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facetrack.modelfile import bundled_path
from facetrain.evaluation.detector import measure, methods, report
from facetrain.evaluation.detector.measure import Row


def detector(
    data: Annotated[
        Path, typer.Option(help="Folder with the packs; the baselines' model files are in the folder models beside it.")
    ],
    model: Annotated[
        list[Path] | None, typer.Option(help="A detector (.onnx) instead of the bundled one; give several to compare.")
    ] = None,
    side: Annotated[
        int, typer.Option(min=32, help="Longer side of the input of facetrack's detectors and of YuNet, px.")
    ] = 320,
    limit: Annotated[int | None, typer.Option(min=1, help="At most N faces per row of the table, for a trial.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and recall.png.")] = None,
) -> None:
    """Compare detectors with YuNet and MediaPipe's short-range detector.

    False positives, recall by size, in-plane rotation and corruption, average precision, real clips, duration of a
    call. On held-out people and images of the detector's training; needs about ten minutes.
    """

    console, on_screen = Console(), Console(stderr=True)

    def watch(items: Iterable, title: str, total: int) -> Iterable:
        hidden = not on_screen.is_terminal
        return track(items, title, total=total, console=on_screen, transient=True, disable=hidden)

    opened, left_out = methods.open_methods(model or [bundled_path("detector")], data.parent / "models", side)
    rows: list[Row] = []
    for group, group_iterator in groupby(measure.measure(opened, data, limit, watch), lambda row: row.group):
        group_rows = list(group_iterator)
        console.print(_table(group, group_rows))
        rows += group_rows
    for note in left_out:
        console.print(note, highlight=False)
    if out is not None:
        words = ["facetrack", "eval", "detector", "--data", str(data)]
        words += [word for path in model or [] for word in ("--model", str(path))]
        words += ["--side", str(side)] + (["--limit", str(limit)] if limit is not None else [])
        report.save(rows, out, shlex.join([*words, "--out", str(out)]), left_out)
        console.print(f"wrote report.md, figures.json and recall.png to {out}", highlight=False)


def _table(group: str, rows: list[Row]) -> Table:
    """Return the table of a group; the best value of a row is bold."""

    table = Table(group, "count", *rows[0].values)
    table.columns[0].min_width = 38
    for row in rows:
        best = report.best(row)
        texts = {name: report.cell(row, value) for name, value in row.values.items()}
        cells = [f"[bold]{text}[/]" if name in best else text for name, text in texts.items()]
        table.add_row(row.name, str(row.count), *cells)
    return table
