"""cnn128: 68 landmarks by plain regression from a 128x128 crop; the exported network runs in the tracker.

The original was trained on boxes of one detector and failed on another's ("wild faces off until boxes match"). Here the
crops are those of the landmark network, shifted and scaled at random, and `box_jitter` measures the effect of the box.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology
from facetrack.geometry import CropBox, crop_from_box, crop_matrix, cut, points_box, transform
from facetrain.formats import packs
from facetrain.metrics import landmarks as metrics
from facetrain.models.cnn128 import Cnn128, Cnn128Options
from facetrain.models.predict import predict
from facetrain.reporting.figures import Figures, save_figures
from facetrain.reporting.sheets import drawn, save_sheet
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops
from facetrain.seeds.pictures import Pictures
from facetrain.seeds.record import export_seed, seed_spec
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import weighted_mean


@dataclass(frozen=True, slots=True)
class Cnn128Recipe:
    """Recipe of cnn128's training.

    packs: training and validation data
    benchmark: test pack, "" for none
    limit: most training faces, 0 for all
    validation_share: held-out fraction of the people
    network: variant of the network
    crops: cropping and augmentation
    fit: options of the training loop
    """

    packs: tuple[str, ...] = ("helen_train", "ytfaces_train")
    benchmark: str = "helen_test"
    limit: int = 0
    validation_share: float = 0.06
    network: Cnn128Options = field(default_factory=Cnn128Options)
    crops: CropOptions = field(default_factory=CropOptions)
    fit: FitOptions = field(default_factory=FitOptions)


class Cnn128Loss:
    """Mean squared error of the points in half crops (-1..1, as in the original) plus cross-entropy of the presence."""

    def __init__(self, input_px: int, presence_weight: float = 0.01) -> None:
        self.half, self.presence_weight = input_px / 2, presence_weight

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        squared = ((outputs["points"] - batch["points"]) / self.half).square().mean(dim=2)
        points = weighted_mean(squared, batch["weight"])
        presence = F.binary_cross_entropy_with_logits(outputs["presence"], batch["presence"])
        return {"total": points + self.presence_weight * presence, "points": points, "presence": presence}


def boxed(samples: list[Sample], margin: float, input_px: int, shift: float = 0.0, scale: float = 1.0) -> Pictures:
    """Crop by ground-truth boxes, optionally shifted right by `shift` extents and scaled by `scale`."""
    crops, points = [], []
    for sample in samples:
        exact = crop_from_box(points_box(sample.points), margin)
        crop = CropBox(exact.x + shift * exact.size_px / margin, exact.y, exact.size_px * scale)
        crops.append(cut(sample.image, crop, input_px))
        points.append(transform(sample.points, crop_matrix(crop, input_px)))
    return Pictures(np.stack(crops), np.stack(points), np.stack([s.weight for s in samples]).astype(np.float32))


def nme(model: nn.Module, held_out: Pictures) -> Figures:
    """Compute the normalised mean errors and the failure rate at 8 %."""
    summary = metrics.summary(predict(model, held_out.crops)["points"], held_out.points)
    return {name: summary[name] for name in ("nme", "nme_51", "fr8")}


def box_jitter(model: nn.Module, samples: list[Sample], recipe: Cnn128Recipe) -> Figures:
    """Compute the NME in % for boxes shifted by a tenth of the face, a fifth too large, a fifth too small."""
    boxes = {"shift_0.1": (0.1, 1.0), "scale_1.2": (0.0, 1.2), "scale_0.8": (0.0, 0.8)}
    margin, side = recipe.crops.margin, recipe.network.input_px
    return {
        f"nme_{name}": nme(model, boxed(samples, margin, side, shift, scale))["nme"]
        for name, (shift, scale) in boxes.items()
    }


def train_cnn128(data: Path, run_dir: Path, recipe: Cnn128Recipe) -> Figures:
    """Read the packs, train, evaluate, export; the benchmark's figures have its name as prefix."""
    read = [sample for name in recipe.packs for sample in packs.read_landmark_pack(data, name)]
    training, validation = packs.split(read, recipe.validation_share)
    benchmark = packs.read_landmark_pack(data, recipe.benchmark) if recipe.benchmark else []
    return train_faces(training, validation, benchmark, packs.read_negatives(data), run_dir, recipe)


def train_faces(
    training: list[Sample],
    validation: list[Sample],
    benchmark: list[Sample],
    negatives: list[np.ndarray],
    run_dir: Path,
    recipe: Cnn128Recipe,
) -> Figures:
    """Train on samples of the 68-point scheme; sigma is the error on the validation faces."""
    side, margin = recipe.network.input_px, recipe.crops.margin
    crops = dataclasses.replace(recipe.crops, input_px=side)
    if recipe.limit:
        training = training[:: -(-len(training) // recipe.limit)]
    held_out = boxed(validation, margin, side)
    torch.manual_seed(recipe.fit.seed)
    dataset = LandmarkCrops(training, negatives, crops, recipe.fit.seed)
    model: nn.Module = Cnn128(recipe.network)
    model = fit(model, dataset, Cnn128Loss(side), lambda net: nme(net, held_out), recipe.fit, run_dir).eval().cpu()
    predicted = predict(model, held_out.crops)["points"]
    measure_sigma(model, predicted, held_out)
    figures = nme(model, held_out)
    if benchmark:
        exact = nme(model, boxed(benchmark, margin, side))
        figures |= {f"{recipe.benchmark}_{name}": value for name, value in exact.items()}
        figures |= box_jitter(model, benchmark, recipe)
    save_figures(figures, run_dir)
    spec = seed_spec("cnn128", model, held_out.crops, topology.SCHEME, margin, list(recipe.packs), figures)
    export_seed(model, spec, held_out.crops, run_dir / "model.onnx")
    cells = [drawn(*face) for face in zip(held_out.crops[:18], predicted[:18], held_out.points[:18], strict=True)]
    save_sheet(cells, run_dir / "predictions.png")
    return figures


def measure_sigma(model: nn.Module, predicted: np.ndarray, held_out: Pictures) -> None:
    """Set the network's sigma to each point's root mean square error per coordinate."""
    deviation = np.sqrt(np.square(predicted - held_out.points).mean(axis=(0, 2)))
    assert isinstance(model, Cnn128)
    model.sigma.copy_(torch.from_numpy(deviation))
