"""`facetrack eval jitter`: how much the points tremble and how late they are, with each setting of --smooth."""

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
        help="Landmark networks (.onnx) instead of the bundled one; MediaPipe's face_landmarker.task as a peer."
    ),
]
Data = Annotated[Path | None, typer.Option(help="Labelled faces: also the jitter of 20 of them, each still.")]
Head = Annotated[Path | None, typer.Option(help="A morphable head (.npz, ICT-FaceKit's arrays): also one that turns.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and trajectories.png.")]


def jitter(models: Models = None, data: Data = None, head_model: Head = None, out: Out = None) -> None:
    """Measure jitter on a still face and lag on a moving one, whole loop: detector, tracker, network, smoothing.

    The clips are made from the bundled photograph, so that their truth is known; nothing else is needed.
    """

    console = Console()
    methods = open_methods(models or [])
    clips = photograph_clips()
    clips += [head_clip(head_model)] if head_model is not None else []
    clips += still_clips(read_labelled(data).samples, data.name) if data is not None else []
    on_screen = Console(stderr=True)
    traces = [measure.run(clip, methods) for clip in track(clips, "following", console=on_screen)]
    found = measure.table(traces, methods)
    table = Table("figure", *found, caption=measure.CAPTION)
    columns = [measure.cells(row) for row in found.values()]
    for index, name in enumerate(next(iter(found.values()))):
        table.add_row(name, *(column[index] for column in columns))
    console.print(table)
    if out is not None:
        options = {"--data": data, "--head-model": head_model, "--out": out}
        words = ["facetrack", "eval", "jitter", *map(str, models or [])]
        words += [word for option, path in options.items() if path is not None for word in (option, str(path))]
        measure.save(found, traces, out, shlex.join(words))
        console.print(f"wrote report.md, figures.json and trajectories.png to {out}", highlight=False)
