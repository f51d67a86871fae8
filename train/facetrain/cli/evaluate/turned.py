"""`facetrack eval turned`: landmark networks and MediaPipe on turned heads (AFLW2000-3D)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from facetrack.cli.options import DetectorModel, DetectorName, Tracking
from facetrack.detector.choice import make_detector
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import FacetrackError
from facetrack.landmarker import Landmarker
from facetrack.loops.picture import ALONE, DETECTOR_PX, MAX_FACES
from facetrain.evaluation.attributes import turning
from facetrain.evaluation.landmarks import turned as benchmark
from facetrain.evaluation.landmarks.network import model_path, title_of
from facetrain.evaluation.landmarks.turned_methods import ROLLS, MeshMethod, Method, Network, Tracked
from facetrain.formats.turned_packs import read_aflw2000
from facetrain.labelling.teacher import MEDIAPIPE_SUFFIX
from facetrain.reporting.progress import with_progress
from facetrain.reporting.report import Table
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer

Models = Annotated[
    list[Path], typer.Argument(help="Landmark networks (.onnx or run folders), or face_landmarker.task.")
]
Data = Annotated[Path | None, typer.Option(help="The pack: aflw2000, without ending.")]
Head = Annotated[
    Path | None,
    typer.Option(help="A morphable head (.npz): instead, two rendered heads that turn from profile to profile."),
]
Labels = Annotated[str, typer.Option(help="Its labels: points, or points_reannotated.")]
Boxes = Annotated[str, typer.Option(help="truth: the true points' boxes; detector: all that `facetrack image` does.")]
Passes = Annotated[
    int, typer.Option(min=1, help="How often a network runs through a true box, on crops around its own points.")
]
Roll = Annotated[str, typer.Option(help="How those crops are turned: tracker, eyes or upright.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report.md and figures.json.")]


def turned(
    models: Models,
    data: Data = None,
    head_model: Head = None,
    labels: Labels = "points",
    boxes: Boxes = "truth",
    passes: Passes = 1,
    roll: Roll = "tracker",
    detector: DetectorName = "own",
    detector_model: DetectorModel = None,
    out: Out = None,
) -> None:
    """Measure points and head angles by yaw on AFLW2000-3D, or yaw against the truth on rendered heads.

    Never choose anything by the former.
    """
    if head_model is not None:
        _rendered(models, head_model, out)
        return
    if data is None:
        raise FacetrackError("neither --data nor --head-model is given; expected the pack aflw2000 or a morphable head")
    if roll not in ROLLS:
        raise FacetrackError(f"--roll is '{roll}'; expected one of {', '.join(ROLLS)}")
    samples = read_aflw2000(data, labels)
    faces = partial(with_progress, title="faces")
    finder = make_detector(detector, detector_model, 1, DETECTOR_PX)
    results, notes, details = [], [f"Labels: {labels}. Boxes: {boxes}."], []
    if boxes == "detector":
        recall = benchmark.recall_by_yaw(finder, samples, faces)
        details.append(Table("recall of the detector alone", ("detector", *benchmark.BINS), [[detector, *recall]]))
    for model in models:
        title = f"{title_of(model)}, {boxes}, {passes} pass{'es' * (passes > 1)}"
        if model.suffix == MEDIAPIPE_SUFFIX:
            with MediaPipeMesh(model) as mesh:
                method: Method = MeshMethod(mesh)
                results.append(benchmark.measure(title, method, samples, boxes == "detector", faces))
            continue
        path = model_path(model)
        method = network = Network(OnnxEngine(path), None, passes, roll)
        if boxes == "detector":
            tracking = Tracking(path, detector, detector_model, max_faces=MAX_FACES, engine="onnx")
            method = Tracked(network, tracking.tracker(DETECTOR_PX, **ALONE))
        results.append(benchmark.measure(title, method, samples, boxes == "detector", faces))
    benchmark.report(results, notes, details).output(out)


def _rendered(models: list[Path], head_model: Path, out: Path | None) -> None:
    renderer = Renderer(load_head_model(head_model))
    for model in models:
        path = model_path(model)
        tracker = Tracking(path, engine="onnx").tracker()
        sweeps = turning.measure(renderer, Landmarker(OnnxEngine(path)), tracker)
        folder = None if out is None else out / title_of(model) if len(models) > 1 else out
        turning.report(sweeps, title_of(model)).output(folder)
