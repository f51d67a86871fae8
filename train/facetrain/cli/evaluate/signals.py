"""`facetrack eval signals`: blinks and the other signals against clips labelled by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.options import Tracking, takes_tracking
from facetrain.evaluation.signals import measure, report
from facetrain.evaluation.signals.clip_labels import read_clip_labels
from facetrain.evaluation.signals.followed_clips import SUBSAMPLINGS

Clips = Annotated[Path, typer.Option(help="Folder of the labelled clips (.mp4).")]
Labels = Annotated[Path, typer.Option(help="Labels in the format of docs/labels/clips.csv; people.csv beside it.")]
Head = Annotated[Path | None, typer.Option(help="A morphable head (.npz, ICT-FaceKit's arrays): adds rendered blinks.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of rendered heads, each at 15, 30 and 60 fps.")]
Thinned = Annotated[bool, typer.Option(help="Track the clips three more times, with frames dropped in three ways.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and openness.png.")]


@takes_tracking("model", "smooth", engine="onnx")
def signals(
    tracking: Tracking,
    clips: Clips,
    labels: Labels,
    head_model: Head = None,
    seeds: Seeds = 3,
    thinned: Thinned = True,
    out: Out = None,
) -> None:
    """Measure the signals on labelled clips.

    Precision, recall, F1 and timing errors of blinks; winks and long closures; speech, smiles, false yawns and
    fatigue; the same with frames dropped; rendered eyelids with exact ground truth.
    """

    labelled_clips = read_clip_labels(labels)
    tracker = tracking.tracker()
    result = measure.measure(tracker, labelled_clips, clips, head_model, SUBSAMPLINGS if thinned else (), seeds)
    report.report(result).output(out)


def blendshapes(
    tables: Annotated[Path, typer.Argument(help="The folder of `facetrack data blendshapes`.")],
    events: Annotated[Path, typer.Option(help="The clips' labelled blinks, docs/labels/clips.csv.")],
    network: Annotated[Path | None, typer.Option(help="A network's .npz; by default the bundled one.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")] = None,
) -> None:
    """Measure R2 of each blendshape on held-out people and on clips, what a blink does to the brows, and the time."""
    from facetrack.blendshapes import ShapeNetwork, bundled_shapes
    from facetrain.evaluation.blendshapes.report import report

    opened = bundled_shapes() if network is None else ShapeNetwork(network)
    report(opened, tables, tables / "clips", events).output(out)
