"""Evaluation of one network on one set of labelled faces, and its report (`facetrack eval`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError, ModelFileError
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrain.evaluation.landmarks import by_yaw, diagnostics, measure
from facetrain.evaluation.landmarks.attributes import (
    Attributes,
    attributes_of,
    confusion_plots,
    measure_attributes,
    required_labels,
)
from facetrain.evaluation.landmarks.framing import PointReader, open_points
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.evaluation.landmarks.pictures import face_sheets, save_ced
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table
from facetrain.sample import Sample
from facetrain.samples.provenance import trained_on

BOXES = ("detector", "truth")
WORST_NAMED = 12
MEANING = {
    "faces": "number of faces, missed ones included",
    "nme": "mean error normalised by the distance of the outer eye corners, %",
    "nme_51": "the same without the jaw",
    **{f"nme_{name}": "the same, this region" for name in topology.REGIONS},
    "nme_pupil": "mean error normalised by the distance of the eye centres, %",
    "nme_box": "mean error normalised by the square root of the area of the points' box, %",
    "fr8": "failure rate: faces whose nme is above 8 %, %",
    "auc8": "area under the cumulative error distribution (ced.png) up to 8 %, 1 at best",
    "fr10": "failure rate: faces whose error, normalised by the eye centres, is above 10 %, %",
    "auc10": "area under the cumulative error distribution (ced.png) up to 10 %, 1 at best",
    "labels_right": "median offset of the labels to the right of the predictions, % of the eye corners' distance",
    "labels_below": "the same, downwards",
    "nme_300w": "nme of the points moved to where 300-W's labels lie, 1 % of the eye corners' distance to the right",
    "nme_51_300w": "the same without the jaw",
    "kaggle_rmse_px": "RMSE of Kaggle's 15 points, px of a 96 px image",
    "within_1_sigma": "share of coordinate errors below the predicted sigma (Laplace: .757)",
    "within_2_sigma": "the same for two sigma (Laplace: .941)",
    "lowest_presence": "lowest predicted presence probability of a face",
    "ms_per_crop": "median duration of cutting a crop and running the network, one thread",
    "missed": "faces that were not detected, or could not be cropped; excluded from all other metrics",
}


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Evaluation of one network.

    spec, reader: the network; reader is None for baselines and networks without points
    samples: samples that were measured
    measured: landmarks, None if none were compared
    attributes: metrics of the attribute outputs
    figures: metrics by name
    notes: remarks for the reader of the report
    boxes: source of the crops, in words
    """

    spec: ModelSpec
    reader: PointReader | None
    samples: list[Sample]
    measured: Measured | None
    attributes: Attributes
    figures: dict[str, float]
    notes: list[str]
    boxes: str


def model_path(path: Path) -> Path:
    """Return the path of the .onnx itself, or of that in a run folder. Raises ModelFileError if there is none."""
    if not path.is_dir():
        return path
    model = path / "model.onnx"
    if model.is_file():
        return model
    stages = sorted(file.parent.name for file in path.glob("*/model.onnx"))
    hint = f"give one of its stages: {', '.join(stages)}" if stages else "its training has not ended, or failed"
    raise ModelFileError(f"{path} holds no model.onnx; {hint}")


def title_of(path: Path) -> str:
    """Return the name of a network: that of its file, or of its run folder if the file is model.onnx."""
    if path.is_dir():
        return path.resolve().name
    return path.resolve().parent.name if path.name == "model.onnx" else path.stem


def evaluate_network(
    engine: OnnxEngine, samples: list[Sample], boxes: str, detector: Detector, held_out: bool = False
) -> Evaluation:
    """Measure the outputs that the samples have labels for: landmarks, attributes, or both.

    boxes: "detector", "truth", or "" for the detector if the tracker can use the network, else the crops of its recipe
    held_out: the samples are held-out people of the training
    Raises DataError or ModelFileError if no output can be compared.
    """
    spec = engine.spec
    if spec.kind == "detector":
        raise ModelFileError(f"network '{spec.name}' is a detector; measure it with facetrack eval detector")
    if boxes == "detector" and not fits_tracker(spec):
        raise DataError(
            f"--boxes detector is for networks that the tracker can use; leave it out for '{spec.name}', or give truth"
        )
    samples, notes = _measurable(spec, samples, held_out)
    attributes = measure_attributes(engine, samples) if attributes_of(spec) else Attributes()
    reader = open_points(engine) if "points" in spec.outputs else None
    measured = None
    if reader is not None and any(sample.scheme for sample in samples):
        box_source = detector if fits_tracker(spec) and boxes != "truth" else None
        measured = measure.measure(reader, box_source, samples, exact=boxes == "truth")
    if measured is None and not attributes.figures:
        required = "labelled points" if not attributes_of(spec) else required_labels(spec)
        raise DataError(
            f"none of the {len(samples)} samples has the labels that network '{spec.name}' is measured on: {required}"
        )
    values = ({} if measured is None else measure.figures(measured)) | attributes.figures
    if reader is not None and measured is not None:
        values["ms_per_crop"] = measure.milliseconds_per_crop(reader, measured.samples[0].image, measured.crops[0])
    elif attributes.ms_per_crop is not None:
        values["ms_per_crop"] = attributes.ms_per_crop
    return Evaluation(spec, reader, samples, measured, attributes, values, notes, _boxes(spec, boxes))


def _boxes(spec: ModelSpec, boxes: str) -> str:
    if boxes == "truth":
        return "truth"
    return "detector" if fits_tracker(spec) else "its recipe's"


def testing_part(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """Return the official test set if the data names one, else all samples; and a note on that."""
    testing = [sample for sample in samples if sample.attributes.get("split") == "testing"]
    if not testing or len(testing) == len(samples):
        return samples, []
    return testing, [f"Only the official test set was measured: {len(testing)} of {len(samples)} faces."]


def _measurable(spec: ModelSpec, samples: list[Sample], held_out: bool) -> tuple[list[Sample], list[str]]:
    """Return the samples to measure, and notes on the split and on overlap with the training data."""
    testing, notes = testing_part(samples)
    if notes:
        return testing, notes
    if held_out:
        return samples, [f"Only held-out people of the training, by a hash of the name: {len(samples)} faces."]
    for source, count in Counter(sample.source for sample in samples).items():
        if trained_on(source, spec.data):
            notes.append(
                f"The network was trained on part of {source} ({count} faces here): the metrics are optimistic."
            )
    return samples, notes


def report(evaluation: Evaluation, title: str, data: str) -> Report:
    """Return the report of one network; this measures the error under shifted and scaled boxes, too.

    Plots: ced, best, median, worst and box_jitter for landmarks, a confusion matrix for each multi-class output.
    """
    spec, measured, values = evaluation.spec, evaluation.measured, figures(evaluation)
    rows = [(name, markdown.number(value)) for name, value in evaluation.figures.items()]
    tables = [Table("metrics", ("metric", "value"), rows)]
    plots: dict[str, Callable[[Path], None]] = {}
    if measured is not None:
        plots["ced.png"] = partial(save_ced, {title: measured})
        tables += by_yaw.tables({title: by_yaw.by_yaw(measured)})
        jitter = None if evaluation.reader is None else diagnostics.box_jitter(evaluation.reader, measured.samples)
        if jitter is not None:
            plots["box_jitter.png"] = partial(diagnostics.save_box_jitter, {spec.name: jitter})
            values |= {"nme_by_box_shift": jitter.shifts, "nme_by_box_scale": jitter.scales}
            tables.append(_jitter_table("box shifted, share of its side", jitter.shifts))
            tables.append(_jitter_table("box scaled", jitter.scales))
        plots |= face_sheets(measured)
        tables.append(_worst_table(measured))
    notes = [
        f"Boxes: {evaluation.boxes}. Training data of the network: {'; '.join(spec.data)}. {spec.terms}",
        *(f"**{note}**" for note in evaluation.notes),
        "Contact sheets: predicted points green, labels red, the error of each face in its title.",
    ]
    plots |= confusion_plots(evaluation.attributes)
    return Report(f"{title} on {data}", tables, values, notes, meaning(evaluation.figures), plots)


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the metrics, those by yaw, the names of missed faces, and the notes."""
    measured = evaluation.measured
    missed = [] if measured is None else [sample.name for sample in measured.missed]
    bins = [] if measured is None else [asdict(yaw_bin) for yaw_bin in by_yaw.by_yaw(measured)]
    yaw = {yaw_bin.pop("name"): yaw_bin for yaw_bin in bins}
    return {**evaluation.figures, "by_yaw": yaw, "missed_names": missed, "notes": evaluation.notes}


def meaning(names: Collection[str]) -> dict[str, str]:
    """Return the meaning of these metrics, and of the table by yaw if it is there."""
    return {name: MEANING[name] for name in names if name in MEANING} | (by_yaw.MEANING if "nme" in names else {})


def _jitter_table(name: str, nme: dict[float, float]) -> Table:
    return Table(f"exact {name}", (name, *(f"{x:g}" for x in nme)), [("NME, %", *map(markdown.number, nme.values()))])


def _worst_table(measured: Measured) -> Table:
    nme = measured.nme
    order = [i for i in np.argsort(nme)[::-1] if np.isfinite(nme[i])][:WORST_NAMED]
    rows = [(measured.samples[i].name, markdown.number(float(nme[i]))) for i in order]
    return Table("worst faces", ("face", "NME, %"), rows)
