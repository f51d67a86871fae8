"""Training task of the attribute heads on a frozen landmark network: data, loss, validation, calibration, export."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facetrack import topology
from facetrack.errors import DataError
from facetrack.modelfile import ModelSpec
from facetrain.models.attributes import AttributeHeads, AttributeNet, HeadInputs, HeadOptions
from facetrain.models.landmarks import TURNED, LandmarkNet, LandmarkNetOptions
from facetrain.samples.attribute_crops import AttributeCropOptions, AttributeCrops, pasted_items, plain_item
from facetrain.samples.attribute_labels import COLUMN
from facetrain.samples.attribute_sources import AttributeSources, read_attribute_sources
from facetrain.samples.locate import Locator
from facetrain.samples.provenance import describe, merge_data, terms_of
from facetrain.tasks.heads import HEAD_OUTPUTS, load_heads
from facetrain.tasks.landmarks import export_landmarks, network_of, outputs_of, start_from, weights_path, with_parent
from facetrain.training.cached_features import CachedFeatures, extract_features
from facetrain.training.calibration import likelihood_gain, platt_scaling
from facetrain.training.checkpoint import read_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import weighted_mean

CALIBRATED_ON = {"smile": "genki4k"}
"""Held-out set for the calibration of an attribute's probability after training.

mouth_open is not a probability but a degree of openness, and the held-out sets have too few glasses.
"""


@dataclass(frozen=True, slots=True)
class AttributeLoss:
    """Binary cross-entropy of each attribute.

    Unknown labels (NaN) are masked; smiles are weighted by the confidence of their labels.
    """

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        terms = {}
        for name, column in COLUMN.items():
            truth, logit = batch["attributes"][:, column], outputs["logits"][:, column]
            entropy = F.binary_cross_entropy_with_logits(logit, truth.nan_to_num(), reduction="none")
            weight = truth.isfinite().float()
            terms[name] = weighted_mean(entropy, weight * batch["smile_trust"] if name == "smile" else weight)
        return {"total": torch.stack(list(terms.values())).sum(), **terms}


@dataclass(frozen=True, slots=True)
class AttributeRecipe:
    """Recipe of the attribute heads' training.

    name, reproduce: for the network's metadata
    init: landmark network of the trunk: "bundled", or the path of a run's model.safetensors or of an .onnx
    heads_from: an .onnx with heads to initialise from, possibly on another trunk of the same widths; "" for none
    held_share: held-out fraction of the landmark packs, as in the trunk's own recipe
    draws: number of augmented training crops (see `training.cached_features`)
    limit: most images per set, 0 for all
    repeats: sampling weight of each set, 0 to leave it out
    network: size of the trunk; left out (None), that of the file that `init` names
    heads: size of the heads
    crops: cropping and augmentation
    loss: weights of the loss terms
    fit: options of the training loop
    """

    name: str = "landmarks68"
    reproduce: str = "facetrack train attributes --data PACKS --init NETWORK"
    init: str = "bundled"
    heads_from: str = ""
    held_share: float = 0.06
    draws: int = 48_000
    limit: int = 0
    repeats: dict[str, int] = field(default_factory=dict)
    network: LandmarkNetOptions | None = None
    heads: HeadOptions = field(default_factory=HeadOptions)
    crops: AttributeCropOptions = field(default_factory=AttributeCropOptions)
    loss: AttributeLoss = field(default_factory=AttributeLoss)
    fit: FitOptions = field(default_factory=FitOptions)


class Validation:
    """Accuracy of each attribute on each held-out set that has its labels.

    items: collated items of `AttributeCrops` by set
    head_inputs: the heads' inputs for them, by set
    """

    def __init__(
        self, network: AttributeNet, data: AttributeSources, recipe: AttributeRecipe, part: str = "validation"
    ) -> None:
        options = dataclasses.replace(recipe.crops, input_px=network_of(recipe.init, recipe.network).input_px)
        own = {"validation": ("genki4k", "mtfl"), "test": ("genki4k_test", "mtfl_testing")}[part]
        items = {name: [plain_item(s, options) for s in data.labelled.get(name, [])] for name in own}
        items["mouths"] = pasted_items(data.mouths[part], data.faces, options)
        if part == "validation":
            items["faces"] = [plain_item(s, options) for s in data.faces]
        self.items = {name: torch.utils.data.default_collate(entries) for name, entries in items.items() if entries}
        device = next(network.parameters()).device
        self.head_inputs = {
            name: extract_features(network, batch["crop"], device) for name, batch in self.items.items()
        }

    def __call__(self, heads: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, items in self.items.items():
            metrics = attribute_metrics(self.predict(heads, name), items)
            figures |= {f"{name}_{key}": value for key, value in metrics.items()}
        return figures

    def predict(self, heads: nn.Module, name: str) -> dict[str, np.ndarray]:
        """Predict attributes of a set, and their logits."""
        device = next(heads.parameters()).device
        with torch.inference_mode():
            outputs = heads(*(self.head_inputs[name][part].float().to(device) for part in HeadInputs._fields))
        outputs["attributes"] = outputs["logits"].sigmoid()
        return {name: value.cpu().numpy() for name, value in outputs.items()}


def attribute_metrics(
    outputs: dict[str, np.ndarray], items: dict[str, Tensor], min_count: int = 10
) -> dict[str, float]:
    """Compute the accuracy of each attribute in %, over labels of exactly 0 or 1 if there are at least `min_count`."""
    truth, predicted = items["attributes"].numpy(), outputs["attributes"]
    binary = (truth == 0) | (truth == 1)
    correct = (predicted > 0.5) == (truth > 0.5)
    return {
        name: 100 * float(correct[binary[:, column], column].mean())
        for name, column in COLUMN.items()
        if binary[:, column].sum() >= min_count
    }


def calibrate_heads(heads: AttributeHeads, held_out: Validation) -> dict[str, tuple[float, float]]:
    """Calibrate the probabilities on the held-out sets of `CALIBRATED_ON` by Platt scaling, if it fits clearly better.

    Returns (slope, offset) of each calibrated attribute.
    """
    lines = {}
    for name, set_name in CALIBRATED_ON.items():
        if set_name in held_out.items:
            truth = held_out.items[set_name]["attributes"][:, COLUMN[name]].numpy()
            binary = (truth == 0) | (truth == 1)
            logits, truth = held_out.predict(heads, set_name)["logits"][binary, COLUMN[name]], truth[binary]
            line = platt_scaling(logits, truth)
            if likelihood_gain(logits, truth, line) > len(line):
                lines[name] = line
                heads.scale_logit(name, *line)
    return lines


def train_attributes(data: Path, run_dir: Path, recipe: AttributeRecipe) -> dict[str, float]:
    """Train the heads and export to run_dir/model.onnx; returns the figures on the test sets."""
    if not recipe.init:
        raise DataError('attributes need a trained landmark network; give --init with "bundled" or its file')
    torch.manual_seed(recipe.fit.seed)
    if recipe.fit.threads:
        torch.set_num_threads(recipe.fit.threads)
    state = read_weights(weights_path(recipe.init))
    turned = any(name.startswith(TURNED) for name in state)
    size = dataclasses.replace(network_of(recipe.init, recipe.network), turned=turned)
    recipe, trunk = dataclasses.replace(recipe, network=size), LandmarkNet(size)
    parent = start_from(trunk, recipe.init)
    model = AttributeNet(size, recipe.heads).eval()
    model.load_state_dict(trunk.state_dict(), strict=False)
    if recipe.heads_from:
        load_heads(model, Path(recipe.heads_from))
    sets = read_attribute_sources(
        data, recipe.repeats, recipe.held_share, Locator(trunk, recipe.crops.margin), recipe.limit
    )
    crops = dataclasses.replace(recipe.crops, input_px=size.input_px, repeats=recipe.repeats)
    features = CachedFeatures(
        model, AttributeCrops(sets.training, sets.photographs, crops, recipe.fit.seed), recipe.draws, recipe.fit
    )
    held_out, test = (Validation(model, sets, recipe, part) for part in ("validation", "test"))
    trained = fit(model.heads, features, recipe.loss, held_out, recipe.fit, run_dir, inputs=HeadInputs._fields)
    model.cpu().heads.load_state_dict(trained.state_dict())
    calibrate_heads(model.eval().heads, held_out)
    figures = {f"test_{name}": value for name, value in test(model.heads).items()}
    examples = torch.cat([items["crop"] for items in test.items.values()])
    spec = attribute_spec(recipe, parent, figures)
    export_landmarks(model, spec, examples[:: max(1, len(examples) // 64)][:64], run_dir / "model.onnx")
    return figures


def attribute_spec(recipe: AttributeRecipe, parent: ModelSpec | None, figures: dict[str, float]) -> ModelSpec:
    """Return the landmark network's metadata with the heads' outputs, data and figures added."""
    size = network_of(recipe.init, recipe.network)
    outputs = outputs_of(size) | HEAD_OUTPUTS
    own = (*(name for name, times in recipe.repeats.items() if times), "mouths")
    metrics = {f"attributes/{name}": round(value, 3) for name, value in figures.items()}
    return ModelSpec(
        name=recipe.name,
        kind="landmarks",
        input_px=size.input_px,
        mean=LandmarkNet.MEAN,
        scale=LandmarkNet.SCALE,
        topology=topology.SCHEME,
        margin=recipe.crops.margin,
        outputs=outputs,
        data=merge_data(parent.data if parent else [], map(describe, own)),
        terms=with_parent(terms_of(own), parent),
        reproduce=recipe.reproduce,
        metrics=(parent.metrics if parent else {}) | metrics,
    )
