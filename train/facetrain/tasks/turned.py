"""Training of a landmark network on faces from profile to profile, with visibility and the head's rotation."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from facetrack.modelfile import ModelSpec
from facetrain.augment.webcam import AugmentOptions
from facetrain.models.attributes import HEADS
from facetrain.models.growth import widen_to
from facetrain.models.landmarks import TURNED, LandmarkNet, LandmarkNetOptions
from facetrain.samples.landmark_crops import CropOptions
from facetrain.samples.turned.crops import TurnedCrops
from facetrain.samples.turned.sources import TurnedSources, read_turned_sources
from facetrain.tasks.landmarks import (
    LandmarkRecipe,
    export_landmarks,
    inherit,
    landmark_spec,
    network_of,
    parent_spec,
    weights_path,
)
from facetrain.tasks.turned_validation import HAND_LABELLED, TurnedValidation
from facetrain.training.calibration import scale_sigma, sigma_factor
from facetrain.training.checkpoint import load_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.turned_losses import TurnedLoss

UNVALIDATED = "expressions"


@dataclass(frozen=True, slots=True)
class TurnedRecipe:
    """What a network for turned faces is trained on, and how.

    labels: the folder of the packs' label tables (`facetrack label --teacher ensemble`), "" for DATA/labels.
    repeats: how often each pack is seen for each time that `expressions` is seen once; 0 for validation only.
    init, network: as in `LandmarkRecipe`.
    name, reproduce: for the network's metadata.
    """

    name: str = "landmarks68"
    reproduce: str = "facetrack train landmarks-turned --data DATA --set labels=LABELS"

    labels: str = ""
    repeats: dict[str, int] = field(
        default_factory=lambda: {
            "helen_train": 18, "lfpw_train": 18, "ytfaces_train": 3, "expressions": 1, "aflw21": 3, "pointing04": 0,
        }
    )  # fmt: skip
    init: str = "bundled"
    network: LandmarkNetOptions | None = None
    crops: CropOptions = field(
        default_factory=lambda: CropOptions(augment=AugmentOptions(rotation_deg=18.0, wide_rotation_deg=60.0))
    )
    loss: TurnedLoss = field(default_factory=TurnedLoss)
    fit: FitOptions = field(default_factory=lambda: FitOptions(epochs=32, per_epoch=20_000, warm_up=0.04))


def train_turned(data: Path, run_dir: Path, recipe: TurnedRecipe) -> dict[str, float]:
    """Train and export to run_dir/model.onnx; returns the held-out figures before and after."""
    size = dataclasses.replace(network_of(recipe.init, recipe.network), turned=True)
    base = LandmarkRecipe(
        name=recipe.name, reproduce=recipe.reproduce, init=recipe.init, network=size, crops=recipe.crops
    )
    labels = Path(recipe.labels) if recipe.labels else data / "labels"
    sources = read_turned_sources(data, labels, recipe.repeats, set(recipe.repeats) - {UNVALIDATED})
    crops = dataclasses.replace(recipe.crops, input_px=size.input_px, repeats=recipe.repeats)
    held = TurnedValidation(sources.held, crops)
    torch.manual_seed(recipe.fit.seed)
    network = LandmarkNet(size)
    parent = fill_from(network, recipe.init)
    before = {f"before_{name}": value for name, value in held(network.eval()).items()}
    dataset = TurnedCrops(sources.training, sources.negatives, crops, recipe.fit.seed)
    model = fit(network, dataset, recipe.loss, held, recipe.fit, run_dir).eval().cpu()
    return before | finish(model, sources, held, base, parent, run_dir)


def fill_from(network: LandmarkNet, init: str) -> ModelSpec | None:
    """Take over a landmark network's weights, and its further heads where it has them; returns what its file says.

    init: "" for the random weights that the network has.
    """
    if not init:
        return None

    def filled(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
        own = {name: value for name, value in model.state_dict().items() if name.startswith(TURNED)}
        return own | widen_to(state, model)

    load_weights(network, weights_path(init), without=HEADS, fit=filled)
    return parent_spec(init)


def finish(
    model: nn.Module, sources: TurnedSources, held: TurnedValidation, base: LandmarkRecipe, parent: ModelSpec | None,
    run_dir: Path,
) -> dict[str, float]:  # fmt: skip
    """Held-out figures, sigma's factors, and run_dir/model.onnx."""
    factor, angle_factor = sigma_factor(held.sigma_ratios(model)), sigma_factor(held.angle_ratios(model))
    scale_sigma(model, factor)
    scale_sigma(model, angle_factor, f"{TURNED}log_rotation_sigma.bias")
    figures = {**held(model), "sigma_factor": factor, "angle_sigma_factor": angle_factor}
    examples = next(iter(held.sets[name] for name in (HAND_LABELLED, *held.sets) if name in held.sets))["crop"][:64]
    named = {f"validation/{name}": round(value, 3) for name, value in figures.items()}
    spec = landmark_spec(base, sources, named)
    export_landmarks(model, inherit(spec, parent), examples, run_dir / "model.onnx")
    return figures
