"""Several networks on the same labelled faces, MediaPipe's mesh among them if wanted: one table, one picture."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
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
from facetrain.evaluation.landmarks.by_yaw import YawBin
from facetrain.evaluation.landmarks.measure import Measured, shown
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
from facetrain.sample import Sample, usable

OFFSET_FACES = 150
SHEET_MARGIN = 1.3
"""Side of what sheets show of a peer's face, in longer sides of the points' box."""
BASELINE_NOTE = (
    "MediaPipe's mesh is averaged into the 68 points and finds faces by itself. Its points follow another scheme than "
    "300-W's labels, most of all along the jaw: part of its error is a constant difference of convention."
)
MOVED_NOTE = (
    "MediaPipe takes no box. For the shifted and scaled ones its video mode is shown the face moved and scaled, and "
    "then in its place, where its mesh reads it through the region that the frame before gave; an empty frame and a "
    "long time lie between two faces, so that nothing is smoothed."
)


@dataclass(slots=True)
class Comparison:
    """engines: facetrack's networks by name; baselines: MediaPipe's. notes: by peer's name, what must be said of it."""

    engines: dict[str, OnnxEngine] = field(default_factory=dict)
    baselines: dict[str, Method] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)

    def evaluate(self, samples: list[Sample], boxes: str, detector: Detector, held_out: bool) -> dict[str, Evaluation]:
        """Everything that `facetrack eval` says of each. boxes: see `evaluation.landmarks.network`; baselines find
        their own."""
        found = {
            name: network.evaluate_network(engine, samples, boxes, detector, held_out)
            for name, engine in self.engines.items()
        }
        return found | {
            name: _evaluate_baseline(name, method, samples, self.notes[name]) for name, method in self.baselines.items()
        }

    def robustness_notes(self) -> list[str]:
        """What a reader of those figures must know of the baselines."""
        said = [f"**{name}:** {' '.join(notes)}" for name, notes in self.notes.items()]
        return [*said, MOVED_NOTE] if said else []

    def methods(self, detector: Detector) -> dict[str, Method]:
        """All of them, for `robustness`; the networks share the detector. Raises DataError for a network that the
        tracker does not take."""
        for name, engine in self.engines.items():
            if not fits_tracker(engine.spec):
                raise DataError(
                    f"robustness is measured on networks that the tracker takes, which '{name}' is not; leave it out"
                )
        once = CachedDetector(detector)
        networks = {name: NetworkMethod(Landmarker(engine), once) for name, engine in self.engines.items()}
        return {**networks, **self.baselines}


def open_methods(models: list[Path], offset_from: Path | None, data: Path, stack: ExitStack) -> Comparison:
    """Open networks (.onnx, or run folders) and MediaPipe's face_landmarker.task, in this order; the latter twice if
    `offset_from` names labelled faces on which the constant difference of its scheme is taken out.

    stack: closes what needs closing. Raises ModelFileError, DataError or MissingExtraError where that cannot be done.
    """
    comparison = Comparison()
    tasks = [model for model in models if model.suffix == MEDIAPIPE_SUFFIX]
    if offset_from is not None:
        if not tasks:
            raise DataError("--offset-from is for MediaPipe; give its face_landmarker.task among the networks")
        if _stem(offset_from) == _stem(data):
            raise DataError("--offset-from must name other faces than --data: the difference is not fitted on the test")
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
    less = f"{name}, offset removed"
    comparison.baselines[less] = OffsetCorrected(method, median_offset(method, faces))
    comparison.notes[less] = [
        f"{name} without that constant difference: one vector for each point, in the face's own axes, the median over "
        f"{len(faces)} labelled faces of {offset_from.name}. That tells the mesh's precision; its user gets the plain "
        "figures."
    ]


def _stem(path: Path) -> Path:
    return (path.with_suffix("") if path.suffix in (".npz", ".zip") else path).resolve()


def _unique_name(used_names: Collection[str], name: str) -> str:
    """The name, numbered where another network has it."""
    if name not in used_names:
        return name
    return next(numbered for i in range(2, len(used_names) + 3) if (numbered := f"{name} ({i})") not in used_names)


def evenly_spaced(samples: list[Sample], limit: int | None) -> list[Sample]:
    """At most `limit` of the samples, evenly spread over all; None takes all."""
    if limit is None or limit >= len(samples):
        return samples
    return [samples[i] for i in np.linspace(0, len(samples) - 1, limit).round().astype(int)]


def read_evaluation_faces(data: Path, held_out: float = 0.0, limit: int | None = None) -> list[Sample]:
    """Labelled faces; what could not be read is told.

    held_out: only those of people whom a training with this `validation_share` held aside, by a hash of the name: the
    same ones on every machine. Raises DataError where that leaves none, or nothing there is understood.
    """
    labelled = read_labelled(data)
    print_skipped(labelled.problems)
    samples = labelled.samples
    if held_out:
        samples = packs.split(samples, held_out)[1]
        if not samples:
            raise DataError(f"{data}: of its {len(labelled.samples)} faces a share of {held_out:g} holds none aside")
    return evenly_spaced(samples, limit)


def _evaluate_baseline(name: str, method: Method, samples: list[Sample], notes: list[str]) -> Evaluation:
    """What can be said of a network that is not facetrack's."""
    samples, said = network.testing_part(samples)
    measured = measure_method(method, usable(samples))
    outputs = {"points": "(N, 68, 2) px"}
    spec = ModelSpec(
        name, "landmarks", None, 0, 1, topology.SCHEME, outputs, ["not stated"], "See its makers' terms.", ""
    )
    return Evaluation(
        spec, None, samples, measured, Attributes(), evaluate.figures(measured), said + notes, "its own detector's"
    )


def measure_method(method: Method, samples: list[Sample]) -> Measured:
    """An method through its own detector. Raises DataError where it finds no face at all."""
    kept, points, missed = [], [], []
    for sample in shown(samples, "detecting and reading"):
        found = method.predict(sample)
        if found is None:
            missed.append(sample)
            continue
        kept.append(sample)
        points.append(found)
    if not kept:
        raise DataError(f"none of the {len(samples)} faces was found; is this the right data?")
    crops = [crop_from_box(points_box(sample.points), SHEET_MARGIN) for sample in kept]
    unknown = np.full((len(kept), topology.N_POINTS), np.nan, np.float32)
    truth = np.stack([sample.points for sample in kept])
    return Measured(kept, crops, np.stack(points), truth, unknown, unknown[:, 0], missed)


def save_all(found: dict[str, Evaluation], folder: Path, data: str, command: str) -> None:
    """One network's report into the folder itself; of several, each into a folder of its name, and the comparison:
    report.md, figures.json and ced.png."""
    if len(found) == 1:
        ((name, only),) = found.items()
        network.save(only, folder, name, data, command)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, one in found.items():
        network.save(one, folder / slug(name), name, data, command)
    measured = {name: one.measured for name, one in found.items() if one.measured is not None}
    same = {measured_.scheme for measured_ in measured.values()}
    if len(same) == 1:  # errors over different distances share no axis
        save_ced(measured, folder / "ced.png")
    values = {name: network.as_json(one) for name, one in found.items()}
    (folder / "figures.json").write_text(json.dumps(values, indent=2) + "\n")
    (folder / "report.md").write_text(_report(found, folder, data, command))


def slug(name: str) -> str:
    """A folder's name."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-")


def _report(found: dict[str, Evaluation], folder: Path, data: str, command: str) -> str:
    parts = [
        f"# {', '.join(found)} on {data}\n",
        markdown.code(command),
        *(f"**{name}:** boxes: {one.boxes}. {' '.join(one.notes)}\n" for name, one in found.items()),
        markdown.table(("figure", *found, "what it is"), figure_rows(found)),
        by_yaw.section(yaw_bins(found)),
        "Reports of each: " + ", ".join(f"[{name}]({slug(name)}/report.md)" for name in found) + ".\n",
        markdown.pictures([path for path in [folder / "ced.png"] if path.is_file()], folder),
    ]
    return "\n".join(part for part in parts if part)


def yaw_bins(found: dict[str, Evaluation]) -> dict[str, list[YawBin]]:
    """Of those whose points were compared."""
    return {name: by_yaw.by_yaw(one.measured) for name, one in found.items() if one.measured is not None}


def figure_rows(found: dict[str, Evaluation]) -> list[tuple[str, ...]]:
    """(figure, its value for each network, what it is)."""
    names = list(dict.fromkeys(name for one in found.values() for name in one.figures))
    return [
        (
            name,
            *(markdown.number(one.figures[name]) if name in one.figures else "-" for one in found.values()),
            network.MEANING.get(name, ""),
        )
        for name in names
    ]
