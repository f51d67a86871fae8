"""Everything that the landmark network's training is made of, put together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facetrack import topology
from facetrack.modelfile import ModelSpec
from facetrain import metrics
from facetrain.datasets import packs
from facetrain.datasets.landmarks import CropOptions, LandmarkCrops, TruthCrops
from facetrain.export import export_onnx
from facetrain.fit import FitOptions, fit
from facetrain.losses import LandmarkLoss
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.sample import Sample
from facetrain.sheets import drawn, save_sheet

DATA = {
    "helen_train": "HELEN, 870 photographs labelled in the 300-W scheme (research only)",
    "ytfaces_train": "YouTube Faces, 3462 frames with semi-automatic points (research only)",
    "expressions": "13,572 face crops, half of them LFW, points by MediaPipe's face mesh (Apache-2.0 repository)",
    "no_faces": "512 ImageNet photographs without a face",
}
TERMS = (
    "Trained in part on sets that are free for research only (HELEN/300-W, YouTube Faces): "
    "ask their owners before commercial use."
)
PARITY_PX = 1e-3


@dataclass(frozen=True, slots=True)
class LandmarkRecipe:
    """What to train the landmark network on, and how. repeats: how often each pack is seen in an epoch."""

    repeats: dict[str, int] = field(default_factory=lambda: {"helen_train": 6, "ytfaces_train": 1, "expressions": 1})
    validation_share: float = 0.06
    network: LandmarkNetOptions = field(default_factory=LandmarkNetOptions)
    crops: CropOptions = field(default_factory=CropOptions)
    loss: LandmarkLoss = field(default_factory=LandmarkLoss)
    fit: FitOptions = field(default_factory=FitOptions)


def read_packs(data: Path, recipe: LandmarkRecipe) -> tuple[list[Sample], dict[str, list[Sample]]]:
    """(training samples, validation samples by pack)."""
    training: list[Sample] = []
    validation: dict[str, list[Sample]] = {}
    for name in recipe.repeats:
        read = packs.read_mesh_pack if name == "expressions" else packs.read_landmark_pack
        kept, held = packs.split(read(data, name), recipe.validation_share)
        training += kept
        validation[name] = held
    return training, validation


class Validation:
    """NME on the held-aside samples of each pack, through exact boxes, and the share of presence told right."""

    def __init__(self, samples: dict[str, list[Sample]], crops: CropOptions) -> None:
        self.sets = {
            name: torch.utils.data.default_collate([dataset[i] for i in range(len(dataset))])
            for name, dataset in ((name, TruthCrops(held, crops)) for name, held in samples.items())
            if len(dataset)
        }

    def __call__(self, model: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        device = next(model.parameters()).device
        for name, items in self.sets.items():
            outputs = predict(model, items["crop"], device)
            truth = items["points"].numpy()
            figures[f"{name}_nme51"] = metrics.summary(outputs["points"], truth)["nme_51"]
            if name != "expressions":
                figures[f"{name}_nme"] = metrics.summary(outputs["points"], truth)["nme"]
        return figures


def predict(model: nn.Module, crops: torch.Tensor, device: torch.device, batch: int = 64) -> dict[str, np.ndarray]:
    """Run the network over (N, S, S, 3) uint8 crops."""
    with torch.inference_mode():
        parts = [model(part.to(device)) for part in crops.split(batch)]
    return {name: torch.cat([part[name].cpu() for part in parts]).numpy() for name in parts[0]}


def train_landmarks(data: Path, run_dir: Path, recipe: LandmarkRecipe) -> Path:
    """Train, export, and draw a sheet of predictions; returns run_dir/model.onnx."""
    training, validation = read_packs(data, recipe)
    crops = dataclasses.replace(recipe.crops, input_px=recipe.network.input_px, repeats=recipe.repeats)
    dataset = LandmarkCrops(training, packs.read_negatives(data), crops, recipe.fit.seed)
    held = Validation(validation, crops)
    model = fit(LandmarkNet(recipe.network), dataset, recipe.loss, held, recipe.fit, run_dir).eval().cpu()
    figures = held(model)
    save_predictions(model, held, run_dir / "predictions.png")
    examples = torch.cat([items["crop"] for items in held.sets.values()])[:64]
    spec = landmark_spec(recipe, {f"validation/{name}": round(value, 3) for name, value in figures.items()})
    path = run_dir / "model.onnx"
    export_landmarks(model, spec, examples, path)
    return path


def landmark_spec(recipe: LandmarkRecipe, figures: dict[str, float], name: str = "landmarks68") -> ModelSpec:
    return ModelSpec(
        name=name,
        kind="landmarks",
        input_px=recipe.network.input_px,
        mean=LandmarkNet.MEAN,
        scale=LandmarkNet.SCALE,
        topology=topology.SCHEME,
        margin=recipe.crops.margin,
        outputs={
            "points": "(N, 68, 2) x y in crop px, pixel centres at integers",
            "sigma": "(N, 68) one standard deviation of a point's error per coordinate, crop px",
            "presence": "(N,) logit of a face being there",
        },
        data=[DATA[name] for name in (*recipe.repeats, "no_faces")],
        terms=TERMS,
        reproduce="facetrack train landmarks --data DATA",
        metrics=figures,
    )


def export_landmarks(model: nn.Module, spec: ModelSpec, crops: torch.Tensor, path: Path) -> ModelSpec:
    """Write the .onnx after checking it on real crops: points and sigma within a thousandth of a crop pixel."""
    axes = {name: {0: "faces"} for name in ("crops", *spec.outputs)}
    return export_onnx(model, spec, crops, path, {"points": PARITY_PX, "sigma": PARITY_PX, "presence": 1e-3}, axes)


def save_predictions(model: nn.Module, validation: Validation, path: Path, each: int = 12) -> None:
    """A sheet of validation crops, `each` of every pack: predicted points green, labelled ones red."""
    cells = []
    for items in validation.sets.values():
        crops = items["crop"][:each]
        outputs = predict(model, crops, next(model.parameters()).device)
        cells += [
            drawn(crop.numpy(), p, t.numpy())
            for crop, p, t in zip(crops, outputs["points"], items["points"], strict=False)
        ]
    save_sheet(cells, path)
