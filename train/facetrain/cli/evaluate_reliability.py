"""`facetrack eval soak`: the live loop over hours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrain.evaluation.reliability import soak as soak_test


def soak(
    minutes: Annotated[float, typer.Option(min=0.5, help="Duration.")] = 60.0,
    period: Annotated[float, typer.Option(min=0.1, help="Minutes after which the server is killed, each time.")] = 10.0,
    outage: Annotated[float, typer.Option(min=0, help="Seconds until it is started again.")] = 5.0,
    fps: Annotated[float, typer.Option(min=1, help="Frames per second of the stream.")] = 30.0,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and latency.png.")] = None,
) -> None:
    """Follow a loopback stream whose server is killed and restarted; memory, threads, descriptors, latency, losses."""
    say = lambda text: typer.echo(text, err=True)  # noqa: E731
    soak_test.report(soak_test.run(60 * minutes, 60 * period, outage, fps, say)).output(out)
