"""`facetrack eval eyes`: the eye network's points, lids, irises and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from facetrack.detector.choice import make_detector
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.eyes import EyeReader
from facetrack.geometry import crop_from_points
from facetrack.landmarker import Landmarker
from facetrack.modelfile import bundled_path
from facetrack.photograph import load_photograph
from facetrack.types import Floats, Image
from facetrain.evaluation.eyes import lids, points, report
from facetrain.evaluation.eyes.picture import save_courses
from facetrain.evaluation.landmarks.network import model_path
from facetrain.evaluation.landmarks.turned_methods import Network
from facetrain.formats.pack_tables import read_table as read_csv
from facetrain.formats.packs import load_labels, read_landmark_pack
from facetrain.formats.zips import read_zip_images
from facetrain.reporting.progress import with_progress
from facetrain.samples.eyes.split import CLIPS, FOLDS, held_out, read_frames, read_photographs
from facetrain.samples.eyes.table import EyeTable, read_table

DETECTOR_PX = 640
BENCHMARKS = ("helen_test", "lfpw_test")

Model = Annotated[Path, typer.Argument(help="The eye network: an .onnx or its run folder.")]
Data = Annotated[Path, typer.Option(help="The folder of the packs.")]
Eyes = Annotated[Path | None, typer.Option(help="The table of `facetrack data eyes`, for lids and infrared eyes.")]
Folds = Annotated[Path | None, typer.Option(help="Folder of the runs fold0 to fold3, each without its people.")]
Landmarks = Annotated[Path | None, typer.Option(help="The landmark network; landmarks68.")]
Teacher = Annotated[Path | None, typer.Option(help="face_landmarker.task, for its irises.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")]


def eyes(
    model: Model, data: Data, eyes: Eyes = None, folds: Folds = None, landmarks: Landmarks = None,
    teacher: Teacher = None, out: Out = None,
) -> None:  # fmt: skip
    """Measure eye points, irises, lids and time. Never choose anything by helen_test or lfpw_test."""
    engine, first = OnnxEngine(model_path(model)), OnnxEngine(landmarks or bundled_path("landmarks68"))
    reader = EyeReader(engine)
    network = Network(first, make_detector("own", None, 1, DETECTOR_PX))
    figures, plots = report.Figures(), dict[str, Callable[[Path], None]]()
    for name in BENCHMARKS:
        if (data / f"{name}.npz").is_file():
            samples = read_landmark_pack(data, name, trim=False)
            figures.points[name] = points.read_points(network, reader, samples, partial(with_progress, title=name))
    table = None if eyes is None else read_table(eyes)
    if table is not None:
        plots = _lids(figures, engine, table, data, folds)
        with ExitStack() as stack:
            mesh = None if teacher is None else stack.enter_context(MediaPipeMesh(teacher, max_faces=1))
            figures.irises = points.read_irises(network, reader, mesh, _pupils(data, table))
    figures.times_ms = _race(first, reader)
    report.report(figures, f"Eye network {engine.spec.name}", plots).output(out)


def _lids(
    figures: report.Figures, engine: OnnxEngine, table: EyeTable, data: Path, folds: Path | None
) -> dict[str, Callable[[Path], None]]:
    """Measure the lids and infrared eyes; returns the plots."""
    plots: dict[str, Callable[[Path], None]] = {}
    if folds is not None:
        engines = [OnnxEngine(model_path(folds / f"fold{fold}")) for fold in range(FOLDS)]
        clips = lids.by_folds(engines, table, read_frames(table))
        photographs = lids.by_folds(engines, table, read_photographs(table))
        figures.lids = {"clips": lids.lid_figures(table, clips), "photographs": lids.lid_figures(table, photographs)}
        figures.people = lids.by_clip(table, clips)
        courses = lids.by_folds(engines, table, np.isin(table.sources, CLIPS))
        plots["courses.png"] = partial(save_courses, table, courses)
    if (data / "eyes_nir.csv").is_file():
        glasses = {row["image"]: row["glasses"] == "1" for _, row in read_csv(data / "eyes_nir.csv")[1]}
        figures.infrared = lids.infrared(engine, table, glasses)
    figures.covered = lids.covered(engine, table)
    return plots


def _pupils(data: Path, table: EyeTable) -> Iterator[tuple[Image, Floats, Floats]]:
    """Yield held-out pictures of scut_eyes with their pupils and eye widths."""
    out = held_out(table) & (table.sources == "scut_eyes")
    names = {name.rpartition(":")[0] for name in table.names[out]}
    if not names:
        raise DataError("the table holds no held-out eyes of scut_eyes; expected some, for the irises")
    labels = load_labels(data / "scut_eyes.npz", "points")
    rows = dict(zip(labels["names"].tolist(), labels["points"].astype(np.float32), strict=True))
    for name, image in read_zip_images(data / "scut_eyes.zip"):
        if name in names:
            lid = rows[name][20:36].reshape(2, 8, 2)
            yield image, rows[name][36:38], np.linalg.norm(lid[:, 4] - lid[:, 0], axis=1)


def _race(first: OnnxEngine, reader: EyeReader) -> dict[str, float]:
    """Time the eyes against the landmark network on the bundled photograph, in thread time."""
    image, face = load_photograph()
    landmarker = Landmarker(first)
    crops = [crop_from_points(face.astype(np.float32), landmarker.margin)]
    return report.race(lambda: landmarker(image, crops), reader, image, face.astype(np.float32), time.thread_time)
