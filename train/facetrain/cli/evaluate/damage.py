"""`facetrack eval damage`: damaged and hostile videos, pictures, networks and data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrain.evaluation.damage.measure import BAD, measure, report


def damage(
    files: Annotated[int, typer.Option(min=0, help="Number of damaged videos and pictures.")] = 300,
    networks: Annotated[int, typer.Option(min=0, help="Number of damaged networks.")] = 150,
    data_sets: Annotated[int, typer.Option(min=0, help="Number of damaged data sets.")] = 150,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same damage.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")] = None,
) -> None:
    """Read damaged and hostile input by the hundred, and count what ends in anything but a result or a sentence.

    Exits with 1 if anything does. Minutes; every case is made anew from the seed.
    """
    wanted = {"files": files, "networks": networks, "data_sets": data_sets}
    found = {kind: measure(kind, count, seed) for kind, count in wanted.items() if count}
    report(found, seed).output(out)
    if any(case.outcome in BAD for cases in found.values() for case in cases):
        raise typer.Exit(1)
