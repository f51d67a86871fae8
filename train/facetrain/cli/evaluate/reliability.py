"""`facetrack eval faults` and `eval soak`: the live loop under faults, and over hours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from facetrack.errors import SettingsError
from facetrain.evaluation.reliability import fault_report, output_faults, stream_faults
from facetrain.evaluation.reliability import soak as soak_test


def faults(
    only: Annotated[str, typer.Option(help="Only faults whose names contain this.")] = "",
    at_once: Annotated[int, typer.Option(min=1, help="Faults tried at the same time: they mostly wait.")] = 8,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")] = None,
) -> None:
    """Try the faults of a network camera and of the outputs of `live`, and count what is lost. No networks are run."""
    _need_linux("eval faults")
    streams = [fault for fault in stream_faults.faults() if only in fault.name]
    outputs = [fault for fault in output_faults.faults() if only in fault.name]
    of_outputs = output_faults.run_all(outputs, at_once)
    of_streams = stream_faults.run_all(streams, at_once)
    found = fault_report.report(
        list(zip(streams, of_streams, strict=True)), list(zip(outputs, of_outputs, strict=True))
    )
    found.output(out)
    if len(found.notes) > 1:
        raise typer.Exit(1)


def soak(
    minutes: Annotated[float, typer.Option(min=0.5, help="Duration.")] = 60.0,
    period: Annotated[float, typer.Option(min=0.1, help="Minutes after which the server is killed, each time.")] = 10.0,
    outage: Annotated[float, typer.Option(min=0, help="Seconds until it is started again.")] = 5.0,
    fps: Annotated[float, typer.Option(min=1, help="Frames per second of the stream.")] = 30.0,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and latency.png.")] = None,
) -> None:
    """Follow a loopback stream whose server is killed and restarted; memory, threads, descriptors, latency, losses."""
    _need_linux("eval soak")
    say = lambda text: typer.echo(text, err=True)  # noqa: E731
    soak_test.report(soak_test.run(60 * minutes, 60 * period, outage, fps, say)).output(out)


def _need_linux(command: str) -> None:
    """Raise SettingsError elsewhere: pipes, signals, /proc and the load average are measured."""
    if not sys.platform.startswith("linux"):
        raise SettingsError(f"`{command}` reads what Linux alone has, this system is {sys.platform}; run it on Linux")
