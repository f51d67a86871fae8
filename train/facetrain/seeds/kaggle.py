"""Kaggle's Facial Keypoints: 96x96 grey faces, 15 points, RMSE in px. Recipes kaggle-mlp, -cnn, -vgg and vgg16.

Kaggle's own files may not be redistributed, so the recipes train on a set derived from the 68-point packs: the same
image size, the same 15 points, and faces placed as Kaggle's are on average, with a similar jitter
(`formats.public.kaggle`). The real training.csv can be given as --data; its missing points are masked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrain.augment.mirror import mirrored
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.formats.public.kaggle import FRAME_SIZE, as_kaggle
from facetrain.formats.reading import print_skipped
from facetrain.models.kaggle import (
    KAGGLE_PX,
    N_KAGGLE,
    KaggleCnn,
    KaggleMlp,
    KaggleVgg,
    PointRegressor,
    Specialists,
)
from facetrain.models.predict import predict
from facetrain.models.vgg16 import Vgg16Points
from facetrain.reporting.figures import Figures, save_figures
from facetrain.reporting.sheets import drawn, save_sheet
from facetrain.sample import Sample
from facetrain.seeds.pictures import FlippedPictures, Pictures
from facetrain.seeds.record import export_seed, seed_spec
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import weighted_mean

SCHEME = topology_maps.KAGGLE_15
FLIP = topology_maps.FLIPS[SCHEME]


@dataclass(frozen=True, slots=True)
class KaggleRecipe:
    """Recipe of the Kaggle networks' training.

    network: kaggle-mlp, kaggle-cnn, kaggle-cnn-small (512-256), kaggle-vgg, kaggle-vgg-gap or vgg16
    specialists: six such networks, each for points that are labelled or missing together
    dropout: of the two cnns, after each pool and the first dense layer. Nouri's, the default, needs his 3000 epochs: at
        first a network fits the mean under its own noise, and misses the face when evaluated without dropout
    width: multiplier of vgg16's channels
    he_start: He initialisation of vgg16
    scaled: targets (y - 48) / 48 instead of px
    flip: probability that an image is mirrored
    limit: most training images, 0 for all
    packs: packs to read if --data is the folder that holds them
    validation_share: held-out fraction of the people
    fit: options of the training loop
    """

    network: str = "kaggle-cnn"
    specialists: bool = False
    dropout: tuple[float, float, float, float] = (0.1, 0.2, 0.3, 0.5)
    width: float = 1.0
    he_start: bool = False
    scaled: bool = True
    flip: float = 0.5
    limit: int = 0
    packs: tuple[str, ...] = ("helen_train", "ytfaces_train")
    validation_share: float = 0.2
    fit: FitOptions = field(default_factory=FitOptions)


def build_network(recipe: KaggleRecipe) -> PointRegressor:
    """Build the recipe's network, with outputs scaled as the targets."""
    body = Specialists(lambda points: _body(recipe, points)) if recipe.specialists else _body(recipe, N_KAGGLE)
    return PointRegressor(body) if recipe.scaled else PointRegressor(body, shift=0.0, scale=1.0)


def _body(recipe: KaggleRecipe, points: int) -> nn.Module:
    match recipe.network:
        case "kaggle-mlp":
            return KaggleMlp(points=points)
        case "kaggle-cnn":
            return KaggleCnn(dropout=recipe.dropout, points=points)
        case "kaggle-cnn-small":
            return KaggleCnn((512, 256), same_padding=True, dropout=recipe.dropout, points=points)
        case "kaggle-vgg" | "kaggle-vgg-gap":
            return KaggleVgg(average=recipe.network.endswith("gap"), points=points)
        case "vgg16":
            return Vgg16Points(recipe.width, recipe.he_start, points)
        case other:
            raise DataError(
                f"network is '{other}'; expected kaggle-mlp, kaggle-cnn, kaggle-cnn-small, kaggle-vgg, kaggle-vgg-gap "
                "or vgg16"
            )


def pictures_of(samples: list[Sample]) -> Pictures:
    """Stack samples from `as_kaggle` as arrays; points that are missing or have no weight are masked."""
    points, weights = np.stack([s.points for s in samples]), np.stack([s.weight for s in samples])
    known = np.isfinite(points).all(axis=2) & (weights > 0)
    points = np.where(known[..., None], points, 0).astype(np.float32)
    return Pictures(np.stack([s.image for s in samples]), points, np.where(known, weights, 0).astype(np.float32))


@dataclass(frozen=True, slots=True)
class KaggleLoss:
    """Mean squared error of the targets (y - 48) / 48, missing points masked; unit 1 for targets in px."""

    unit: float = KAGGLE_PX / 2

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        squared = ((outputs["points"] - batch["points"]) / self.unit).square().mean(dim=2)
        return {"total": weighted_mean(squared, batch["weight"])}


def rmse_px(predicted: np.ndarray, truth: Pictures) -> float:
    """Compute Kaggle's metric: the root mean square error over all known coordinates."""
    squared = np.square(predicted - truth.points).mean(axis=2)
    return float(np.sqrt((squared * truth.weight).sum() / truth.weight.sum()))


def spread(predicted: np.ndarray, truth: Pictures) -> float:
    """Compute the ratio of the predictions' standard deviation over the faces to the ground truth's.

    About 1 for a working network, 0 for one that predicts the same points for every face.
    predicted: (M, K, 2), of all faces or of the first M.
    """

    def deviation(points: np.ndarray) -> float:
        known = truth.weight[: len(points)] > 0
        labelled = known.any(axis=0)
        return float(points[:, labelled].std(axis=0, where=known[:, labelled, None]).mean())

    return deviation(predicted) / deviation(truth.points)


def mean_shape(pictures: Pictures) -> np.ndarray:
    """Return the mean of every point over the faces where it is known, (K, 2): the constant baseline."""
    weight = pictures.weight[:, :, None]
    return (pictures.points * weight).sum(axis=0) / weight.sum(axis=0).clip(min=1e-6)


def predict_flipped(model: nn.Module, pictures: Pictures) -> np.ndarray:
    """Predict with flip test-time augmentation: the mean over the image and its mirror image."""
    plain = predict(model, pictures.crops)["points"]
    flipped = predict(model, np.ascontiguousarray(pictures.crops[:, :, ::-1]))["points"]
    return (plain + mirrored(flipped, FLIP, KAGGLE_PX)) / 2


def validation_figures(model: nn.Module, held_out: Pictures) -> Figures:
    """Compute the authors' validation loss, the RMSE in px, and the spread, which is 0 for a collapsed network."""
    predicted = predict(model, held_out.crops)["points"]
    rmse = rmse_px(predicted, held_out)
    return {"loss": (rmse / (KAGGLE_PX / 2)) ** 2, "rmse_px": rmse, "spread": spread(predicted, held_out)}


def train_kaggle(data: Path, run_dir: Path, recipe: KaggleRecipe) -> Figures:
    """Train on the packs in the folder `data`, or on other labelled faces there; see `train_points`."""
    if data.is_dir() and all((data / f"{name}.npz").is_file() for name in recipe.packs):
        samples = [as_kaggle(sample) for name in recipe.packs for sample in packs.read_landmark_pack(data, name)]
    else:
        samples = read_user_data(data)
    return train_points(*packs.split(samples, recipe.validation_share), run_dir, recipe)


def read_user_data(data: Path) -> list[Sample]:
    """Read Kaggle's training.csv (or its folder), or labelled faces of another format, as Kaggle samples.

    Unusable rows are reported on stderr. Raises DataError if no row is usable.
    """
    result = read_any(data)
    samples, problems = [], list(result.problems)
    for sample in result.samples:
        if not (sample.weight > 0).any():
            problems.append(f"{data}: {sample.name} has no points")
            continue
        try:
            samples.append(as_kaggle(sample))
        except DataError as error:
            problems.append(str(error))
    if not samples:
        raise DataError(
            f"{data}: of its {len(result.samples)} samples none can train a network for points: {problems[0]}"
        )
    print_skipped(problems)
    return samples


def train_points(training: list[Sample], validation: list[Sample], run_dir: Path, recipe: KaggleRecipe) -> Figures:
    """Train on samples from `as_kaggle`, evaluate, export and draw.

    A diverged network (NaN, or an RMSE above the image width) is evaluated but not exported. Returns the figures, also
    written to run_dir/figures.json. Raises DataError if a set is empty.
    """
    if not training or not validation:
        raise DataError(
            f"{len(training)} faces for training and {len(validation)} for validation are too few; "
            "give more, or set validation_share"
        )
    sources = sorted({sample.source for sample in training})
    kept, held_out = pictures_of(training).first(recipe.limit), pictures_of(validation)
    loss = KaggleLoss() if recipe.scaled else KaggleLoss(unit=1.0)
    dataset = FlippedPictures(kept, FLIP, recipe.flip, recipe.fit.seed)
    torch.manual_seed(recipe.fit.seed)
    model: nn.Module = build_network(recipe)
    untrained = spread(predict(model.eval(), held_out.crops[:64])["points"], held_out)
    model = fit(model, dataset, loss, lambda net: validation_figures(net, held_out), recipe.fit, run_dir).eval().cpu()
    baseline = np.broadcast_to(mean_shape(kept), held_out.points.shape)
    figures = validation_figures(model, held_out) | {
        "rmse_flip_px": rmse_px(predict_flipped(model, held_out), held_out),
        "rmse_mean_shape_px": rmse_px(baseline, held_out),
        "spread_untrained": untrained,
        "dead": dead_share(model, held_out),
    }
    save_figures(figures, run_dir)
    if figures["rmse_px"] < KAGGLE_PX:  # False for NaN, too
        spec = seed_spec(recipe.network, model, held_out.crops, SCHEME, FRAME_SIZE, sources, figures)
        export_seed(model, spec, held_out.crops, run_dir / "model.onnx")
        _draw(predict(model, held_out.crops)["points"], held_out, run_dir)
    return figures


def _draw(predicted: np.ndarray, held_out: Pictures, run_dir: Path) -> None:
    """Save the predictions as arrays, and draw a sheet of the best, median and worst."""
    np.savez_compressed(run_dir / "validation.npz", predicted=predicted, points=held_out.points, weight=held_out.weight)
    error = (np.square(predicted - held_out.points).mean(axis=2) * held_out.weight).sum(axis=1)
    order = np.argsort(error / held_out.weight.sum(axis=1).clip(min=1e-6))
    chosen = [*order[:6], *order[len(order) // 2 :][:6], *order[-6:]]
    known = held_out.weight > 0
    save_sheet(
        [drawn(held_out.crops[i], predicted[i], held_out.points[i][known[i]]) for i in chosen],
        run_dir / "predictions.png",
    )


def dead_share(model: nn.Module, held_out: Pictures, batch: int = 64) -> float:
    """Compute the fraction of dead ReLU units in the dense layers: 0 for all of the first `batch` faces."""
    alive: list[Tensor] = []
    assert isinstance(model, PointRegressor)
    bodies = model.body.parts if isinstance(model.body, Specialists) else [model.body]
    rectified = [m for body in bodies for m in [m for m in body.modules() if isinstance(m, nn.Linear)][:-1]]
    hooks = [
        dense.register_forward_hook(lambda _module, _given, out: alive.append((out > 0).any(dim=0)))
        for dense in rectified
    ]
    predict(model, held_out.crops[:batch], batch)
    for hook in hooks:
        hook.remove()
    return 1 - float(torch.cat(alive).float().mean())


def ensemble_rmse(runs: list[Path]) -> float:
    """Compute the RMSE in px of the mean of several runs' predictions on their common validation images."""
    saved = [np.load(run / "validation.npz") for run in runs]
    truth = Pictures(np.empty(0, np.uint8), saved[0]["points"], saved[0]["weight"])
    if any(not np.array_equal(other["points"], truth.points) for other in saved):
        raise DataError("the runs have different validation sets; train them with the same packs and validation_share")
    return rmse_px(np.mean([run["predicted"] for run in saved], axis=0), truth)
