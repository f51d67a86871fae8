"""Training task of the landmark network: data, loss, validation, calibration, export."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.parity import tolerances
from facetrack.errors import DataError
from facetrack.modelfile import ModelSpec, bundled_path
from facetrack.types import Image
from facetrain.export.onnx import export_onnx
from facetrain.formats.reading import print_skipped
from facetrain.metrics import landmarks as metrics
from facetrain.models.attributes import HEADS
from facetrain.models.growth import infer_options, widen_to
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.models.predict import predict
from facetrain.reporting.sheets import drawn, save_extremes
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops, TruthCrops
from facetrain.samples.provenance import merge_data
from facetrain.samples.sources import read_sources
from facetrain.training.calibration import scale_sigma, sigma_factor
from facetrain.training.checkpoint import load_weights, read_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import LandmarkLoss

POINT_OUTPUTS = {
    "points": "(N, 68, 2) x y in crop px, pixel centres at integers",
    "sigma": "(N, 68) one standard deviation of a point's error per coordinate, crop px",
    "presence": "(N,) logit of a face being there",
}
TURNED_OUTPUTS = {
    "visibility": "(N, 68) logit of each point being visible, not occluded",
    "rotation": "(N, 3, 3) head to camera, relative to the crop, with the axes of types.Pose",
    "rotation_sigma": "(N, 3) one standard deviation of yaw, pitch and roll, degrees",
}
"""With `LandmarkNetOptions.turned`."""
MIN_TRUSTED_WEIGHT = 0.1
"""Sets with landmarks of a smaller weight, such as the jaw, are evaluated on their inner landmarks only."""

BUNDLED = "bundled"
"""Value of `init` for the network that comes with facetrack."""


@dataclass(frozen=True, slots=True)
class LandmarkRecipe:
    """Recipe of the landmark network's training.

    name, reproduce: for the network's metadata
    repeats: how often each pack is repeated in an epoch
    validation_share: held-out fraction of the people
    init: initial weights: "" for random ones, "bundled" for those that come with facetrack, or the path of a run's
        model.safetensors or an exported .onnx; a smaller network's are grown, a larger one's pruned
    network: size of the network; left out (None), as in the recipe `landmarks`, that of the file that `init` names, so
        that `landmarks --init bundled` trains a network like the bundled one; without `init`, the defaults
    crops: cropping and augmentation
    loss: loss functions and weights of the loss terms
    fit: options of the training loop
    """

    name: str = "landmarks68"
    reproduce: str = "facetrack train landmarks --data DATA"

    repeats: dict[str, int] = field(default_factory=lambda: {"helen_train": 6, "ytfaces_train": 1, "expressions": 1})
    validation_share: float = 0.06
    init: str = ""
    network: LandmarkNetOptions | None = None
    crops: CropOptions = field(default_factory=CropOptions)
    loss: LandmarkLoss = field(default_factory=LandmarkLoss)
    fit: FitOptions = field(default_factory=FitOptions)


class Described(Protocol):
    """Training data that says what it is and on which terms it may be used."""

    @property
    def data(self) -> list[str]: ...
    @property
    def terms(self) -> str: ...


def _complete(samples: list[Sample]) -> list[Sample]:
    """Return the samples with all points labelled; errors over a part of the points are not comparable."""
    return [sample for sample in samples if np.isfinite(sample.points).all()]


class Validation:
    """Normalised mean error on the held-out samples of each pack, with crops from the ground-truth landmarks."""

    def __init__(self, samples: dict[str, list[Sample]], crops: CropOptions) -> None:
        self.sets = {
            name: torch.utils.data.default_collate([dataset[i] for i in range(len(dataset))])
            for name, dataset in ((name, TruthCrops(_complete(held_out), crops)) for name, held_out in samples.items())
            if len(dataset)
        }

    def __call__(self, model: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, items in self.sets.items():
            outputs = predict(model, items["crop"])
            truth = items["points"].numpy()
            summary = metrics.summary(outputs["points"], truth)
            figures[f"{name}_nme51"] = summary["nme_51"]
            if float(items["weight"].min()) >= MIN_TRUSTED_WEIGHT:
                figures[f"{name}_nme"] = summary["nme"]
        return figures

    def sigma_ratios(self, model: nn.Module) -> list[np.ndarray]:
        """Return |error| / sigma of every coordinate, of each set whose landmarks are all trusted."""
        ratios = []
        for items in self.sets.values():
            if float(items["weight"].min()) >= MIN_TRUSTED_WEIGHT:
                outputs = predict(model, items["crop"])
                error = np.abs(outputs["points"] - items["points"].numpy())
                ratios.append((error / outputs["sigma"][..., None]).ravel())
        return ratios


def train_landmarks(data: Path, run_dir: Path, recipe: LandmarkRecipe) -> dict[str, float]:
    """Train, export to run_dir/model.onnx, and draw sheets of predictions; returns the validation figures."""
    size = network_of(recipe.init, recipe.network)
    recipe = dataclasses.replace(recipe, network=size)
    sources = read_sources(data, recipe.repeats, recipe.validation_share)
    print_skipped(sources.problems)
    crops = dataclasses.replace(recipe.crops, input_px=size.input_px, repeats=sources.repeats)
    dataset = LandmarkCrops(sources.training, sources.negatives, crops, recipe.fit.seed)
    held_out = Validation(sources.validation, crops)
    torch.manual_seed(recipe.fit.seed)
    network = LandmarkNet(size)
    parent = start_from(network, recipe.init)
    before = {f"before_{name}": value for name, value in held_out(network.eval()).items()} if recipe.init else {}
    model = fit(network, dataset, recipe.loss, held_out, recipe.fit, run_dir).eval().cpu()
    factor = sigma_factor(held_out.sigma_ratios(model), recipe.loss.likelihood)
    scale_sigma(model, factor)
    figures = {**held_out(model), "sigma_factor": factor}
    save_predictions(model, held_out, run_dir)
    examples = torch.cat([items["crop"] for items in held_out.sets.values()])[:64]
    spec = landmark_spec(recipe, sources, {f"validation/{name}": round(value, 3) for name, value in figures.items()})
    export_landmarks(model, inherit(spec, parent), examples, run_dir / "model.onnx")
    return before | figures


def network_of(init: str, network: LandmarkNetOptions | None) -> LandmarkNetOptions:
    """Return the size of the network to train: a recipe's, that of `init` if it has none, the defaults without both.

    A .safetensors does not say the side of its crops, which then is the default. Raises DataError.
    """
    if network is not None or not init:
        return network or LandmarkNetOptions()
    path, spec = weights_path(init), parent_spec(init)
    try:
        return infer_options(read_weights(path), (spec and spec.input_px) or LandmarkNetOptions().input_px)
    except KeyError as error:
        raise DataError(
            f"{path} is no landmark network (it has no {error}); give the file of one with --init"
        ) from None


def weights_path(init: str) -> Path:
    """Return the file that a recipe's `init` names."""
    return bundled_path("landmarks68") if init == BUNDLED else Path(init)


def start_from(model: LandmarkNet, init: str) -> ModelSpec | None:
    """Load the weights that `init` names, possibly those of a smaller or larger network (see `models.growth`).

    Returns the metadata of an .onnx, None for other files and without `init`.
    """
    if not init:
        return None
    load_weights(model, weights_path(init), without=HEADS, fit=widen_to)
    return parent_spec(init)


def parent_spec(init: str) -> ModelSpec | None:
    """Read the metadata of the file that `init` names; None where it is no .onnx."""
    path = weights_path(init)
    return OnnxEngine(path).spec if path.suffix == ".onnx" else None


def landmark_spec(recipe: LandmarkRecipe, sources: Described, figures: dict[str, float]) -> ModelSpec:
    """Return the exported network's metadata."""
    size = network_of(recipe.init, recipe.network)
    return ModelSpec(
        name=recipe.name,
        kind="landmarks",
        input_px=size.input_px,
        mean=LandmarkNet.MEAN,
        scale=LandmarkNet.SCALE,
        topology=topology.SCHEME,
        margin=recipe.crops.margin,
        outputs=outputs_of(size),
        data=sources.data,
        terms=sources.terms,
        reproduce=recipe.reproduce,
        metrics=figures,
    )


def outputs_of(network: LandmarkNetOptions) -> dict[str, str]:
    """Name and meaning of each output of a landmark network."""
    return POINT_OUTPUTS | TURNED_OUTPUTS if network.turned else POINT_OUTPUTS


def inherit(spec: ModelSpec, parent: ModelSpec | None) -> ModelSpec:
    """Return the metadata with the data and terms of the network that it was initialised from."""
    if parent is None:
        return spec
    return dataclasses.replace(spec, data=merge_data(spec.data, parent.data), terms=with_parent(spec.terms, parent))


def with_parent(terms: str, parent: ModelSpec | None) -> str:
    """Return the terms of a network, followed by those of the network it was initialised from if they differ."""
    if parent is None or parent.terms == terms:
        return terms
    return f"{terms} Started from {parent.name}: {parent.terms}"


def export_landmarks(model: nn.Module, spec: ModelSpec, crops: torch.Tensor, path: Path) -> ModelSpec:
    """Write the .onnx, with attribute heads or without, after checking it on real crops to the engines' tolerances."""
    axes = {name: {0: "faces"} for name in ("crops", *spec.outputs)}
    return export_onnx(model, spec, crops, path, tolerances(spec, "fp32"), axes)


def save_predictions(model: nn.Module, validation: Validation, folder: Path, each: int = 24) -> None:
    """Draw best.png, median.png and worst.png of the validation faces, `each` per sheet.

    Predicted landmarks green, labelled ones red, the error in the title; it excludes landmarks of low weight.
    """
    crops, predicted, truth, error = [], [], [], []
    for items in validation.sets.values():
        crops.append(items["crop"].numpy())
        predicted.append(predict(model, items["crop"])["points"])
        truth.append(items["points"].numpy())
        trusted = items["weight"].numpy() >= MIN_TRUSTED_WEIGHT
        per_point = metrics.nme_per_point(predicted[-1], truth[-1])
        error.append(metrics.known_mean(np.where(trusted, per_point, np.nan), axis=1))
    faces = [face for part in zip(crops, predicted, truth, error, strict=True) for face in zip(*part, strict=True)]

    def cell(i: int) -> Image:
        crop, p, t, face_error = faces[i]
        return drawn(crop, p, t, title=f"{face_error:.1f} %")

    save_extremes(np.concatenate(error), cell, folder, each)
