"""`facetrack label`: pseudo-labels of a teacher network for the user's own images or videos."""

from __future__ import annotations

from dataclasses import asdict
from glob import has_magic
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from facetrack.batch.inputs import find_videos
from facetrack.batch.manifest import options_hash
from facetrack.batch.task import Job
from facetrack.cli.extras import need_training
from facetrack.cli.many.work import Shard, WorkerCount, local_workers, parse_shard, work_off
from facetrack.errors import DataError, ModelFileError
from facetrack.modelfile import bundled, bundled_path
from facetrack.sinks.inputs import refuse_inputs
from facetrain.cli.data import pack_files
from facetrain.formats.packs import write_pack
from facetrain.labelling.many import MEDIAPIPE, Labelling
from facetrain.labelling.self_label import ViewOptions, self_teacher
from facetrain.labelling.teacher import TeacherOptions
from facetrain.reporting.progress import with_progress

ENSEMBLE = "ensemble"


def label(
    sources: Annotated[
        list[Path],
        typer.Argument(help="A video, an image, a folder of images, or labelled faces; several videos, or a pattern."),
    ],
    out: Annotated[
        Path, typer.Option(help="The pack to write, without suffix: OUT.zip and OUT.npz; of several, their folder.")
    ],
    teacher: Annotated[
        str, typer.Option(help="The teacher: mediapipe, bundled, ensemble, or the path of a landmark network.")
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
    teacher_file: Annotated[Path | None, typer.Option(help="Ensemble: the file of `facetrack data teacher`.")] = None,
    head_model: Annotated[Path | None, typer.Option(help="Ensemble: a morphable head (.npz, ICT-FaceKit's).")] = None,
    large: Annotated[str, typer.Option(help="Ensemble: the large landmark network.")] = "landmarks68-large",
    views: Annotated[int, typer.Option(min=1, help="Ensemble: views of each face, and of its mirror image.")] = 2,
    workers: WorkerCount = None,
    shard: Shard = None,
) -> None:
    """Write a pack of 68 points from a teacher network's labels, to train on your own footage.

    MediaPipe's 478 points are averaged into the 68. Your own network predicts each face in twelve views; the points of
    labelled faces are averaged with the predictions. The teacher `ensemble` writes a label table of one of the
    project's packs instead (docs/training.md). Several videos become a pack each, as by `facetrack batch`.
    """
    source = sources[0]
    several = len(sources) > 1 or shard is not None or (has_magic(str(source)) and not source.exists())
    if several and teacher == ENSEMBLE:
        raise DataError("the ensemble teacher labels one pack at a time; run the command for each")
    refuse_inputs(pack_files(out), (source, *pack_files(source), teacher_model, teacher_file, head_model))
    if teacher == ENSEMBLE:
        _label_by_ensemble(source, out, teacher_file, head_model, large, views)
        return
    if teacher == MEDIAPIPE and teacher_model is None:
        raise ModelFileError("give --teacher-model the path of MediaPipe's face_landmarker.task; it is not bundled")

    options = TeacherOptions(min_size, min_sharpness, max_flip_error, every)
    work = Labelling(teacher, teacher_model, options, max_spread, only)
    if several:
        _label_videos(work, sources, out, workers, shard)
        return
    with Console(stderr=True).status(f"labelling {source}"), work.teacher_of_files() as label_file:
        result = label_file(source)
        write_pack(result.samples, out)
    typer.echo(f"wrote {len(result.samples)} faces to {out}.zip and {out}.npz")
    for problem in result.problems:
        typer.echo(f"  {problem}")


def _label_videos(work: Labelling, sources: list[Path], out: Path, workers: int | None, shard: str | None) -> None:
    """Write a pack of each video to the folder `out`. Raises typer.Exit if some failed."""
    options = asdict(work) | {"teacher": Path(work.teacher)}
    job = Job(out.absolute(), options_hash(options, bundled()), work)
    read = [path for path in (work.model, *sources) if path is not None]
    videos = find_videos([str(path) for path in sources], job.folder)
    work_off(job, videos, parse_shard(shard), read, lambda job, count: local_workers(job, workers, 1, count))


def _label_by_ensemble(
    source: Path, out: Path, teacher_file: Path | None, head_model: Path | None, large: str, views: int
) -> None:
    """Write the label table OUT.npz of a pack of the project's data; its pictures stay where they are."""
    if teacher_file is None or head_model is None:
        raise ModelFileError("the ensemble teacher needs --teacher-file (`facetrack data teacher`) and --head-model")
    need_training()
    from facetrain.formats.label_tables import write_labels
    from facetrain.labelling.turned_teacher import TeacherFile, label_pack
    from facetrain.synth.rendering.head_model import load_head_model

    network = str(bundled_path(large)) if large == "landmarks68-large" else large
    options = ViewOptions(views=views)
    table = label_pack(
        source.with_suffix(""),
        TeacherFile.load(teacher_file),
        load_head_model(head_model),
        self_teacher(network, options),
        lambda samples: with_progress(samples, f"labelling {source.name}"),
    )
    typer.echo(f"wrote labels of {len(table.names)} faces to {write_labels(table, out)}")
