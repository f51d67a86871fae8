"""Training task of the eye network: data, validation, export."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from facetrack import topology
from facetrack.errors import DataError
from facetrack.modelfile import EYE_STATES, EYES_OUTPUT, ModelSpec
from facetrack.types import Floats
from facetrain.export.onnx import export_onnx
from facetrain.metrics.binary import roc
from facetrain.metrics.eyes import contour_error, iris_error, is_shut, shut_log_odds
from facetrain.models.eyes.labels import unpack
from facetrain.models.eyes.loss import EyeLoss
from facetrain.models.eyes.network import EyeNet, EyeNetOptions
from facetrain.models.predict import predict
from facetrain.samples.eyes.crops import EyeCropOptions, EyeCrops, PlainEyes
from facetrain.samples.eyes.split import held_out, read_frames, read_photographs
from facetrain.samples.eyes.table import EyeTable, read_table
from facetrain.samples.provenance import describe, terms_of
from facetrain.training.checkpoint import load_weights
from facetrain.training.fit import FitOptions, fit

EYES_OUTPUTS = {
    EYES_OUTPUT: "(N, 2, 31) right eye and mirrored left eye: contour, iris, radius, gap, scales, state, covered, gaze "
    "(modelfile.EYES_COLUMNS)"
}
PARITY = {EYES_OUTPUT: 1e-3}


@dataclass(frozen=True, slots=True)
class EyesRecipe:
    """Recipe of the eye network's training.

    name, reproduce: for the network's metadata.
    eyes: the table of eyes (`facetrack data eyes`), "" for DATA/eyes.
    fold: the part of the clips' people and of the read photographs that is held out (`samples.eyes.split`); -1: none.
    init: a run's model.safetensors or an exported eye network to start from; "" for random weights.
    network, crops, loss, fit: size, augmentation, weights of the loss, training loop.
    """

    name: str = "eyes"
    reproduce: str = "facetrack train eyes --data DATA --set eyes=EYES"
    eyes: str = ""
    fold: int = -1
    init: str = ""
    network: EyeNetOptions = field(default_factory=EyeNetOptions)
    crops: EyeCropOptions = field(default_factory=EyeCropOptions)
    loss: EyeLoss = field(default_factory=EyeLoss)
    fit: FitOptions = field(default_factory=lambda: FitOptions(epochs=20, per_epoch=128_000, workers=0))


class EyesValidation:
    """Figures on held-out eyes, cut where they are labelled."""

    def __init__(self, table: EyeTable, rows: np.ndarray, columns: int) -> None:
        self.table, self.rows = table, rows
        items = PlainEyes(table, rows, columns)
        self.crops, self.labels = np.empty(0, np.uint8), dict[str, Floats]()
        if len(items):
            batch = torch.utils.data.default_collate([items[i] for i in range(len(items))])
            self.crops = batch["crop"].numpy()
            self.labels = {name: value.numpy() for name, value in unpack(batch["labels"]).items()}
        self.sources = table.sources[rows]
        self.read = {"clips": read_frames(table)[rows], "photographs": read_photographs(table)[rows]}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        if not len(self.rows):
            return {}
        outputs = predict(model, self.crops, 256)[EYES_OUTPUT][:, 0]
        figures = {f"lowered_shut_{name}": self._area(outputs, chosen) for name, chosen in self.read.items()}
        hand = np.isin(self.sources, ("helen_train", "lfpw_train"))
        contour = self.labels["contour"]
        figures["contour"] = 100 * _mean(contour_error(outputs, contour)[hand])
        pupils = self.sources == "scut_eyes"
        figures["pupil"] = 100 * _mean(iris_error(outputs, self.labels["iris"], contour)[pupils])
        figures |= {name: self._closed(outputs, name) for name in ("eyes", "eyes_nir")}
        return {name: value for name, value in figures.items() if np.isfinite(value)}

    def _area(self, outputs: Floats, chosen: np.ndarray) -> float:
        state, score = self.labels["state"], shut_log_odds(outputs)
        shut, lowered = (state[:, EYE_STATES.index(name)] > 0 for name in ("shut", "lowered"))
        chosen = chosen & (shut | lowered)
        return roc(shut[chosen], score[chosen]).auc

    def _closed(self, outputs: Floats, source: str) -> float:
        """Return the accuracy in %, open or closed, on photographs of single eyes."""
        own, shut = self.sources == source, self.labels["state"][:, EYE_STATES.index("shut")] > 0
        right = (is_shut(outputs) == shut)[own]
        return 100 * _mean(right.astype(float))


def train_eyes(data: Path, run_dir: Path, recipe: EyesRecipe) -> dict[str, float]:
    """Train and export to run_dir/model.onnx; returns the figures on held-out eyes."""
    table = read_table(Path(recipe.eyes) if recipe.eyes else data / "eyes")
    out = held_out(table, recipe.fold)
    if out.all():
        raise DataError(f"all {len(table)} eyes of the table are held out; expected some to train on")
    columns = recipe.network.input_px
    dataset = EyeCrops(table, np.flatnonzero(~out), columns, recipe.crops, recipe.fit.seed)
    validation = EyesValidation(table, np.flatnonzero(out), columns)
    torch.manual_seed(recipe.fit.seed)
    network = EyeNet(recipe.network)
    if recipe.init:
        load_weights(network, Path(recipe.init))
    model = fit(network, dataset, recipe.loss, validation, recipe.fit, run_dir).eval().cpu()
    figures = validation(model)
    pairs = torch.stack([dataset[i]["crop"] for i in range(64)]).reshape(-1, columns, columns, 3)
    spec = eyes_spec(recipe, sorted(set(table.sources.tolist())), figures)
    export_onnx(model, spec, pairs, run_dir / "model.onnx", PARITY, fold=False)
    return figures


def eyes_spec(recipe: EyesRecipe, sources: list[str], figures: dict[str, float]) -> ModelSpec:
    """Return the exported network's metadata."""
    return ModelSpec(
        name=recipe.name,
        kind="eyes",
        input_px=recipe.network.input_px,
        mean=EyeNet.MEAN,
        scale=EyeNet.SCALE,
        topology=topology.SCHEME,
        outputs=EYES_OUTPUTS,
        data=[describe(source) for source in sources],
        terms=terms_of(sources),
        reproduce=recipe.reproduce,
        metrics={f"validation/{name}": round(value, 3) for name, value in figures.items()},
    )


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if values.size else float("nan")
