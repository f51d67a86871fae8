"""Training task of the detector: data, loss, validation, export."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from facetrack.errors import DataError
from facetrack.modelfile import ModelSpec
from facetrack.types import Floats, Image
from facetrain.export.onnx import export_onnx
from facetrain.metrics import detection as metrics
from facetrain.models.detector import OUTPUTS, STRIDES, DetectorNet, DetectorNetOptions, decode
from facetrain.reporting.sheets import PREDICTED, TRUTH, save_sheet
from facetrain.samples import pictures
from facetrain.samples.detector import turned
from facetrain.samples.detector.hard_examples import HardExample, mine_false_positives
from facetrain.samples.detector.placing import FACE, IGNORED
from facetrain.samples.detector.scenes import SceneOptions, Scenes
from facetrain.samples.pictures import FacePicture
from facetrain.samples.provenance import DATA_SETS, NEGATIVES, describe, terms_of
from facetrain.training.checkpoint import load_weights
from facetrain.training.detection_losses import DetectionLossOptions, detection_loss
from facetrain.training.fit import FitOptions, fit

YUNET_TERMS = "Faces without labels were labelled by YuNet (MIT)."
SECOND_STAGE = ", then facetrack train train/facetrain/recipes/detector_hard.toml --data DATA (see the card)"
PARITY = 1e-3
"""Largest difference between an exported network's raw maps and torch's."""
WHOLE_SCENES = ("helen_train", turned.POINTED)
"""Packs of photographs of whole scenes, in which false positives are mined."""
VALIDATION_SEED = 987_654_321
NMS_IOU = 0.4


@dataclass(frozen=True, slots=True)
class DetectorRecipe:
    """Recipe of the detector's training.

    start: initial weights (a run's model.safetensors, or an exported .onnx); the false positives of that network are
        mined first and sampled more often. "" for random weights without hard examples
    teacher: YuNet's file, relative to the folder above the data; it labels the unlabelled faces. "" for none
    labels: folder of the label tables (`facetrack label --teacher ensemble`), "" for DATA/labels; only aflw21 needs one
    validation_share: held-out fraction of the people, scenes and crowds; of the packs of turned heads it is fixed by
        `samples.turned.held_out`
    empty_share: held-out fraction of the images without faces; larger, because false alarms are rare
    backs: also sample the pack heads_backs (`facetrack data render --behind`), heads without a face, as false positives
    validation_scenes: number of composed validation scenes
    network: size of the network
    scenes: composition and augmentation of the scenes
    loss: assignment and weights of the loss terms
    fit: options of the training loop
    """

    start: str = ""
    teacher: str = "models/face_detection_yunet_2026may.onnx"
    labels: str = ""
    validation_share: float = 0.05
    empty_share: float = 0.2
    backs: bool = False
    validation_scenes: int = 256
    network: DetectorNetOptions = field(default_factory=DetectorNetOptions)
    scenes: SceneOptions = field(default_factory=SceneOptions)
    loss: DetectionLossOptions = field(default_factory=DetectionLossOptions)
    fit: FitOptions = field(
        default_factory=lambda: FitOptions(
            epochs=24, batch=32, learning_rate=3e-3, weight_decay=1e-2, warm_up=0.05, ema_decay=0.998, threads=1
        )
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """Labelled images of the detector.

    faces: images with landmarks of one main face each
    crowds: images with boxes only
    empties: images without faces
    """

    faces: list[FacePicture]
    crowds: list[FacePicture]
    empties: list[FacePicture]


def read_sources(data: Path, recipe: DetectorRecipe) -> tuple[Sources, Sources]:
    """Read the labelled images and split them by person or scene; returns (training, validation)."""
    faces = pictures.read_points_pack(data, "helen_train") + pictures.read_points_pack(data, "ytfaces_train")
    turned_faces, turned_held_out = read_turned(data, recipe)
    if recipe.teacher:
        teacher = _teacher(data, recipe.teacher)
        faces = pictures.with_teacher(faces, teacher)
        if "mtfl" in recipe.scenes.shares:
            faces += pictures.read_unlabelled_faces(data, teacher)
    if "expressions" in recipe.scenes.shares:
        faces += pictures.read_mesh_pictures(data)
    training_faces, validation_faces = pictures.split_by_group(faces, recipe.validation_share)
    crowds, validation_crowds = pictures.split_by_group(pictures.read_box_pictures(data), recipe.validation_share)
    empties, validation_empties = pictures.split_by_group(pictures.read_empty_pictures(data), recipe.empty_share)
    return (
        Sources(training_faces + turned_faces, crowds, empties),
        Sources(validation_faces + turned_held_out, validation_crowds, validation_empties),
    )


def read_turned(data: Path, recipe: DetectorRecipe) -> tuple[list[FacePicture], list[FacePicture]]:
    """Read the packs of turned heads that the recipe has shares of; returns (training, held-out)."""
    labels = Path(recipe.labels) if recipe.labels else data / "labels"
    training, held = list[FacePicture](), list[FacePicture]()
    for name in (turned.TABLED, turned.POINTED, turned.BOXED, turned.RENDERED):
        if name in recipe.scenes.shares:
            kept, aside = turned.read_turned_pictures(data, labels, name)
            if recipe.teacher and name in WHOLE_SCENES:
                teacher = _teacher(data, recipe.teacher)
                kept, aside = pictures.with_teacher(kept, teacher), pictures.with_teacher(aside, teacher)
            training, held = training + kept, held + aside
    return training, held


def _teacher(data: Path, name: str) -> Path:
    path = data.parent / name
    if not path.is_file():
        raise DataError(
            f'{path} is missing: it labels the unlabelled faces; give its path as `teacher`, or "" to do without'
        )
    return path


class Validation:
    """Average precision and recall on a fixed set of composed scenes of held-out people."""

    def __init__(self, sources: Sources, recipe: DetectorRecipe) -> None:
        options = replace(recipe.scenes, scenes_per_epoch=recipe.validation_scenes)
        scenes = Scenes(sources.faces, sources.crowds, sources.empties, options, VALIDATION_SEED)
        self.items = [scenes[i] for i in range(len(scenes))]

    def images(self) -> Tensor:
        """Return the scenes, (N, S, S, 3) uint8 BGR."""
        return torch.stack([item["image"] for item in self.items])

    def __call__(self, model: nn.Module) -> dict[str, float]:
        predicted = predict(model, self.images())
        matches = [_match(faces, item) for faces, item in zip(predicted, self.items, strict=True)]
        return {
            "ap": metrics.average_precision(matches),
            "recall": metrics.recall_above(matches, metrics.threshold_at(matches, 0.05)),
        }


def predict(model: nn.Module, images: Tensor, batch: int = 32) -> list[tuple[Floats, Floats]]:
    """Detect the faces of (B, H, W, 3) uint8 images; returns (boxes (N, 4), scores (N,)) of each, after suppression."""
    device = next(model.parameters()).device
    detections = []
    with torch.inference_mode():
        for part in images.split(batch):
            decoded = decode(model(part.to(device)))
            scores, boxes = decoded.logits.sigmoid().cpu().numpy(), decoded.boxes.cpu().numpy()
            detections += [suppress(b, s) for b, s in zip(boxes, scores, strict=True)]
    return detections


def suppress(boxes: Floats, scores: Floats, threshold: float = 0.05) -> tuple[Floats, Floats]:
    """Apply the score threshold and non-maximum suppression."""
    likely = scores > threshold
    boxes, scores = boxes[likely], scores[likely]
    sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxes(sides.tolist(), scores.tolist(), threshold, NMS_IOU), int).reshape(-1)
    return boxes[kept], scores[kept]


def _match(predicted: tuple[Floats, Floats], item: dict[str, Tensor]) -> metrics.Matches:
    boxes, kind = item["boxes"].numpy(), item["kind"].numpy()
    return metrics.match(*predicted, boxes[kind == FACE], boxes[kind == IGNORED])


def train_detector(data: Path, run_dir: Path, recipe: DetectorRecipe) -> dict[str, float]:
    """Train, export to run_dir/model.onnx, and draw a sheet of predictions; returns the validation figures."""
    training, validation = read_sources(data, recipe)
    torch.manual_seed(recipe.fit.seed)
    model: nn.Module = DetectorNet(recipe.network)
    hard: list[HardExample] = []
    if recipe.start:
        load_weights(model, Path(recipe.start))
        hard = mine_false_alarms(model.eval(), training)
    if recipe.backs:
        hard += turned.read_backs(data)
    dataset = Scenes(training.faces, training.crowds, training.empties, recipe.scenes, recipe.fit.seed, hard)

    def loss(outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return detection_loss(outputs, batch, recipe.loss)

    held_out = Validation(validation, recipe)
    model = fit(model, dataset, loss, held_out, recipe.fit, run_dir).eval().cpu()
    figures = held_out(model)
    save_predictions(model, held_out, run_dir / "predictions.png")
    spec = detector_spec(recipe, {f"validation/{name}": round(value, 4) for name, value in figures.items()})
    export_detector(model, spec, held_out.images()[:16], run_dir / "model.onnx")
    return figures


def mine_false_alarms(model: nn.Module, training: Sources) -> list[HardExample]:
    """Mine false positives in the images without faces, and around the faces of photographs of whole scenes."""

    def find(image: Image) -> tuple[Floats, Floats]:
        return predict(model, torch.from_numpy(image)[None])[0]

    return mine_false_positives(find, training.empties + [p for p in training.faces if p.source in WHOLE_SCENES])


def detector_spec(recipe: DetectorRecipe, figures: dict[str, float]) -> ModelSpec:
    cell = (
        "(N, 15, H/{0}, W/{0}) raw cells: score logit, box middle x y and log sides, 5 points x y, in units of {0} px"
    )
    backs = (turned.BACKS,) if recipe.backs else ()
    names = [name for name in (*recipe.scenes.shares, "wider_scenes", NEGATIVES, *backs) if name in DATA_SETS]
    return ModelSpec(
        name="detector",
        kind="detector",
        input_px=None,
        mean=0.0,
        scale=DetectorNet.SCALE,
        topology="5 points: right eye, left eye, nose tip, right and left mouth corner (the person's own)",
        stride=max(STRIDES),
        outputs={name: cell.format(stride) for name, stride in zip(OUTPUTS, STRIDES, strict=True)},
        data=[describe(name) for name in names],
        terms=f"{terms_of(names)} {YUNET_TERMS}" if recipe.teacher else terms_of(names),
        reproduce="facetrack train detector --data DATA" + (SECOND_STAGE if recipe.start else ""),
        metrics=figures,
    )


def export_detector(model: nn.Module, spec: ModelSpec, scenes: Tensor, path: Path) -> ModelSpec:
    """Write the .onnx, for any batch and image size, after checking its raw maps on real scenes."""
    return export_onnx(model, spec, scenes, path, dict.fromkeys(spec.outputs, PARITY))


def save_predictions(model: nn.Module, validation: Validation, path: Path, count: int = 24, least: float = 0.4) -> None:
    """Draw a sheet of validation scenes: predictions green, ground truth red."""
    cells = []
    for item, (boxes, scores) in zip(validation.items, predict(model, validation.images()[:count]), strict=False):
        scene = item["image"].numpy().copy()
        for group, colour in ((item["boxes"][item["kind"] == FACE].numpy(), TRUTH), (boxes[scores > least], PREDICTED)):
            for x0, y0, x1, y1 in np.round(group).astype(int).tolist():
                cv2.rectangle(scene, (x0, y0), (x1, y1), colour, 1)
        cells.append(scene)
    save_sheet(cells, path)
