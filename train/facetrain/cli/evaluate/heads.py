"""`facetrack eval heads`: attribute heads, head angles and yawns on held-out data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.options import Tracking
from facetrack.engine.onnx import OnnxEngine
from facetrain.evaluation.attributes import measure, report
from facetrain.evaluation.landmarks.network import model_path, title_of

Model = Annotated[Path, typer.Argument(help="A landmark network (.onnx) with attribute heads, or a run's folder.")]
Data = Annotated[Path, typer.Option(help="Folder of genki4k, mtfl, mouths, yawn_faces, the packs and videos.")]
Head = Annotated[Path | None, typer.Option(help="A morphable head (.npz, ICT-FaceKit's arrays): adds rendered heads.")]
Heads = Annotated[int, typer.Option(min=3, max=300, help="Number of heads to render for the angles.")]
Seconds = Annotated[float, typer.Option(min=1, help="Duration of the talking clips to track, in sequence.")]
Limit = Annotated[int, typer.Option(min=0, help="Maximum number of images of each set, for a trial; 0 for all.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and roc_reliability.png.")]


def heads(
    model: Model,
    data: Data,
    head_model: Head = None,
    heads: Heads = 200,
    seconds: Seconds = 60.0,
    limit: Limit = 0,
    out: Out = None,
) -> None:
    """Measure attribute heads and head angles on held-out data.

    Smile, glasses, mouths and yawns: accuracy with bootstrap interval, ROC, calibration. Head angles: errors in
    degrees. And a minute of talking, in which every detected yawn is a false alarm.
    """

    path = model_path(model)
    tracker = Tracking(path, engine="onnx").tracker()
    result = measure.measure(OnnxEngine(path), tracker, data, head_model, heads, seconds, limit)
    report.report(result, title_of(model)).output(out)
