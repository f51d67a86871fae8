"""`facetrack eval lids`: simulated lids of people who are awake or fall asleep."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrain.evaluation.signals import lid_minutes, lid_report

Hours = Annotated[float, typer.Option(min=0.1, help="Simulated hours of each kind of behaviour.")]
Fps = Annotated[float, typer.Option(min=5.0, max=240.0, help="Frames per second of the simulated hours.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")]


def lids(hours: Hours = 1.0, fps: Fps = 15.0, out: Out = None) -> None:
    """Measure alarms and blinks on simulated lids.

    False alarms per hour of people who read, laugh, squint and so on, each kind apart; what is reported of those who
    fall asleep; and F1, duration and completeness of blinks at 10 to 120 frames per second.
    """
    lid_report.report(lid_minutes.measure(hours, fps)).output(out)
