"""`facetrack eval jitter`: jitter and lag of the landmarks with each setting of --smooth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from facetrain.evaluation.stability import measure
from facetrain.evaluation.stability.clips import head_clip, photograph_clips, still_clips
from facetrain.evaluation.stability.methods import open_methods
from facetrain.formats.open import read_labelled

Models = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Landmark networks (.onnx) instead of the bundled one; MediaPipe's face_landmarker.task as a baseline."
    ),
]
Data = Annotated[Path | None, typer.Option(help="Labelled faces: adds the jitter of 20 of them, each held still.")]
Head = Annotated[
    Path | None, typer.Option(help="A morphable head (.npz, ICT-FaceKit's arrays): adds the lag of a rotating head.")
]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and trajectories.png.")]


def jitter(models: Models = None, data: Data = None, head_model: Head = None, out: Out = None) -> None:
    """Measure jitter on a still face and lag on a moving one, end to end: detector, tracker, network, smoothing.

    The clips are made from the bundled photograph, so that the ground truth is exact; no other data is needed.
    """

    console = Console()
    methods = open_methods(models or [])
    clips = photograph_clips()
    clips += [head_clip(head_model)] if head_model is not None else []
    clips += still_clips(read_labelled(data).samples, data.name) if data is not None else []
    on_screen = Console(stderr=True)
    traces = [measure.run(clip, methods) for clip in track(clips, "tracking", console=on_screen)]
    figures = measure.table(traces, methods)
    table = Table("metric", *figures, caption=measure.CAPTION)
    columns = [measure.cells(row) for row in figures.values()]
    for index, name in enumerate(next(iter(figures.values()))):
        table.add_row(name, *(column[index] for column in columns))
    console.print(table)
    if out is not None:
        options = {"--data": data, "--head-model": head_model, "--out": out}
        words = ["facetrack", "eval", "jitter", *map(str, models or [])]
        words += [word for option, path in options.items() if path is not None for word in (option, str(path))]
        measure.save(figures, traces, out, shlex.join(words))
        console.print(f"wrote report.md, figures.json and trajectories.png to {out}", highlight=False)
