"""Training task of the landmark network: data, loss, validation, calibration, export."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.parity import tolerances
from facetrack.errors import DataError
from facetrack.modelfile import ModelSpec, bundled_path
from facetrain.export.onnx import export_onnx
from facetrain.formats.picture_hashes import hashes_in
from facetrain.formats.reading import print_skipped
from facetrain.models.attributes import HEADS
from facetrain.models.growth import infer_options, widen_to
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.reporting.progress import say, step
from facetrain.sample import Sample
from facetrain.samples.known_pictures import known_pictures
from facetrain.samples.landmark_crops import CropOptions, LandmarkCrops
from facetrain.samples.provenance import BROUGHT_TERMS, merge_data
from facetrain.samples.sources import LandmarkSources, read_sources
from facetrain.tasks.cross_validation import FEW_FACES, cross_validate, groups_dealt, repeats_of_fold, too_small
from facetrain.tasks.heads import keep_heads
from facetrain.tasks.landmark_validation import Validation, face_errors, save_predictions
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

SHOWN = 12
"""Number of known pictures that are named."""
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
    folds: parts of the cross-validation where fewer than 30 faces are held out; 0 for none
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
    folds: int = 5
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


def train_landmarks(data: Path, run_dir: Path, recipe: LandmarkRecipe) -> dict[str, float]:
    """Train, export to run_dir/model.onnx, and draw sheets of predictions; returns the validation figures."""
    size = network_of(recipe.init, recipe.network)
    recipe = dataclasses.replace(recipe, network=size)
    with step(f"reading {data}"):
        sources = read_sources(data, recipe.repeats, recipe.validation_share)
    print_skipped(sources.problems)
    crops = dataclasses.replace(recipe.crops, input_px=size.input_px, repeats=sources.repeats)
    dataset = LandmarkCrops(sources.training, sources.negatives, crops, recipe.fit.seed)
    held_out = Validation(sources.validation, crops)
    network, parent = initial_network(recipe)
    if parent is not None and sources.terms == BROUGHT_TERMS:
        say_known(data, parent)
    before = {f"before_{name}": value for name, value in held_out(network.eval()).items()} if recipe.init else {}
    figures = cross_validate_few(sources, recipe, crops, run_dir)
    say(f"{len(dataset)} crops an epoch, {sum(map(len, sources.validation.values()))} faces to validate")
    model = fit(network, dataset, recipe.loss, held_out, recipe.fit, run_dir).eval().cpu()
    factor = sigma_factor(held_out.sigma_ratios(model), recipe.loss.likelihood)
    scale_sigma(model, factor)
    figures = before | held_out(model) | figures | {"sigma_factor": factor}
    save_predictions(model, held_out, run_dir)
    metrics = {f"validation/{name}": round(value, 3) for name, value in figures.items()}
    spec = inherit(landmark_spec(recipe, sources, metrics), parent)
    whole, kept = keep_heads(model, spec, weights_path(recipe.init), parent, held_out.crops())
    export_landmarks(whole, kept.spec, held_out.crops(), run_dir / "model.onnx")
    return figures | kept.figures


def initial_network(recipe: LandmarkRecipe) -> tuple[LandmarkNet, ModelSpec | None]:
    """Return the network as its training begins, and the metadata of the .onnx that it starts from."""
    torch.manual_seed(recipe.fit.seed)
    network = LandmarkNet(network_of(recipe.init, recipe.network))
    return network, start_from(network, recipe.init)


def cross_validate_few(
    sources: LandmarkSources, recipe: LandmarkRecipe, crops: CropOptions, run_dir: Path
) -> dict[str, float]:
    """Cross-validate where fewer than FEW_FACES are held out and no group has most faces; returns the figures."""
    held = [sample for part in sources.validation.values() for sample in part]
    if not recipe.folds or len(held) >= FEW_FACES:
        return {}
    few = f"{len(held)} faces to validate, fewer than {FEW_FACES}: too few for a figure"
    parts = groups_dealt([*sources.training, *held], recipe.folds)

    def crops_of(training: list[Sample]) -> LandmarkCrops:
        repeats = repeats_of_fold(crops.repeats, len(sources.training), len(training))
        options = dataclasses.replace(crops, repeats=repeats)
        return LandmarkCrops(training, sources.negatives, options, recipe.fit.seed)

    why = too_small(parts, lambda training: recipe.fit.per_epoch or len(crops_of(training)), recipe.fit.batch)
    if why:
        say(f"{few}, and no cross-validation: {why}; bring more faces of other people")
        return {}
    say(
        f"{few}, so cross-validation in {len(parts)} parts comes first, each part by a network trained on the others "
        "(--set folds=0: without)"
    )

    def trained_on(training: list[Sample], validation: list[Sample], folder: Path) -> nn.Module:
        dataset = crops_of(training)
        validate = Validation({"fold": validation}, crops)
        return fit(initial_network(recipe)[0], dataset, recipe.loss, validate, recipe.fit, folder).eval().cpu()

    def errors(model: nn.Module, faces: list[Sample]) -> NDArray[np.floating]:
        return face_errors(model, faces, crops)

    start = initial_network(recipe)[0].eval() if recipe.init else None
    return cross_validate(parts, trained_on, errors, start, run_dir)


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
    return export_onnx(model, spec, crops, path, tolerances(spec, "fp32"))


def say_known(path: Path, start: ModelSpec) -> None:
    """Name the pictures at `path` that the network `start` was trained on."""
    pictures = list(hashes_in(path))
    known = known_pictures(pictures, start.data)
    if known:
        named = ", ".join(f"{name} ({source})" for name, source in list(known.items())[:SHOWN])
        more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        say(
            f"{len(known)} of {len(pictures)} pictures are in the data that {start.name} was trained on, so that its "
            f"figures on them are too good: {named}{more}"
        )
