"""What `facetrack data` prints of labelled faces: counts, ranges, problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from facetrain.labelling.inspection import Inspection

SHOWN = 10
"""Largest number of problems that are printed."""


def print_counts(statistics: Inspection, path: Path) -> None:
    from rich.console import Console

    from facetrack.cli.console import print_table

    rows = [[f"points: {scheme}", str(count)] for scheme, count in statistics.schemes.items()]
    rows += [[f"missing of {scheme}", _missing_text(scheme, n.tolist())] for scheme, n in statistics.missing.items()]
    rows.append(["with a point outside the image", str(statistics.outside)])
    for name, values in statistics.attributes.items():
        rows.append([name, ", ".join(f"{value}: {count:g}" for value, count in values.items())])
    title = f"{path}: {statistics.samples} samples in {statistics.groups} groups"
    print_table(Console(), title, ("statistic", "value"), [*rows, *_ranges(statistics)])


def _missing_text(scheme: str, counts: list[int]) -> str:
    from facetrain.labelling.inspection import names_of

    named = [f"{name} {n}" for name, n in zip(names_of(scheme, len(counts)), counts, strict=True) if n]
    return f"{sum(counts)} values" + (f": {', '.join(named[:20])}" if named else "")


def _ranges(statistics: Inspection) -> list[tuple[str, str]]:
    import numpy as np

    columns = [("face size, px", statistics.sizes_px)]
    angles = statistics.angles_deg
    columns += [(f"{name}, degrees", angles[:, axis]) for axis, name in enumerate(("yaw", "pitch", "roll"))]
    rows = []
    for name, values in columns:
        if len(values):
            low, middle, high = np.percentile(values, [5, 50, 95])
            rows.append((name, f"{low:.0f} .. {middle:.0f} .. {high:.0f} (5 %, median, 95 % of {len(values)})"))
    return rows


def print_problems(problems: list[str], out: Path | None) -> None:
    if not problems:
        return
    typer.echo(f"{len(problems)} problems:")
    for problem in problems[:SHOWN]:
        typer.echo(f"  {problem}")
    if len(problems) > SHOWN:
        where = "problems.txt has all of them" if out is not None else "--out writes all of them to problems.txt"
        typer.echo(f"  ... and {len(problems) - SHOWN} more; {where}")
