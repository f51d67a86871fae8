"""Measures what a landmark network's attribute heads, and the signals made of them, are worth on what their training
held aside: smile, glasses, eyes, mouths, yawns, the head's angles, and a minute of talk without a yawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from torch import Tensor

from facetrack.detector import Detector
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import ModelFileError
from facetrack.geometry import crop_from_points
from facetrack.landmarker import Landmarker
from facetrack.modelfile import ATTRIBUTES, POSE_ANGLES
from facetrack.pose import head_pose
from facetrack.signals import FaceSignals, Observation
from facetrack.signals.mouth.yawn import YawnOptions
from facetrack.tracking.tracker import FaceTracker
from facetrain.evaluation.attributes import head_angles, talking
from facetrain.evaluation.attributes.head_angles import AngleErrors
from facetrain.evaluation.attributes.held_out import HeldOutData, HeldOutSet, read_held_out
from facetrain.evaluation.attributes.talking import Talk
from facetrain.metrics.binary import BinaryMetrics
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_crops import AttributeCropOptions, pasted_items, plain_item
from facetrain.samples.attribute_labels import COLUMN, EYES
from facetrain.samples.provenance import trained_on
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer
from facetrain.tasks.attributes import AttributeRecipe

BATCH = 64
GENKI = "genki4k"
Item = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class HeadsResult:
    """held: what was measured on. yes_no, angles, talks: in the order of the report. offset_deg: (3,) degrees that
    genki4k's angles lie from those of each way, learnt on its training part, by the way's name. notes: what a reader
    must know."""

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
    """engine: the network; tracker: on the same one. data: folder of the sets, with `videos` inside. heads: to render,
    where there is a head model. seconds: of clips to follow. limit: pictures of each part at most, 0 for all.

    Raises ModelFileError for a network without attributes or angles, DataError or SourceError where a set, a clip or
    the head model is missing or broken.
    """
    _must_have_heads(engine)
    landmarker = Landmarker(engine)
    clips = talking.clip_paths(data / "videos")  # before minutes are spent on the others
    renderer = None if head_model is None else Renderer(load_head_model(head_model))
    sets = read_held_out(data, landmarker, tracker.detector, limit)
    angles: dict[str, list[AngleErrors]] = {}
    talks = [talking.tracked_talk(tracker, clips, seconds)]
    if renderer is not None:
        angles = _by_yaw(_rendered(renderer, landmarker, tracker.detector, heads))
        people = [(manner, seed) for manner in talking.JAW_REACH for seed in range(talking.PEOPLE)]
        talks += [talking.rendered_talk(renderer, manner, seed) for manner, seed in people]
    genki, offset_deg = _genki_angles(sets, landmarker)
    binary = [*_smile_and_glasses(engine, sets), *_pasted_features(engine, sets), *_yawns(landmarker, sets)]
    return HeadsResult(sets.held_out, binary, angles | {GENKI: genki}, offset_deg, talks, _notes(engine, sets))


def _rendered(renderer: Renderer, landmarker: Landmarker, detector: Detector, heads: int) -> list[AngleErrors]:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("rendered heads", total=heads)
        return head_angles.rendered(renderer, landmarker, detector, heads, lambda: progress.advance(bar))


def _must_have_heads(engine: OnnxEngine) -> None:
    missing = [name for name in ("attributes", "pose") if name not in engine.spec.outputs]
    if missing:
        raise ModelFileError(
            f"network '{engine.spec.name}' gives no {' and no '.join(missing)}; expected a landmark network with "
            "attribute heads: facetrack train attributes adds them"
        )


def _notes(engine: OnnxEngine, sets: HeldOutData) -> list[str]:
    seen = sum(sample.name in sets.yawns_seen for sample in sets.yawns)
    notes = [
        f"Of the {len(sets.yawns)} faces of yawn_faces that chose no level, the landmark network learnt the points of "
        f"{seen} from an earlier network; their label was never learnt."
    ]
    if trained_on("heads", engine.spec.data):
        notes.append("The network was trained on rendered heads of the same model, though of other people.")
    return notes


def predict_attributes(engine: OnnxEngine, items: Sequence[Item]) -> NDArray[np.float64]:
    """(N, len(ATTRIBUTES)) 0..1: what the network says of the items' crops."""
    crops = [item["crop"].numpy() for item in items]
    predicted = [engine(np.stack(crops[i : i + BATCH]))["attributes"] for i in range(0, len(crops), BATCH)]
    return np.concatenate(predicted).astype(np.float64) if predicted else np.zeros((0, len(ATTRIBUTES)))


def binary_metrics(
    name: str, data: str, items: Sequence[Item], predicted: NDArray[np.float64], columns: Sequence[int], note: str = ""
) -> BinaryMetrics:
    """The columns together, wherever their label is clearly yes or no; laid-in photographs stay together."""
    truth = np.array([item["attributes"].numpy() for item in items]).reshape(-1, len(ATTRIBUTES))[:, columns]
    group = np.array([int(item.get("photograph", number)) for number, item in enumerate(items)])
    clear = (truth == 0) | (truth == 1)
    score = predicted[:, columns][clear]
    groups = np.broadcast_to(group[:, None], clear.shape)[clear]
    return BinaryMetrics(name, data, truth[clear] == 1, score, score > 0.5, groups, note=note)


def _options(engine: OnnxEngine) -> AttributeCropOptions:
    assert engine.spec.input_px is not None  # a landmark network's
    return dataclasses.replace(AttributeRecipe().crops, input_px=engine.spec.input_px, margin=engine.spec.margin)


def _smile_and_glasses(engine: OnnxEngine, sets: HeldOutData) -> list[BinaryMetrics]:
    """Smile on genki4k; smile and glasses on MTFL."""
    found = []
    for data, samples, names in (
        ("genki4k test", sets.genki4k, ("smile",)), ("MTFL testing", sets.mtfl, ("smile", "glasses"))
    ):  # fmt: skip
        items = [plain_item(sample, _options(engine)) for sample in samples]
        predicted = predict_attributes(engine, items)
        found += [binary_metrics(name, data, items, predicted, [COLUMN[name]]) for name in names]
    return found


def _pasted_features(engine: OnnxEngine, sets: HeldOutData) -> list[BinaryMetrics]:
    """Photographs of eyes and mouths in faces that show the feature as large as the photograph, or smaller, as
    `tasks.attributes.Validation` lays them."""
    clear = {id(f): all(patches.fits(f.points, eye, patches.CLEAR_PX) for eye in EYES) for f in sets.faces}
    laid, eyes = AttributeRecipe().laid, [COLUMN[name] for name in EYES]
    large, small = ([f for f in sets.faces if clear[id(f)] == is_large] for is_large in (True, False))
    found = []
    for name, data, photographs, faces, each, columns in (
        ("eye open", f"eyes test, eyes from {patches.CLEAR_PX:g} px", sets.eyes, large, laid, eyes),
        ("eye open", "eyes test, smaller eyes", sets.eyes, small, laid, eyes),
        ("mouth open", "mouths test", sets.mouths, sets.faces, 1, [COLUMN["mouth_open"]]),
    ):
        items = pasted_items(photographs, faces, _options(engine), each)
        note = f"{len({int(item['photograph']) for item in items})} photographs laid into faces"
        found.append(binary_metrics(name, data, items, predict_attributes(engine, items), columns, note))
    return found


def _yawns(landmarker: Landmarker, sets: HeldOutData) -> list[BinaryMetrics]:
    """Told from one picture as the yawn machine tells a wide mouth: openness above its level `wide`; and with what it
    takes for laughter or a shut mouth taken out."""
    options = YawnOptions()
    openings, wide, gated = [], [], []
    for sample in sets.yawns:
        signals = FaceSignals().update(_observe(sample, landmarker))[0]
        openings.append(np.nan if signals.mouth_opening is None else signals.mouth_opening)
        wide.append(signals.mouth_openness is not None and signals.mouth_openness >= options.wide)
        smile, mouth_open = signals.smile or 0.0, 1.0 if signals.mouth_open is None else signals.mouth_open
        gated.append(wide[-1] and smile < options.laughing and mouth_open >= options.shut)
    truth = np.array([sample.attributes["yawn"] == 1 for sample in sets.yawns], bool)
    opening = np.array(openings, np.float64)
    unknown = int(np.isnan(opening).sum())
    rule = BinaryMetrics(
        f"yawn: openness from {options.wide:g}", "yawn_faces test", truth, np.nan_to_num(opening, nan=-1.0),
        np.array(wide, bool), probability=False, note=f"opening unknown in {unknown}, called no",
    )  # fmt: skip
    name = f"the same, smile under {options.laughing:g}, mouth_open from {options.shut:g}"
    return [rule, replace(rule, name=name, predicted=np.array(gated, bool), note="")]


def _observe(sample: Sample, landmarker: Landmarker) -> Observation:
    """A photograph as the tracker would show it to the signals."""
    reading = landmarker(sample.image, [crop_from_points(sample.points, landmarker.margin)])[0]
    points, (height, width) = reading.landmarks.points, sample.image.shape[:2]
    pose = head_pose(points, (width, height))
    return Observation(0.0, points, reading.landmarks.sigma, pose, reading.attributes, reading.presence)


def _by_yaw(found: list[AngleErrors]) -> dict[str, list[AngleErrors]]:
    """All rendered heads, and those of each range of yaw."""
    turned = np.abs(found[0].truth[:, POSE_ANGLES.index("yaw_deg")])
    parts = {"rendered heads, all": found}
    for low, high in head_angles.YAW_BINS:
        chosen = (turned >= low) & (turned < high)
        parts[f"rendered heads, yaw {low:.0f}-{high:.0f}"] = [one.where(chosen) for one in found]
    return parts


def _genki_angles(
    sets: HeldOutData, landmarker: Landmarker
) -> tuple[list[AngleErrors], dict[str, NDArray[np.float64]]]:
    """Raw, and with the constant difference of the training part taken out."""
    test = head_angles.labelled(sets.genki4k, landmarker)
    learnt = head_angles.labelled(sets.genki4k_training, landmarker)
    offset = {one.name: head_angles.constant_offset(one.found, one.truth) for one in learnt}
    return [version for one in test for version in (one, one.shifted(offset[one.name]))], offset
