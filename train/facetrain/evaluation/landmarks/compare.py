"""Comparison of networks, and of MediaPipe's mesh as baseline, on the same labelled faces: one table, one plot."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.geometry import crop_from_box, points_box
from facetrack.landmarker import Landmarker
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.evaluation.landmarks import by_yaw, network
from facetrain.evaluation.landmarks import measure as evaluate
from facetrain.evaluation.landmarks.attributes import Attributes
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.evaluation.landmarks.methods import (
    CachedDetector,
    CachedMethod,
    MediaPipeMethod,
    Method,
    NetworkMethod,
    OffsetCorrected,
    median_offset,
)
from facetrain.evaluation.landmarks.network import Evaluation
from facetrain.evaluation.landmarks.pictures import save_ced
from facetrain.formats import packs
from facetrain.formats.open import read_labelled
from facetrain.formats.reading import print_skipped
from facetrain.labelling.teacher import MEDIAPIPE_SUFFIX
from facetrain.reporting import markdown
from facetrain.reporting.progress import with_progress
from facetrain.reporting.report import Report, Table
from facetrain.sample import Sample, evenly_spaced, usable

OFFSET_FACES = 150
"""Number of faces on which MediaPipe's constant offset is fitted."""
SHEET_MARGIN = 1.3
"""Side of a baseline's crops in contact sheets, in longer sides of the points' box."""
BASELINE_NOTE = (
    "MediaPipe's mesh is averaged into the 68 points and uses its own detector. Its landmark scheme differs from "
    "300-W's, most of all along the jaw: part of its error is a constant offset between the conventions."
)
MOVED_NOTE = (
    "MediaPipe accepts no box. For shifted and scaled boxes its video mode gets first the face shifted and scaled, and "
    "then the face in its place, which its mesh crops with the region of the frame before; an empty frame and a long "
    "time lie between two faces, so that nothing is smoothed."
)


@dataclass(slots=True)
class Comparison:
    """Networks and baselines that are compared.

    engines: facetrack's networks by name
    baselines: MediaPipe's variants by name
    notes: remarks for the reader by the baseline's name
    """

    engines: dict[str, OnnxEngine] = field(default_factory=dict)
    baselines: dict[str, Method] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def evaluate(self, samples: list[Sample], boxes: str, detector: Detector, held_out: bool) -> dict[str, Evaluation]:
        """Evaluate every network and baseline.

        boxes: see `evaluation.landmarks.network`; baselines use their own detector
        """
        evaluations = {
            name: network.evaluate_network(engine, samples, boxes, detector, held_out)
            for name, engine in self.engines.items()
        }
        return evaluations | {
            name: _evaluate_baseline(name, method, samples, self.notes[name]) for name, method in self.baselines.items()
        }

    def robustness_notes(self) -> list[str]:
        """Return the remarks on the baselines for the robustness report."""
        notes = [f"**{name}:** {' '.join(notes)}" for name, notes in self.notes.items()]
        return [*notes, MOVED_NOTE] if notes else []

    def methods(self, detector: Detector) -> dict[str, Method]:
        """Return all methods for robustness curves; the networks share the detector.

        Raises DataError for a network that the tracker cannot use.
        """
        for name, engine in self.engines.items():
            if not fits_tracker(engine.spec):
                raise DataError(
                    f"robustness is measured on networks usable by the tracker, which '{name}' is not; leave it out"
                )
        cached = CachedDetector(detector)
        networks = {name: NetworkMethod(Landmarker(engine), cached) for name, engine in self.engines.items()}
        return {**networks, **self.baselines}


def open_methods(models: list[Path], offset_from: Path | None, data: Path, stack: ExitStack) -> Comparison:
    """Open networks (.onnx, or run folders) and MediaPipe's face_landmarker.task, in this order.

    offset_from: labelled faces; with these, MediaPipe also with its constant offset from their labels removed
    stack: closes MediaPipe's networks
    Raises ModelFileError, DataError or MissingExtraError if a model cannot be opened.
    """
    comparison = Comparison()
    tasks = [model for model in models if model.suffix == MEDIAPIPE_SUFFIX]
    if offset_from is not None:
        if not tasks:
            raise DataError("--offset-from is for MediaPipe; give its face_landmarker.task among the networks")
        if _stem(offset_from) == _stem(data):
            raise DataError("--offset-from must name other faces than --data: the offset is not fitted on the test set")
    for model in models:
        if model not in tasks:
            engine = OnnxEngine(network.model_path(model))
            comparison.engines[_unique_name(comparison.engines, network.title_of(model))] = engine
    for model in tasks:
        _add_baseline(comparison, stack.enter_context(MediaPipeMethod(model)), offset_from)
    return comparison


def _add_baseline(comparison: Comparison, mesh: MediaPipeMethod, offset_from: Path | None) -> None:
    name, method = _unique_name(comparison.baselines, mesh.title), CachedMethod(mesh)
    comparison.baselines[name], comparison.notes[name] = method, [BASELINE_NOTE]
    if offset_from is None:
        return
    faces = evenly_spaced(usable(read_labelled(offset_from).samples), OFFSET_FACES)
    corrected = f"{name}, offset removed"
    comparison.baselines[corrected] = OffsetCorrected(method, median_offset(method, faces))
    comparison.notes[corrected] = [
        f"{name} without that constant offset: one vector for each point, in the face's own axes, the median over "
        f"{len(faces)} labelled faces of {offset_from.name}. This shows the precision of the mesh; in use, its errors "
        "are those without the correction."
    ]


def _stem(path: Path) -> Path:
    """Return the path of a pack without its ending."""
    return (path.with_suffix("") if path.suffix in (".npz", ".zip") else path).resolve()


def _unique_name(used_names: Collection[str], name: str) -> str:
    """Return the name, numbered if another network has it."""
    if name not in used_names:
        return name
    return next(numbered for i in range(2, len(used_names) + 3) if (numbered := f"{name} ({i})") not in used_names)


def read_evaluation_faces(data: Path, held_out: float = 0.0, limit: int | None = None) -> list[Sample]:
    """Read the labelled faces and print what was skipped.

    held_out: only people held out by a training with this `validation_share`, by a hash of the name, so that the split
        is the same on every computer
    limit: maximum number of faces, evenly spaced
    Raises DataError if no face is held out or the data cannot be read.
    """
    labelled = read_labelled(data)
    print_skipped(labelled.problems)
    samples = labelled.samples
    if held_out:
        samples = packs.split(samples, held_out)[1]
        if not samples:
            raise DataError(f"{data}: of its {len(labelled.samples)} faces a share of {held_out:g} holds out none")
    return evenly_spaced(samples, limit)


def _evaluate_baseline(name: str, method: Method, samples: list[Sample], notes: list[str]) -> Evaluation:
    """Measure the landmarks of a baseline."""
    samples, split_notes = network.testing_part(samples)
    measured = measure_method(method, usable(samples))
    outputs = {"points": "(N, 68, 2) px"}
    spec = ModelSpec(
        name, "landmarks", None, 0, 1, topology.SCHEME, outputs, ["not stated"], "See the terms of its authors.", ""
    )
    figures = evaluate.figures(measured)
    return Evaluation(spec, None, samples, measured, Attributes(), figures, split_notes + notes, "its own detector's")


def measure_method(method: Method, samples: list[Sample]) -> Measured:
    """Measure a method with its own detector. Raises DataError if it detects no face at all."""
    kept, points, missed = [], [], []
    for sample in with_progress(samples, "detection and landmarks"):
        predicted = method.predict(sample)
        if predicted is None:
            missed.append(sample)
            continue
        kept.append(sample)
        points.append(predicted)
    if not kept:
        raise DataError(f"none of the {len(samples)} faces was detected; is this the right data?")
    crops = [crop_from_box(points_box(sample.points), SHEET_MARGIN) for sample in kept]
    unknown = np.full((len(kept), topology.N_POINTS), np.nan, np.float32)
    truth = np.stack([sample.points for sample in kept])
    return Measured(kept, crops, np.stack(points), truth, unknown, unknown[:, 0], missed)


def save_all(evaluations: dict[str, Evaluation], folder: Path, data: str) -> None:
    """Write the report of a single network into the folder; of several, each into a subfolder, and the comparison."""
    if len(evaluations) == 1:
        ((name, only),) = evaluations.items()
        network.report(only, name, data).save(folder)
        return
    for name, evaluation in evaluations.items():
        network.report(evaluation, name, data).save(folder / slug(name))
    links = ", ".join(f"[{name}]({slug(name)}/report.md)" for name in evaluations)
    comparison = report(evaluations, data)
    replace(comparison, notes=[*comparison.notes, f"Report of each network: {links}."]).save(folder)


def slug(name: str) -> str:
    """Return the name with only word characters, dots and hyphens, for a folder."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")


def report(evaluations: dict[str, Evaluation], data: str) -> Report:
    """Return the report of the comparison: a column for each network."""
    all_figures = [evaluation.figures for evaluation in evaluations.values()]
    names = list(dict.fromkeys(name for figures in all_figures for name in figures))
    rows = [(name, *(markdown.number(f[name]) if name in f else "-" for f in all_figures)) for name in names]
    by_name = {name: evaluation.measured for name, evaluation in evaluations.items() if evaluation.measured is not None}
    yaw_tables = by_yaw.tables({name: by_yaw.by_yaw(measured) for name, measured in by_name.items()})
    one_scheme = len({measured.scheme for measured in by_name.values()}) == 1  # else the errors share no axis
    return Report(
        f"{', '.join(evaluations)} on {data}",
        [Table(f"metrics on {data}", ("metric", *evaluations), rows), *yaw_tables],
        {name: network.figures(evaluation) for name, evaluation in evaluations.items()},
        [" ".join([f"**{name}:** boxes: {e.boxes}.", *e.notes]) for name, e in evaluations.items()],
        network.meaning(names),
        {"ced.png": partial(save_ced, by_name)} if one_scheme else {},
    )
