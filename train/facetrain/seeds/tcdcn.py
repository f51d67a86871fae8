"""TCDCN on MTFL: five points with gender, smile, glasses and pose; then 68 points by fine-tuning.

Three stages, each with its own run folder and checkpoint: `tasks` trains all outputs, `points` continues without the
auxiliary tasks and without weight decay, `dense` learns 68 points on the same first three layers. Sources: see
`models.tcdcn`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology, topology_maps
from facetrain.augment.webcam import AugmentOptions
from facetrain.formats import packs
from facetrain.formats.public.mtfl import read_mtfl_pack
from facetrain.metrics import landmarks as metrics
from facetrain.metrics.binary import binary_figures
from facetrain.models.predict import predict
from facetrain.models.tcdcn import ATTRIBUTES, Tcdcn, TcdcnOptions
from facetrain.reporting.figures import Figures, save_figures
from facetrain.reporting.sheets import drawn, save_sheet
from facetrain.sample import Sample
from facetrain.seeds.faces import Faces, TaskFaces, jittered_faces, limit_evenly
from facetrain.seeds.record import export_seed, seed_spec
from facetrain.training.fit import FitOptions, fit

AUGMENT = AugmentOptions(
    rotation_deg=12.0, wide_rotation_deg=30.0, shift=0.08, scale=(0.87, 1.15), light=0.4, grey=0.0, blur=0.1,
    noise=0.1, jpeg=0.0, low_resolution=0.0, occlusion=0.0,
)  # fmt: skip
"""The authors' rotation to 30 degrees, shifts, scales and flips; added: illumination, blur and noise."""
DENSE = TcdcnOptions(points=68, features=256)
MARGINS = {5: 2.2, 68: 1.15}
"""Side of the crop over the extent of the points; five points span the eyes and the mouth only."""


@dataclass(frozen=True, slots=True)
class MultiTaskLoss:
    """Multi-task loss, the paper's equation 3: squared error of the points plus cross-entropies of the tasks.

    Half the squared error, summed over a face, of the points over the input side. Unknown points have weight 0, unknown
    attributes (-1) are masked.
    points, gender, smile, glasses, pose: weights of the terms
    input_px: side of the crop
    auxiliary: False without the tasks
    """

    points: float = 1.0
    gender: float = 0.1
    smile: float = 0.1
    glasses: float = 0.1
    pose: float = 0.3
    input_px: int = 40
    auxiliary: bool = True

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        squared = ((outputs["points"] - batch["points"]) / self.input_px).square().sum(dim=2)
        faces = (batch["weight"].sum(dim=1) > 0).sum().clamp(min=1)
        terms = {"points": 0.5 * (squared * batch["weight"]).sum() / faces}
        total = self.points * terms["points"]
        if self.auxiliary:
            for name in ATTRIBUTES:
                terms[name] = binary_loss(outputs[name], batch[name])
                total = total + getattr(self, name) * terms[name]
            terms["pose"] = class_loss(outputs["pose"], batch["pose"])
            total = total + self.pose * terms["pose"]
        return {"total": total, **terms}


def binary_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the mean binary cross-entropy over labels 0 and 1; -1 is masked, and 0 returned if all are masked."""
    known = (labels >= 0).float()
    loss = F.binary_cross_entropy_with_logits(logits, labels.clamp(min=0), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the mean cross-entropy over class indices; -1 is masked."""
    loss = F.cross_entropy(logits, labels.long(), ignore_index=-1, reduction="sum")
    return loss / (labels >= 0).sum().clamp(min=1)


@dataclass(frozen=True, slots=True)
class TcdcnRecipe:
    """Recipe of TCDCN's training.

    limit: most training faces, 0 for all
    dense: whether the 68-point stage is trained, too
    repeats: how often each 68-point pack is repeated in an epoch
    validation_share: held-out fraction of the people of the 68-point packs
    benchmark: 68-point test pack
    network, dense_network: variants of the networks of 5 and of 68 points
    loss: weights of the loss terms
    augment: augmentation
    tasks_fit, points_fit, dense_fit: options of the stages' training loops
    """

    limit: int = 0
    dense: bool = True
    repeats: dict[str, int] = field(default_factory=lambda: {"helen_train": 3, "ytfaces_train": 1})
    validation_share: float = 0.06
    benchmark: str = "helen_test"
    network: TcdcnOptions = field(default_factory=TcdcnOptions)
    dense_network: TcdcnOptions = field(default_factory=lambda: DENSE)
    loss: MultiTaskLoss = field(default_factory=MultiTaskLoss)
    augment: AugmentOptions = field(default_factory=lambda: AUGMENT)
    tasks_fit: FitOptions = field(default_factory=FitOptions)
    points_fit: FitOptions = field(default_factory=FitOptions)
    dense_fit: FitOptions = field(default_factory=FitOptions)


def train_tcdcn(data: Path, run_dir: Path, recipe: TcdcnRecipe) -> Figures:
    """Train all stages; returns figures of MTFL's test part (AFLW), and of the 68-point benchmark as `dense_..`."""
    faces = read_mtfl_pack(data / "mtfl.csv", trim=False).samples
    training, testing = ([s for s in faces if s.attributes["split"] == part] for part in ("training", "testing"))
    model, figures = train_tasks(training, testing, run_dir, recipe)
    if recipe.dense:
        read = {name: packs.read_landmark_pack(data, name) for name in recipe.repeats}
        split = {name: packs.split(samples, recipe.validation_share) for name, samples in read.items()}
        kept = [sample for name, (part, _) in split.items() for sample in part * recipe.repeats[name]]
        benchmark = packs.read_landmark_pack(data, recipe.benchmark)
        held_out = [sample for _, part in split.values() for sample in part]
        dense = train_dense(model, kept, held_out, benchmark, run_dir, recipe)
        figures |= {f"dense_{name}": value for name, value in dense.items()}
    save_figures(figures, run_dir)
    return figures


def train_tasks(
    training: list[Sample], testing: list[Sample], run_dir: Path, recipe: TcdcnRecipe
) -> tuple[Tcdcn, Figures]:
    """Train five points with the tasks, then the points alone; the attributes' figures are those of the first stage.

    The second stage changes the shared layers, so the tasks' heads are no longer valid: its exported network has the
    points only; `tasks/model.onnx` has points and attributes.
    """
    side = recipe.network.input_px
    held_out = jittered_faces(testing, MARGINS[5], side)
    dataset = _dataset(training, topology_maps.FIVE, recipe, recipe.tasks_fit)
    loss = dataclasses.replace(recipe.loss, input_px=side)
    torch.manual_seed(recipe.tasks_fit.seed)
    model: nn.Module = Tcdcn(dataclasses.replace(recipe.network, points=5))
    model = fit(model, dataset, loss, lambda net: five_figures(net, held_out), recipe.tasks_fit, run_dir / "tasks")
    tasks = five_figures(model, held_out)
    _export(model, "tcdcn-tasks", held_out, tasks, run_dir / "tasks", ["mtfl"])
    loss = dataclasses.replace(loss, auxiliary=False)
    model = fit(model, dataset, loss, lambda net: points_figures(net, held_out), recipe.points_fit, run_dir / "points")
    figures = tasks | points_figures(model, held_out) | {"error_with_tasks": tasks["error"]}
    assert isinstance(model, Tcdcn)
    _export(PointsOnly(model), "tcdcn", held_out, figures, run_dir, ["mtfl"])
    return model, figures


def train_dense(
    five: Tcdcn,
    training: list[Sample],
    held_out: list[Sample],
    benchmark: list[Sample],
    run_dir: Path,
    recipe: TcdcnRecipe,
) -> Figures:
    """Train 68 points on the frozen first three layers of `five`; returns the figures of the benchmark."""
    side = recipe.dense_network.input_px
    torch.manual_seed(recipe.dense_fit.seed)
    model: nn.Module = Tcdcn(dataclasses.replace(recipe.dense_network, points=68))
    assert isinstance(model, Tcdcn)
    model.keep_first_layers(five)
    dataset = _dataset(training, topology.SCHEME, recipe, recipe.dense_fit)
    loss = dataclasses.replace(recipe.loss, input_px=side, auxiliary=False)
    validation = jittered_faces(held_out, MARGINS[68], side)
    folder = run_dir / "dense"
    model = fit(model, dataset, loss, lambda net: dense_figures(net, validation), recipe.dense_fit, folder)
    test = jittered_faces(benchmark, MARGINS[68], side)
    figures = dense_figures(model, test)
    _export(model, "tcdcn-68", test, figures, folder, list(recipe.repeats))
    return figures


def _dataset(samples: list[Sample], scheme: str, recipe: TcdcnRecipe, options: FitOptions) -> TaskFaces:
    five = scheme == topology_maps.FIVE
    side, margin = (recipe.network if five else recipe.dense_network).input_px, MARGINS[5 if five else 68]
    return TaskFaces(limit_evenly(samples, recipe.limit), scheme, side, margin, recipe.augment, options.seed)


class PointsOnly(nn.Module):
    """Network without the outputs of the auxiliary tasks."""

    def __init__(self, model: Tcdcn) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> dict[str, Tensor]:
        return {"points": self.model(crops)["points"]}


def points_figures(model: nn.Module, faces: Faces) -> Figures:
    """Compute the mean error in % of the inter-pupil distance, its median, and the failure rate at 10 %."""
    predicted = predict(model, faces.crops)["points"]
    eye_distance = np.linalg.norm(faces.points[:, 0] - faces.points[:, 1], axis=1)
    error = 100 * np.linalg.norm(predicted - faces.points, axis=2).mean(axis=1) / eye_distance
    return {
        "error": float(error.mean()),
        "error_median": float(np.median(error)),
        "fr10": float(100 * (error > 10).mean()),
    }


def five_figures(model: nn.Module, faces: Faces) -> Figures:
    """Compute the points' error, precision, recall and F1 of each binary task, and the accuracy of the pose."""
    outputs = predict(model, faces.crops)
    figures = points_figures(model, faces)
    for task in ATTRIBUTES:
        figures |= {f"{task}_{k}": v for k, v in binary_figures(outputs[task] > 0, faces.labels[task]).items()}
    known = faces.labels["pose"] >= 0
    correct = outputs["pose"].argmax(axis=1) == faces.labels["pose"]
    return figures | {"pose_accuracy": float(correct[known].mean()) if known.any() else float("nan")}


def dense_figures(model: nn.Module, faces: Faces) -> Figures:
    """Compute the NME in % of the inter-ocular distance, and of the inter-pupil distance (the authors' 5.54)."""
    predicted = predict(model, faces.crops)["points"]
    five = topology.five_from_68(faces.points)
    eye_distance = np.linalg.norm(five[:, 0] - five[:, 1], axis=1)
    pupil = 100 * np.linalg.norm(predicted - faces.points, axis=2).mean(axis=1) / eye_distance
    return {"nme": metrics.summary(predicted, faces.points)["nme"], "nme_pupil": float(pupil.mean())}


def _export(model: nn.Module, name: str, faces: Faces, figures: Figures, folder: Path, sets: list[str]) -> None:
    """Export the network and draw a sheet of its predictions."""
    model = model.eval().cpu()
    dense = faces.points.shape[1] != len(topology.FIVE_POINTS)
    scheme = topology.SCHEME if dense else topology_maps.FIVE
    spec = seed_spec(name, model, faces.crops, scheme, MARGINS[faces.points.shape[1]], sets, figures)
    export_seed(model, spec, faces.crops, folder / "model.onnx")
    predicted = predict(model, faces.crops[:18])["points"]
    cells = [drawn(*face) for face in zip(faces.crops[:18], predicted, faces.points[:18], strict=True)]
    save_sheet(cells, folder / "predictions.png")
