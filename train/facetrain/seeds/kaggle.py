"""Kaggle's Facial Keypoints: 96x96 grey faces, 15 points, RMSE in px. Recipes kaggle-mlp, -cnn, -vgg and vgg16.

Kaggle's own files may not be handed on, so the recipes train on a set derived from the 68-point packs: the same size of
picture, the same 15 points, and the face placed as Kaggle's are on average and about as unsteadily. Samples that a
reader made from the real training.csv (scheme kaggle-15) go through the same door, missing points masked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrack.geometry import crop_matrix, cut, transform
from facetrain.datasets import packs
from facetrain.datasets.schemes import as_scheme
from facetrain.fit import FitOptions, fit
from facetrain.losses import weighted_mean
from facetrain.models.kaggle import KAGGLE_PX, KaggleCnn, KaggleMlp, KaggleVgg, PointRegressor
from facetrain.models.vgg16 import Vgg16Points
from facetrain.sample import Sample, face_extent
from facetrain.seeds.pictures import FlippedPictures, Pictures, crop_around, mirrored, predict
from facetrain.seeds.record import Figures, export_seed, save_figures, seed_spec
from facetrain.sheets import drawn, save_sheet

SCHEME = topology_maps.KAGGLE_15
FLIP = topology_maps.FLIPS[SCHEME]
CROP_SIZE = 1.12
"""Crop, in extents of the 68 points around the mean of the 15, that puts the eyes where Kaggle's are on average, at
(66.4, 37.7) and (30.3, 38.0) px; in HELEN they come to (65.3, 37.9) and (29.0, 38.5). The box's centre would not do:
it moves against the eyes as the head turns."""
DETECTOR_JITTER = 0.035
"""Unsteadiness of that crop, which gives the eye centres Kaggle's standard deviation of about 3 px."""


@dataclass(frozen=True, slots=True)
class KaggleRecipe:
    """network: kaggle-mlp, kaggle-cnn, kaggle-cnn-small (512-256), kaggle-vgg, kaggle-vgg-gap or vgg16; width is the
    last one's. scaled: targets (y - 48) / 48 instead of px. flip: share of mirrored pictures. limit: training pictures
    at most, 0 for all."""

    network: str = "kaggle-cnn"
    width: float = 1.0
    he_start: bool = False
    scaled: bool = True
    flip: float = 0.5
    limit: int = 0
    packs: tuple[str, ...] = ("helen_train", "ytfaces_train")
    validation_share: float = 0.2
    fit: FitOptions = field(default_factory=FitOptions)


def build_network(recipe: KaggleRecipe) -> PointRegressor:
    """The recipe's network, its outputs scaled as the targets are."""
    match recipe.network:
        case "kaggle-mlp":
            body: nn.Module = KaggleMlp()
        case "kaggle-cnn":
            body = KaggleCnn()
        case "kaggle-cnn-small":
            body = KaggleCnn((512, 256), same_padding=True)
        case "kaggle-vgg" | "kaggle-vgg-gap":
            body = KaggleVgg(average=recipe.network.endswith("gap"))
        case "vgg16":
            body = Vgg16Points(recipe.width, recipe.he_start)
        case other:
            raise DataError(
                f"network is '{other}'; expected kaggle-mlp, kaggle-cnn, kaggle-cnn-small, kaggle-vgg, kaggle-vgg-gap "
                "or vgg16"
            )
    return PointRegressor(body) if recipe.scaled else PointRegressor(body, shift=0.0, scale=1.0)


def as_kaggle(samples: list[Sample]) -> Pictures:
    """Samples of the kaggle-15 scheme as they are, those of other schemes cropped and mapped."""
    items = [_item(sample) for sample in samples]
    crops, points, weights = (np.stack(part) for part in zip(*items, strict=True))
    return Pictures(crops, points, weights)


def _item(sample: Sample) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image = sample.image
    if sample.scheme == SCHEME and image.shape[:2] == (KAGGLE_PX, KAGGLE_PX):
        points, weight = sample.points, sample.weight
    else:
        derived = as_scheme(sample, SCHEME)
        extent = face_extent(sample.points)
        middle = np.nanmean(derived.points, axis=0)
        crop = crop_around(middle, extent, CROP_SIZE, DETECTOR_JITTER, sample.name)
        image = cut(image, crop, KAGGLE_PX)
        points, weight = transform(derived.points, crop_matrix(crop, KAGGLE_PX)), derived.weight
    known = np.isfinite(points).all(axis=1) & (weight > 0)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    points = np.where(known[:, None], points, 0).astype(np.float32)
    return np.repeat(grey[:, :, None], 3, axis=2), points, np.where(known, weight, 0).astype(np.float32)


@dataclass(frozen=True, slots=True)
class KaggleLoss:
    """Mean squared error of the targets (y - 48) / 48, missing points masked; unit 1 for targets in px."""

    unit: float = KAGGLE_PX / 2

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        squared = ((outputs["points"] - batch["points"]) / self.unit).square().mean(dim=2)
        return {"total": weighted_mean(squared, batch["weight"])}


def rmse_px(predicted: np.ndarray, truth: Pictures) -> float:
    """Kaggle's measure: the root of the mean squared error over all known coordinates."""
    squared = np.square(predicted - truth.points).mean(axis=2)
    return float(np.sqrt((squared * truth.weight).sum() / truth.weight.sum()))


def spread(predicted: np.ndarray, truth: Pictures) -> float:
    """How much predictions (of all faces, or the first) vary against the truth: 1 is right, 0 says one thing to all."""
    known = truth.weight.min(axis=1) > 0
    return float(predicted[known[: len(predicted)]].std(axis=0).mean() / truth.points[known].std(axis=0).mean())


def mean_shape(pictures: Pictures) -> np.ndarray:
    """(K, 2) the mean of every known point: what a network that learned nothing but the average would say."""
    weight = pictures.weight[:, :, None]
    return (pictures.points * weight).sum(axis=0) / weight.sum(axis=0).clip(min=1e-6)


def predict_flipped(model: nn.Module, pictures: Pictures) -> np.ndarray:
    """The mean of what the network says of a picture and of its mirror image."""
    plain = predict(model, pictures.crops)["points"]
    turned = predict(model, np.ascontiguousarray(pictures.crops[:, :, ::-1]))["points"]
    return (plain + mirrored(turned, FLIP, KAGGLE_PX)) / 2


def validation_figures(model: nn.Module, held: Pictures) -> Figures:
    """The authors' validation loss, RMSE in px, and the spread that betrays a collapse."""
    predicted = predict(model, held.crops)["points"]
    rmse = rmse_px(predicted, held)
    return {"loss": (rmse / (KAGGLE_PX / 2)) ** 2, "rmse_px": rmse, "spread": spread(predicted, held)}


def train_kaggle(data: Path, run_dir: Path, recipe: KaggleRecipe) -> Figures:
    """Train on the derived set; see `train_points`."""
    samples = [sample for name in recipe.packs for sample in packs.read_landmark_pack(data, name)]
    return train_points(*packs.split(samples, recipe.validation_share), run_dir, recipe)


def train_points(training: list[Sample], validation: list[Sample], run_dir: Path, recipe: KaggleRecipe) -> Figures:
    """Train, measure, export and draw; returns the figures, which also go to run_dir/figures.json.

    A network that learned nothing (NaN) is measured but not exported.
    """
    kept, held = as_kaggle(training).first(recipe.limit), as_kaggle(validation)
    loss = KaggleLoss() if recipe.scaled else KaggleLoss(unit=1.0)
    dataset = FlippedPictures(kept, FLIP, recipe.flip, recipe.fit.seed)
    torch.manual_seed(recipe.fit.seed)
    model: nn.Module = build_network(recipe)
    untrained = spread(predict(model.eval(), held.crops[:64])["points"], held)
    model = fit(model, dataset, loss, lambda net: validation_figures(net, held), recipe.fit, run_dir).eval().cpu()
    baseline = np.broadcast_to(mean_shape(kept), held.points.shape)
    figures = validation_figures(model, held) | {
        "rmse_flip_px": rmse_px(predict_flipped(model, held), held),
        "rmse_mean_shape_px": rmse_px(baseline, held),
        "spread_untrained": untrained,
        "dead": dead_share(model, held),
    }
    save_figures(figures, run_dir)
    if np.isfinite(figures["rmse_px"]):
        _keep(model, held, run_dir, recipe, figures)
    return figures


def _keep(model: nn.Module, held: Pictures, run_dir: Path, recipe: KaggleRecipe, figures: Figures) -> None:
    spec = seed_spec(recipe.network, model, held.crops, SCHEME, CROP_SIZE, list(recipe.packs), figures)
    export_seed(model, spec, held.crops, run_dir / "model.onnx")
    predicted = predict(model, held.crops)["points"]
    np.savez_compressed(run_dir / "validation.npz", predicted=predicted, points=held.points, weight=held.weight)
    order = np.argsort(np.square(predicted - held.points).mean(axis=(1, 2)))
    chosen = [*order[:6], *order[len(order) // 2 :][:6], *order[-6:]]
    save_sheet([drawn(held.crops[i], predicted[i], held.points[i]) for i in chosen], run_dir / "predictions.png")


def dead_share(model: nn.Module, held: Pictures, batch: int = 64) -> float:
    """Share of the rectified dense units that are silent for every one of some faces: no gradient passes them."""
    alive: list[Tensor] = []
    hooks = [
        dense.register_forward_hook(lambda _module, _given, out: alive.append((out > 0).any(dim=0)))
        for dense in [m for m in model.modules() if isinstance(m, nn.Linear)][:-1]
    ]
    predict(model, held.crops[:batch], batch)
    for hook in hooks:
        hook.remove()
    return 1 - float(torch.cat(alive).float().mean())


def ensemble_rmse(runs: list[Path]) -> float:
    """RMSE in px of the mean of several runs' predictions on the validation pictures that they share."""
    saved = [np.load(run / "validation.npz") for run in runs]
    truth = Pictures(np.empty(0, np.uint8), saved[0]["points"], saved[0]["weight"])
    if any(not np.array_equal(other["points"], truth.points) for other in saved):
        raise DataError("the runs were validated on different pictures; train them with the same packs and share")
    return rmse_px(np.mean([one["predicted"] for one in saved], axis=0), truth)
