"""Measure the attribute heads of a landmark network, and the signals derived from them, on held-out data.

Smile, glasses, mouths, yawns, head angles, and false yawns in a minute of talking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import ModelFileError
from facetrack.geometry import crop_from_points
from facetrack.landmarker import Landmarker
from facetrack.modelfile import ATTRIBUTES
from facetrack.pose import head_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.signals.mouth.yawn import YawnOptions
from facetrack.tracking.tracker import FaceTracker
from facetrain.evaluation.attributes import head_angles, talking
from facetrain.evaluation.attributes.head_angles import AngleErrors
from facetrain.evaluation.attributes.held_out import HeldOutData, HeldOutSet, read_held_out
from facetrain.evaluation.attributes.talking import Talk
from facetrain.metrics.binary import BinaryMetrics
from facetrain.sample import POSE_ANGLES, Sample
from facetrain.samples.attribute_crops import AttributeCropOptions, pasted_items, plain_item
from facetrain.samples.attribute_labels import COLUMN
from facetrain.samples.provenance import trained_on
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer
from facetrain.tasks.attributes import AttributeRecipe

BATCH = 64
GENKI = "genki4k"
Item = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class HeadsResult:
    """Result of all measurements, in the order of the report.

    held_out: sizes of the data sets
    binary: binary classification metrics
    angles: errors of each method by data set
    offset_deg: (3,) constant offset of genki4k's angles by method, fitted on its training set
    talks: yawns detected while talking
    notes: remarks for the reader of the report
    """

    held_out: list[HeldOutSet]
    binary: list[BinaryMetrics]
    angles: dict[str, list[AngleErrors]]
    offset_deg: dict[str, NDArray[np.float64]]
    talks: list[Talk]
    notes: list[str]


def measure(
    engine: OnnxEngine, tracker: FaceTracker, data: Path, head_model: Path | None = None,
    heads: int = 200, seconds: float = talking.SECONDS, limit: int = 0,
) -> HeadsResult:  # fmt: skip
    """Measure a network with attribute heads.

    engine, tracker: the network, and a tracker that uses it
    data: folder of the sets, with `videos` inside
    heads: number of heads to render if there is a head model
    seconds: duration of the clips to track
    limit: maximum number of images of each part, 0 for all
    Raises ModelFileError for a network without attributes or rotation, DataError or SourceError if a set, a clip or the
    head model is missing or broken.
    """
    _must_have_heads(engine)
    landmarker = Landmarker(engine)
    clips = talking.clip_paths(data / "videos")  # first, so that a missing clip fails early
    renderer = None if head_model is None else Renderer(load_head_model(head_model))
    sets = read_held_out(data, landmarker, tracker.detector, limit)
    angles: dict[str, list[AngleErrors]] = {}
    talks = [talking.tracked_talk(tracker, clips, seconds)]
    if renderer is not None:
        angles = _by_yaw(head_angles.rendered(renderer, landmarker, tracker.detector, heads))
        people = [(manner, seed) for manner in talking.JAW_REACH for seed in range(talking.PEOPLE)]
        talks += [talking.rendered_talk(renderer, manner, seed) for manner, seed in people]
    genki, offset_deg = _genki_angles(sets, landmarker)
    binary = [*_smile_and_glasses(engine, sets), _pasted_mouths(engine, sets), *_yawns(landmarker, sets)]
    return HeadsResult(sets.held_out, binary, angles | {GENKI: genki}, offset_deg, talks, _notes(engine, sets))


def _must_have_heads(engine: OnnxEngine) -> None:
    missing = [name for name in ("attributes", "rotation") if name not in engine.spec.outputs]
    if missing:
        raise ModelFileError(
            f"network '{engine.spec.name}' gives no {' and no '.join(missing)}; expected a network of landmarks-turned "
            "with attribute heads: facetrack train attributes adds them"
        )


def _notes(engine: OnnxEngine, sets: HeldOutData) -> list[str]:
    n_trained = sum(sample.name in sets.yawns_seen for sample in sets.yawns)
    notes = [
        f"Of the {len(sets.yawns)} test faces of yawn_faces, which no threshold was set on, the landmark network was "
        f"trained on the points of {n_trained}, pseudo-labelled by an earlier network, but never on their yawn labels."
    ]
    if trained_on("heads", engine.spec.data):
        notes.append("The network was trained on rendered heads of the same head model, but of other people.")
    return notes


def predict_attributes(engine: OnnxEngine, items: Sequence[Item]) -> NDArray[np.float64]:
    """Predict the attributes of the items' crops: (N, len(ATTRIBUTES)) probabilities."""
    crops = [item["crop"].numpy() for item in items]
    predicted = [engine(np.stack(crops[i : i + BATCH]))["attributes"] for i in range(0, len(crops), BATCH)]
    return np.concatenate(predicted).astype(np.float64) if predicted else np.zeros((0, len(ATTRIBUTES)))


def binary_metrics(
    attribute: str, data: str, items: Sequence[Item], predicted: NDArray[np.float64], note: str = ""
) -> BinaryMetrics:
    """Return the metrics of an attribute over the labels that are 0 or 1; NaN and soft labels are excluded."""
    column = COLUMN[attribute]
    truth = np.array([item["attributes"].numpy() for item in items]).reshape(-1, len(ATTRIBUTES))[:, column]
    binary = (truth == 0) | (truth == 1)
    score = predicted[binary, column]
    return BinaryMetrics(attribute.replace("_", " "), data, truth[binary] == 1, score, score > 0.5, note=note)


def _options(engine: OnnxEngine) -> AttributeCropOptions:
    assert engine.spec.input_px is not None  # only a detector has no input size
    return dataclasses.replace(AttributeRecipe().crops, input_px=engine.spec.input_px, margin=engine.spec.margin)


def _smile_and_glasses(engine: OnnxEngine, sets: HeldOutData) -> list[BinaryMetrics]:
    """Measure smile on genki4k; smile and glasses on MTFL."""
    metrics = []
    for data, samples, names in (
        ("genki4k test", sets.genki4k, ("smile",)), ("MTFL testing", sets.mtfl, ("smile", "glasses"))
    ):  # fmt: skip
        items = [plain_item(sample, _options(engine)) for sample in samples]
        predicted = predict_attributes(engine, items)
        metrics += [binary_metrics(name, data, items, predicted) for name in names]
    return metrics


def _pasted_mouths(engine: OnnxEngine, sets: HeldOutData) -> BinaryMetrics:
    """Measure photographs of mouths, pasted into faces as by `tasks.attributes.Validation`."""
    items = pasted_items(sets.mouths, sets.faces, _options(engine))
    note = f"{len(items)} photographs pasted into faces"
    return binary_metrics("mouth_open", "mouths test", items, predict_attributes(engine, items), note)


def _yawns(landmarker: Landmarker, sets: HeldOutData) -> list[BinaryMetrics]:
    """Yawn classification of single images by the yawn detector's openness threshold.

    Without and with the yawn detector's rules against laughing and closed mouths.
    """
    options = YawnOptions()
    openings, wide, gated = [], [], []
    for sample in sets.yawns:
        signals = FaceSignals().update(_observe(sample, landmarker))[0]
        openings.append(np.nan if signals.mouth.aspect_ratio is None else signals.mouth.aspect_ratio)
        wide.append(signals.mouth.openness is not None and signals.mouth.openness >= options.wide)
        smile = signals.smile.prob or 0.0
        mouth_open = 1.0 if signals.mouth.open_prob is None else signals.mouth.open_prob
        gated.append(wide[-1] and smile < options.laughing and mouth_open >= options.shut)
    truth = np.array([sample.attributes["yawn"] == 1 for sample in sets.yawns], bool)
    opening = np.array(openings, np.float64)
    unknown = int(np.isnan(opening).sum())
    rule = BinaryMetrics(
        f"yawn: openness from {options.wide:g}", "yawn_faces test", truth, np.nan_to_num(opening, nan=-1.0),
        np.array(wide, bool), probability=False, note=f"opening unknown in {unknown}, predicted negative",
    )  # fmt: skip
    name = f"the same, smile under {options.laughing:g}, mouth_open from {options.shut:g}"
    return [rule, replace(rule, name=name, predicted=np.array(gated, bool), note="")]


def _observe(sample: Sample, landmarker: Landmarker) -> Observation:
    """Return the observation that the tracker would pass to the signals for a photograph."""
    reading = landmarker(sample.image, [crop_from_points(sample.points, landmarker.margin)])[0]
    points, (height, width) = reading.landmarks.points, sample.image.shape[:2]
    pose = head_pose(points, (width, height))
    return Observation(0.0, points, reading.landmarks.sigma, pose, reading.attributes, reading.presence)


def _by_yaw(methods: list[AngleErrors]) -> dict[str, list[AngleErrors]]:
    """Return the errors of all rendered heads, and of each range of absolute yaw."""
    yaw = np.abs(methods[0].truth[:, POSE_ANGLES.index("yaw_deg")])
    parts = {"rendered heads, all": methods}
    for low, high in head_angles.YAW_BINS:
        chosen = (yaw >= low) & (yaw < high)
        parts[f"rendered heads, yaw {low:.0f}-{high:.0f}"] = [errors.where(chosen) for errors in methods]
    return parts


def _genki_angles(
    sets: HeldOutData, landmarker: Landmarker
) -> tuple[list[AngleErrors], dict[str, NDArray[np.float64]]]:
    """Measure the angles on genki4k, raw and with the constant offset removed; return the (3,) offsets, too.

    The offsets are fitted on the training set.
    """
    test = head_angles.labelled(sets.genki4k, landmarker)
    training = head_angles.labelled(sets.genki4k_training, landmarker)
    offset = {errors.name: head_angles.constant_offset(errors.predicted, errors.truth) for errors in training}
    return [version for errors in test for version in (errors, errors.shifted(offset[errors.name]))], offset
