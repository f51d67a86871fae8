"""Everything that the training of attribute heads on a landmark network is made of, put together."""

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
from facetrack.modelfile import ATTRIBUTES, POSE_ANGLES, ModelSpec
from facetrack.types import Image
from facetrain.models.attributes import HEADS, AttributeHeads, AttributeNet, HeadInputs, HeadOptions
from facetrain.models.landmarks import TURNED, LandmarkNet, LandmarkNetOptions
from facetrain.reporting.sheets import save_sheet
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_crops import (
    COLUMN,
    EYES,
    AttributeCropOptions,
    AttributeCrops,
    pasted_items,
    plain_item,
)
from facetrain.samples.attribute_sources import AttributeSources, read_attribute_sources
from facetrain.samples.locate import Locator
from facetrain.samples.provenance import describe, terms_of
from facetrain.tasks.landmarks import export_landmarks, outputs_of, start_from, weights_path, with_parent
from facetrain.training.cached_features import CachedFeatures, extract_features
from facetrain.training.calibration import likelihood_gain, platt_scaling
from facetrain.training.checkpoint import load_weights, read_weights
from facetrain.training.fit import FitOptions, fit
from facetrain.training.losses import weighted_mean

CALIBRATED_ON = {"smile": "genki4k"}
"""The held-aside set on which an attribute's probability is made true after training. mouth_open is no probability but
a degree, and of glasses too few are held aside."""


@dataclass(frozen=True, slots=True)
class AttributeLoss:
    """Cross entropy of each attribute over the crops where it is known, Huber's loss of the pose in units of 10 deg.

    What is unknown (NaN) has no part in it, a smile as much as its label is trusted.
    """

    pose_weight: float = 0.3

    def __call__(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        terms = {}
        for name, column in COLUMN.items():
            truth, logit = batch["attributes"][:, column], outputs["logits"][:, column]
            entropy = F.binary_cross_entropy_with_logits(logit, truth.nan_to_num(), reduction="none")
            weight = truth.isfinite().float()
            terms[name] = weighted_mean(entropy, weight * batch["smile_trust"] if name == "smile" else weight)
        truth = batch["pose"]
        off = F.huber_loss(outputs["pose"] / 10, truth.nan_to_num() / 10, reduction="none")
        terms["pose"] = self.pose_weight * weighted_mean(off, truth.isfinite().float())
        return {"total": torch.stack(list(terms.values())).sum(), **terms}


@dataclass(frozen=True, slots=True)
class AttributeRecipe:
    """init: the landmark network whose trunk it is, "bundled" or the path of a run's model.safetensors or of an .onnx;
    network: its options. heads_from: an .onnx with heads to start from, which may stand on another trunk of the same
    widths; "" for none. held_share: of the landmark packs, as the trunk's own recipe has it. draws: how many augmented
    crops the heads learn from (see `training.cached_features`). repeats: how often each set stands in the list that
    they are drawn from, 0 to leave it out. laid: how many faces each held-aside photograph is laid into. limit:
    pictures of each set at most, 0 for all."""

    name: str = "landmarks68"
    reproduce: str = "facetrack train attributes --data PACKS --init NETWORK"
    init: str = "bundled"
    heads_from: str = ""
    held_share: float = 0.06
    draws: int = 48_000
    laid: int = 3
    limit: int = 0
    repeats: dict[str, int] = field(default_factory=dict)
    network: LandmarkNetOptions = field(default_factory=LandmarkNetOptions)
    heads: HeadOptions = field(default_factory=HeadOptions)
    crops: AttributeCropOptions = field(default_factory=AttributeCropOptions)
    loss: AttributeLoss = field(default_factory=AttributeLoss)
    fit: FitOptions = field(default_factory=FitOptions)


class Validation:
    """Accuracy of each attribute on each held-aside set where it is known, and the pose's mean error in degrees. The
    photographs of eyes are laid into faces whose pictures show an eye as large as the crop does, or larger ("eyes"),
    and into smaller ones ("small_eyes").

    items: what `AttributeCrops` gives, of each set, and readings: what the heads see of them.
    """

    def __init__(
        self, network: AttributeNet, data: AttributeSources, recipe: AttributeRecipe, part: str = "validation"
    ) -> None:
        options = dataclasses.replace(recipe.crops, input_px=recipe.network.input_px)
        own = {"validation": ("genki4k", "mtfl", "lids"), "test": ("genki4k_test", "mtfl_testing")}[part]
        items = {name: [plain_item(s, options) for s in data.labelled.get(name, [])] for name in own}
        faces: dict[bool, list[Sample]] = {True: [], False: []}
        for face in data.faces:
            faces[all(patches.fits(face.points, eye, patches.CLEAR_PX) for eye in EYES)].append(face)
        for name, is_clear in (("eyes", True), ("small_eyes", False)):
            items[name] = pasted_items(data.eyes[part], faces[is_clear], options, recipe.laid)
        items["mouths"] = pasted_items(data.mouths[part], data.faces, options, 1)
        if part == "validation":
            items["faces"] = [plain_item(s, options) for s in data.faces]
        self.items = {name: torch.utils.data.default_collate(those) for name, those in items.items() if those}
        device = next(network.parameters()).device
        self.readings = {name: extract_features(network, those["crop"], device) for name, those in self.items.items()}

    def __call__(self, heads: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, items in self.items.items():
            figures |= {f"{name}_{key}": value for key, value in measured(self.found(heads, name), items).items()}
        return figures

    def found(self, heads: nn.Module, name: str) -> dict[str, np.ndarray]:
        """What the heads say of a set: attributes, their logits, and pose."""
        device = next(heads.parameters()).device
        with torch.inference_mode():
            outputs = heads(*(self.readings[name][part].float().to(device) for part in HeadInputs._fields))
        outputs["attributes"] = outputs["logits"].sigmoid()
        return {name: value.cpu().numpy() for name, value in outputs.items()}


def measured(outputs: dict[str, np.ndarray], items: dict[str, Tensor], min_count: int = 10) -> dict[str, float]:
    """Accuracy in % of every attribute that at least `least` items have clearly (0 or 1), and the mean absolute error
    of each pose angle in degrees; `eyes_open` over both eyes together."""
    truth, found = items["attributes"].numpy(), outputs["attributes"]
    clear = (truth == 0) | (truth == 1)
    right = (found > 0.5) == (truth > 0.5)
    groups = {"eyes_open": [COLUMN[n] for n in EYES]} | {n: [c] for n, c in COLUMN.items() if n not in EYES}
    figures = {
        name: 100 * float(right[:, columns][clear[:, columns]].mean())
        for name, columns in groups.items()
        if clear[:, columns].sum() >= min_count
    }
    off = np.abs(outputs["pose"] - items["pose"].numpy())
    known = np.isfinite(off).all(axis=1)
    if known.sum() >= min_count:
        figures |= {name: float(off[known, i].mean()) for i, name in enumerate(POSE_ANGLES)}
    return figures


def calibrate_heads(heads: AttributeHeads, held_out: Validation) -> dict[str, tuple[float, float]]:
    """Make the probabilities true on the held-aside sets of `CALIBRATED_ON` where those are clearly off; returns the
    slopes and offsets of these."""
    lines = {}
    for name, own in CALIBRATED_ON.items():
        if own in held_out.items:
            truth = held_out.items[own]["attributes"][:, COLUMN[name]].numpy()
            clear = (truth == 0) | (truth == 1)
            logits, truth = held_out.found(heads, own)["logits"][clear, COLUMN[name]], truth[clear]
            line = platt_scaling(logits, truth)
            if likelihood_gain(logits, truth, line) > len(line):
                lines[name] = line
                heads.scale_logit(name, *line)
    return lines


def train_attributes(data: Path, run_dir: Path, recipe: AttributeRecipe) -> dict[str, float]:
    """Train the heads, export to run_dir/model.onnx, and draw a sheet; returns the figures on what is held aside."""
    if not recipe.init:
        raise DataError('attributes need a trained landmark network; give --init with "bundled" or its file')
    torch.manual_seed(recipe.fit.seed)
    if recipe.fit.threads:
        torch.set_num_threads(recipe.fit.threads)
    state = read_weights(weights_path(recipe.init))
    turned = any(name.startswith(TURNED) for name in state)
    recipe = dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, turned=turned))
    trunk = LandmarkNet(recipe.network)
    parent = start_from(trunk, recipe.init)
    model = AttributeNet(recipe.network, recipe.heads).eval()
    model.load_state_dict(trunk.state_dict(), strict=False)
    if recipe.heads_from:
        load_heads(model, Path(recipe.heads_from))
    sets = read_attribute_sources(
        data, recipe.repeats, recipe.held_share, Locator(trunk, recipe.crops.margin), recipe.limit
    )
    crops = dataclasses.replace(recipe.crops, input_px=recipe.network.input_px, repeats=recipe.repeats)
    readings = CachedFeatures(
        model, AttributeCrops(sets.training, sets.photographs, crops, recipe.fit.seed), recipe.draws, recipe.fit
    )
    held_out, test = (Validation(model, sets, recipe, part) for part in ("validation", "test"))
    trained = fit(model.heads, readings, recipe.loss, held_out, recipe.fit, run_dir, inputs=HeadInputs._fields)
    model.cpu().heads.load_state_dict(trained.state_dict())
    calibrate_heads(model.eval().heads, held_out)
    figures = {f"test_{name}": value for name, value in test(model.heads).items()}
    examples = torch.cat([items["crop"] for items in test.items.values()])
    save_eyes(model.heads, test, run_dir / "eyes.png")
    spec = attribute_spec(recipe, parent, figures)
    export_landmarks(model, spec, examples[:: max(1, len(examples) // 64)][:64], run_dir / "model.onnx")
    return figures


def load_heads(model: AttributeNet, path: Path) -> None:
    """Fill the heads with those of an .onnx, whatever trunk they stood on. Raises DataError where they do not fit."""

    def alone(state: dict[str, Tensor], _: nn.Module) -> dict[str, Tensor]:
        return {name.removeprefix(HEADS): value for name, value in state.items() if name.startswith(HEADS)}

    load_weights(model.heads, path, fit=alone)


def attribute_spec(recipe: AttributeRecipe, parent: ModelSpec | None, figures: dict[str, float]) -> ModelSpec:
    """The landmark network's own description, with the heads' outputs, data and figures added."""
    outputs = outputs_of(recipe.network) | {
        "attributes": f"(N, {len(ATTRIBUTES)}) 0..1: {', '.join(ATTRIBUTES)}",
        "pose": f"(N, {len(POSE_ANGLES)}) relative to the crop: {', '.join(POSE_ANGLES)}",
    }
    seen = [name for name, times in recipe.repeats.items() if times]
    own = (*seen, "eyes", "mouths")
    metrics = {f"attributes/{name}": round(value, 3) for name, value in figures.items()}
    return ModelSpec(
        name=recipe.name,
        kind="landmarks",
        input_px=recipe.network.input_px,
        mean=LandmarkNet.MEAN,
        scale=LandmarkNet.SCALE,
        topology=topology.SCHEME,
        margin=recipe.crops.margin,
        outputs=outputs,
        data=list(dict.fromkeys([*(parent.data if parent else []), *map(describe, own)])),
        terms=with_parent(terms_of(own), parent),
        reproduce=recipe.reproduce,
        metrics=(parent.metrics if parent else {}) | metrics,
    )


def save_eyes(heads: nn.Module, validation: Validation, path: Path, each: int = 48) -> None:
    """A sheet of held-aside eye photographs laid into faces, those read most wrongly first, with what was read."""
    import cv2

    items = validation.items.get("eyes")
    if items is None:
        return
    found = validation.found(heads, "eyes")["attributes"]
    off = np.nan_to_num(np.abs(found - items["attributes"].numpy())).max(axis=1)
    cells: list[Image] = []
    for i in np.argsort(-off)[:each]:
        cell = cv2.resize(items["crop"][i].numpy(), (168, 168))
        text = f"R {found[i, 0]:.2f}  L {found[i, 1]:.2f}"
        cv2.putText(cell, text, (4, 162), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (80, 255, 80), 1, cv2.LINE_AA)
        cells.append(np.asarray(cell, np.uint8))
    save_sheet(cells, path, 8)
