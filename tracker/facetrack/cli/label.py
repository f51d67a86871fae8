"""`facetrack label`: let a teacher network label pictures or a video of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facetrack.errors import FacetrackError, ModelFileError

TEACHERS = ("mediapipe",)


def label(
    source: Annotated[Path, typer.Argument(help="A video, a picture, or a folder of pictures.")],
    out: Annotated[Path, typer.Option(help="The pack to write, without ending: OUT.zip and OUT.npz.")],
    teacher: Annotated[str, typer.Option(help="Who labels: mediapipe.")] = "mediapipe",
    teacher_model: Annotated[Path | None, typer.Option(help="The teacher's file: face_landmarker.task.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take each so-manieth frame of a video.")] = 5,
    min_size: Annotated[float, typer.Option(min=1, help="Leave out smaller faces, px.")] = 60.0,
    min_sharpness: Annotated[float, typer.Option(min=0, help="Leave out blurred faces: variance of the edges.")] = 25.0,
    max_flip_error: Annotated[
        float, typer.Option(min=0, help="Leave out what differs more in the mirror, in eye distances.")
    ] = 0.04,
) -> None:
    """Write a pack of 68 points from MediaPipe's 478, to train on one's own footage."""
    if teacher not in TEACHERS:
        raise FacetrackError(f"--teacher is '{teacher}'; expected {' or '.join(TEACHERS)}")
    if teacher_model is None:
        raise ModelFileError("give --teacher-model the path of MediaPipe's face_landmarker.task; it is not bundled")
    from rich.console import Console

    from facetrain.datasets.packs import write_pack
    from facetrain.teacher import MediaPipeTeacher, TeacherOptions, gather
    from facetrain.teacher import label as label_faces

    options = TeacherOptions(min_size, min_sharpness, max_flip_error, every)
    console = Console(stderr=True)
    with MediaPipeTeacher(teacher_model) as network, console.status(f"labelling {source}"):
        result = gather(label_faces(source, network, options), source)
        write_pack(result.samples, out)
    typer.echo(f"wrote {len(result.samples)} faces to {out}.zip and {out}.npz")
    for problem in result.problems:
        typer.echo(f"  {problem}")
