"""`facetrack label`: pseudo-labels of a teacher network for the user's own images or videos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.errors import ModelFileError
from facetrain.formats.packs import write_pack
from facetrain.labelling.self_label import ViewOptions, read_unlabelled, relabel, self_teacher
from facetrain.labelling.teacher import TeacherOptions, gather
from facetrain.labelling.teacher import label as label_faces

MEDIAPIPE = "mediapipe"


def label(
    source: Annotated[Path, typer.Argument(help="A video, an image, a folder of images, or labelled faces.")],
    out: Annotated[Path, typer.Option(help="The pack to write, without suffix: OUT.zip and OUT.npz.")],
    teacher: Annotated[
        str, typer.Option(help="The teacher: mediapipe, bundled, or the path of a landmark network.")
    ] = MEDIAPIPE,
    teacher_model: Annotated[Path | None, typer.Option(help="MediaPipe's file: face_landmarker.task.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Label every Nth frame of a video.")] = 5,
    min_size: Annotated[float, typer.Option(min=1, help="MediaPipe: least face size, px.")] = 60.0,
    min_sharpness: Annotated[
        float, typer.Option(min=0, help="MediaPipe: least sharpness (variance of the Laplacian).")
    ] = 25.0,
    max_flip_error: Annotated[
        float,
        typer.Option(min=0, help="MediaPipe: largest difference from the mirror image's labels, in eye distances."),
    ] = 0.04,
    only: Annotated[str, typer.Option(help="Own network: only the labelled faces with the attribute NAME=VALUE.")] = "",
    max_spread: Annotated[
        float, typer.Option(min=0, help="Own network: largest spread over the views, in eye distances.")
    ] = 0.025,
) -> None:
    """Write a pack of 68 points from a teacher network's labels, to train on your own footage.

    MediaPipe's 478 points are averaged into the 68. Your own network predicts each face in twelve views; the points of
    labelled faces are averaged with the predictions.
    """
    if teacher == MEDIAPIPE and teacher_model is None:
        raise ModelFileError("give --teacher-model the path of MediaPipe's face_landmarker.task; it is not bundled")

    with Console(stderr=True).status(f"labelling {source}"):
        if teacher_model is not None and teacher == MEDIAPIPE:
            options = TeacherOptions(min_size, min_sharpness, max_flip_error, every)
            with MediaPipeMesh(teacher_model) as network:
                result = gather(label_faces(source, network, options), source)
        else:
            network_ = self_teacher(teacher, ViewOptions(max_spread=max_spread))
            result = gather(relabel(read_unlabelled(source, every, only), network_), source)
        write_pack(result.samples, out)
    typer.echo(f"wrote {len(result.samples)} faces to {out}.zip and {out}.npz")
    for problem in result.problems:
        typer.echo(f"  {problem}")
