"""One network on one set of labelled faces: everything that `facetrack eval` prints and saves."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError, ModelFileError
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.evaluation.landmarks import by_yaw as evaluate_yaw
from facetrain.evaluation.landmarks import diagnostics, measure
from facetrain.evaluation.landmarks.attributes import (
    Attributes,
    attributes_of,
    measure_attributes,
    needs,
    save_confusions,
)
from facetrain.evaluation.landmarks.diagnostics import BoxJitter
from facetrain.evaluation.landmarks.framing import PointReader, open_points
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.evaluation.landmarks.pictures import save_pictures
from facetrain.reporting import markdown
from facetrain.sample import Sample
from facetrain.samples.provenance import trained_on

BOXES = ("detector", "truth")
WORST_NAMED = 12
MEANING = {
    "faces": "faces whose points were looked for",
    "nme": "mean error over the outer eye corners' distance, %",
    "nme_51": "the same without the jaw",
    **{f"nme_{name}": "the same, this region" for name in topology.REGIONS},
    "nme_pupil": "over the distance of the eyes' centres, %",
    "nme_box": "over the root of the area of the points' box, %",
    "fr8": "faces whose nme is above 8 %, %",
    "auc8": "area under the curve of ced.png up to 8 %, 1 at best",
    "fr10": "faces whose error over the eye centres is above 10 %, %",
    "auc10": "area under the curve of ced.png up to 10 %, 1 at best",
    "labels_right": "how far the labels as a whole lie to the right of the points, % of the eye corners' distance",
    "labels_below": "the same, below",
    "kaggle_rmse_px": "RMSE of Kaggle's 15 points, px of a picture of 96 px",
    "within_1_sigma": "share of coordinates off by less than sigma (Laplace: .757)",
    "within_2_sigma": "the same for two sigma (Laplace: .941)",
    "lowest_presence": "how sure the network is of a face, at the least",
    "ms_per_crop": "median time of cutting a crop and running the network, one thread",
    "missed": "faces that were not found, or could not be framed; in no other figure",
}
CURVES = ("ced", "box_jitter", "best", "median", "worst")


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """figures by name. measured: None where no points were compared. notes: sentences that a reader of the figures must
    know. boxes: where the crops came from, in words."""

    spec: ModelSpec
    reader: PointReader | None
    samples: list[Sample]
    measured: Measured | None
    attributes: Attributes
    figures: dict[str, float]
    notes: list[str]
    boxes: str


def model_path(path: Path) -> Path:
    """The .onnx itself, or a run folder's. Raises ModelFileError where the folder has none."""
    if not path.is_dir():
        return path
    model = path / "model.onnx"
    if model.is_file():
        return model
    stages = sorted(file.parent.name for file in path.glob("*/model.onnx"))
    hint = f"give one of its stages: {', '.join(stages)}" if stages else "its training has not ended, or failed"
    raise ModelFileError(f"{path} holds no model.onnx; {hint}")


def title_of(path: Path) -> str:
    """What to call a network: by its file's name, or its folder's where all are called model.onnx."""
    if path.is_dir():
        return path.resolve().name
    return path.resolve().parent.name if path.name == "model.onnx" else path.stem


def evaluate_network(
    engine: OnnxEngine, samples: list[Sample], boxes: str, detector: Detector, held_out: bool = False
) -> Evaluation:
    """Measure what the network gives on what the samples say: its points, its attributes, or both.

    boxes: "detector", "truth", or "" for what suits the network: the detector for those that the tracker takes, the
    crops of their recipe for the others. held_out: the samples are those that training held aside. Raises DataError
    or ModelFileError where nothing compares.
    """
    spec = engine.spec
    if spec.kind == "detector":
        raise ModelFileError(f"network '{spec.name}' is a detector; measure it with facetrack eval detector")
    if boxes == "detector" and not fits_tracker(spec):
        raise DataError(
            f"--boxes detector is for networks that the tracker takes; leave it out for '{spec.name}', or say truth"
        )
    samples, notes = _measurable(spec, samples, held_out)
    attributes = measure_attributes(engine, samples) if attributes_of(spec) else Attributes()
    reader = open_points(engine) if "points" in spec.outputs else None
    measured = None
    if reader is not None and any(sample.scheme for sample in samples):
        through = detector if fits_tracker(spec) and boxes != "truth" else None
        measured = measure.measure(reader, through, samples, exact=boxes == "truth")
    if measured is None and not attributes.figures:
        wants = "labelled points" if not attributes_of(spec) else needs(spec)
        raise DataError(f"none of the {len(samples)} samples has what network '{spec.name}' is measured on: {wants}")
    figures = ({} if measured is None else measure.figures(measured)) | attributes.figures
    if reader is not None and measured is not None:
        figures["ms_per_crop"] = measure.milliseconds_per_crop(reader, measured.samples[0].image, measured.crops[0])
    elif attributes.ms_per_crop is not None:
        figures["ms_per_crop"] = attributes.ms_per_crop
    return Evaluation(spec, reader, samples, measured, attributes, figures, notes, _boxes(spec, boxes))


def _boxes(spec: ModelSpec, boxes: str) -> str:
    if boxes == "truth":
        return "truth"
    return "detector" if fits_tracker(spec) else "its recipe's"


def testing_part(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """The set's own testing part where it names one, and what must be said of that."""
    testing = [sample for sample in samples if sample.attributes.get("split") == "testing"]
    if not testing or len(testing) == len(samples):
        return samples, []
    return testing, [f"Only the set's own testing part was measured: {len(testing)} of {len(samples)} faces."]


def _measurable(spec: ModelSpec, samples: list[Sample], held_out: bool) -> tuple[list[Sample], list[str]]:
    """Samples that may be measured, and what must be said of them."""
    testing, notes = testing_part(samples)
    if notes:
        return testing, notes
    if held_out:
        return samples, [f"Only people that training held aside, by a hash of the name: {len(samples)} faces."]
    for source, count in Counter(sample.source for sample in samples).items():
        if trained_on(source, spec.data):
            notes.append(f"The network was trained on part of {source} ({count} faces here): the figures flatter it.")
    return samples, notes


def save(found: Evaluation, folder: Path, title: str, data: str, command: str) -> None:
    """report.md, figures.json and the pictures: ced, best, median, worst and box_jitter for points, a confusion matrix
    for each choice."""
    folder.mkdir(parents=True, exist_ok=True)
    jitter = None
    if found.measured is not None:
        save_pictures(found.measured, folder, title)
    if found.measured is not None and found.reader is not None:
        jitter = diagnostics.box_jitter(found.reader, found.measured.samples)
        if jitter is not None:
            diagnostics.save_box_jitter({found.spec.name: jitter}, folder / "box_jitter.png")
    save_confusions(found.attributes, folder)
    curves = {} if jitter is None else {"nme_by_box_shift": jitter.shifts, "nme_by_box_scale": jitter.scales}
    (folder / "figures.json").write_text(json.dumps(as_json(found) | curves, indent=2) + "\n")
    (folder / "report.md").write_text(_report(found, folder, title, data, command, jitter))


def as_json(found: Evaluation) -> dict[str, object]:
    """The figures, those by yaw, the missed faces' names and the notes; None for what is no number."""
    missed = [] if found.measured is None else [sample.name for sample in found.measured.missed]
    bins = [] if found.measured is None else [asdict(part) for part in evaluate_yaw.by_yaw(found.measured)]
    by_yaw = {part.pop("name"): _finite(part) for part in bins}
    return {**_finite(found.figures), "by_yaw": by_yaw, "missed_names": missed, "notes": found.notes}


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _report(found: Evaluation, folder: Path, title: str, data: str, command: str, jitter: BoxJitter | None) -> str:
    rows = [(name, markdown.number(value), MEANING.get(name, "")) for name, value in found.figures.items()]
    chosen = [folder / f"{name}.png" for name in (*CURVES, *(f"confusion_{c}" for c in found.attributes.confusions))]
    parts = [
        f"# {title} on {data}\n",
        markdown.code(command),
        f"Boxes: {found.boxes}. Data of the network: {'; '.join(found.spec.data)}. {found.spec.terms}\n",
        *(f"**{note}**\n" for note in found.notes),
        markdown.table(("figure", "value", "what it is"), rows),
        "" if found.measured is None else evaluate_yaw.section({title: evaluate_yaw.by_yaw(found.measured)}),
        _jitter_tables(jitter),
        _worst(found.measured),
        "Sheets: predicted points green, labelled ones red, the error of each face in its title.\n",
        markdown.pictures([path for path in chosen if path.is_file()], folder),
    ]
    return "\n".join(part for part in parts if part)


def _jitter_tables(jitter: BoxJitter | None) -> str:
    if jitter is None:
        return ""
    both = (("box shifted, share of its side", jitter.shifts), ("box scaled", jitter.scales))
    text = [
        markdown.table((name, *(f"{x:g}" for x in values)), [("NME, %", *map(markdown.number, values.values()))])
        for name, values in both
    ]
    return "Exact boxes, moved and scaled:\n\n" + "\n".join(text)


def _worst(measured: Measured | None) -> str:
    if measured is None:
        return ""
    nme = measured.nme
    order = [i for i in np.argsort(nme)[::-1] if np.isfinite(nme[i])][:WORST_NAMED]
    rows = [(measured.samples[i].name, markdown.number(float(nme[i]))) for i in order]
    return markdown.table(("worst faces", "NME, %"), rows)
