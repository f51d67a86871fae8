"""`facetrack eval jitter`: jitter and lag of the landmarks with each setting of --smooth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrain.evaluation.stability import measure
from facetrain.evaluation.stability.clips import head_clip, photograph_clips, still_clips
from facetrain.evaluation.stability.gaze import add_rows, gaze_clips
from facetrain.evaluation.stability.methods import open_methods
from facetrain.formats.open import read_labelled
from facetrain.reporting.progress import with_progress

Models = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Landmark networks (.onnx) instead of the bundled one; MediaPipe's face_landmarker.task as a baseline."
    ),
]
Data = Annotated[Path | None, typer.Option(help="Labelled faces: adds the jitter of 20 of them, each held still.")]
Head = Annotated[
    Path | None,
    typer.Option(help="A morphable head (.npz, ICT-FaceKit): adds a rotating head's lag, and the gaze."),
]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and trajectories.png.")]


def jitter(models: Models = None, data: Data = None, head_model: Head = None, out: Out = None) -> None:
    """Measure jitter on a still face and lag on a moving one, end to end: detector, tracker, network, smoothing.

    The clips are made from the bundled photograph, so that the ground truth is exact; no other data is needed.
    """

    methods = open_methods(models or [])
    clips = photograph_clips()
    clips += [head_clip(head_model)] if head_model is not None else []
    clips += still_clips(read_labelled(data).samples, data.name) if data is not None else []
    traces = [measure.run(clip, methods) for clip in with_progress(clips, "tracking")]
    rows = measure.table(traces, methods)
    if head_model is not None:
        add_rows(rows, gaze_clips(head_model), {method.name: method.start_gaze for method in methods})
    measure.report(rows, traces).output(out)
