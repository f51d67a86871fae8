"""`facetrack eval gaze`: the gaze on rendered heads, seconds of looks, labelled pupils and clips."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.eyes import EyeReader
from facetrack.modelfile import bundled_path
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import CameraModel, Image
from facetrain.evaluation.gaze import heads, looks, pupils, rays, report
from facetrain.evaluation.landmarks.network import model_path
from facetrain.reporting.progress import with_progress
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer

FIRST_PERSON = 4100
"""Seed of the first of the people who look around."""

Head = Annotated[Path | None, typer.Option(help="A morphable head (.npz, ICT-FaceKit's arrays): rendered heads.")]
Eyes = Annotated[Path | None, typer.Option(help="The eye network instead of the bundled one.")]
Landmarks = Annotated[Path | None, typer.Option(help="The landmark network; landmarks68.")]
Data = Annotated[Path | None, typer.Option(help="Folder of scut_eyes and videos: pupils, and a sheet of rays.")]
Teacher = Annotated[Path | None, typer.Option(help="face_landmarker.task: MediaPipe's irises beside it.")]
Heads = Annotated[int, typer.Option(min=3, help="Number of rendered heads.")]
People = Annotated[int, typer.Option(min=1, help="Number of people who look around.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md, figures.json and rays.png.")]


def gaze(
    head_model: Head = None, eyes: Eyes = None, landmarks: Landmarks = None, data: Data = None,
    teacher: Teacher = None, heads: Heads = 120, people: People = 10, out: Out = None,
) -> None:  # fmt: skip
    """Measure the gaze of the eyes.

    Rendered heads: errors by the angle of the head, the network's share apart from that of eyeballs and pose. Rendered
    people with a still head: seconds in which a look aside is recognised. scut_eyes: held-out pupils. Clips: rays, to
    be looked at (with --out).
    """
    if head_model is None and data is None:
        raise DataError("nothing to measure; give --head-model for rendered heads, or --data for pupils and clips")
    reader = EyeReader(OnnxEngine(model_path(eyes) if eyes is not None else bundled_path("eyes")))
    figures, plots = report.GazeFigures(), dict[str, Callable[[Path], None]]()
    if head_model is not None:
        _rendered(figures, Renderer(load_head_model(head_model)), reader, landmarks, teacher, heads, people)
    if data is not None:
        figures.pupils = pupils.measure(reader, data)
        if out is not None:
            plots["rays.png"] = partial(_rays, sorted((data / "videos").glob("*.mp4")), reader, landmarks)
    report.report(figures, f"Gaze, {reader.engine.spec.name}", plots).output(out)


def _rendered(
    figures: report.GazeFigures, renderer: Renderer, reader: EyeReader, landmarks: Path | None, teacher: Path | None,
    count: int, people: int,
) -> None:  # fmt: skip
    """Measure what rendered heads show."""
    alone = _tracker(reader, landmarks, TrackerOptions(single=True, smoothing="off", camera=heads.CAMERA))
    read, seeds = heads.reading_head(alone, reader), range(FIRST_PERSON, FIRST_PERSON + people)
    with ExitStack() as stack:
        mesh: Callable[[Image], object] | None = None
        if teacher is not None:
            mesh = stack.enter_context(MediaPipeMesh(teacher, max_faces=1))
        indices = with_progress(range(count), "heads")
        figures.heads = heads.measure(renderer, read, mesh, indices)  # type: ignore[arg-type]
    tracker = _tracker(reader, landmarks, TrackerOptions(camera=looks.CAMERA))
    figures.looks["eye network"] = looks.measure(renderer, lambda: looks.by_tracker(tracker), seeds)
    if teacher is not None:
        with ExitStack() as stack:

            def begin() -> looks.FollowGaze:
                return looks.by_mesh(stack.enter_context(MediaPipeMesh(teacher, max_faces=1, video=True)))

            figures.looks["MediaPipe"] = looks.measure(renderer, begin, seeds)


def _tracker(reader: EyeReader, landmarks: Path | None, options: TrackerOptions) -> FaceTracker:
    """Return a tracker with this eye network."""
    bundled = FaceTracker.from_weights(None if landmarks is None else model_path(landmarks), options)
    return FaceTracker(bundled.detector, bundled.landmarker, options, eyes=reader)


def _rays(clips: list[Path], reader: EyeReader, landmarks: Path | None, path: Path) -> None:
    """Write the sheet of the clips' rays."""
    tracker = _tracker(reader, landmarks, TrackerOptions(camera=CameraModel()))
    cells, titles = [], []
    for clip in with_progress(clips, "rays"):
        found = rays.frames_of(clip, tracker)
        cells += found
        titles += [clip.stem] * len(found)
    rays.save_sheet(cells, titles, path)
