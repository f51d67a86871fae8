"""Training task of the blendshape network: a small perceptron on the tracker's outputs, distilled from MediaPipe's."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facetrack.blendshapes.features import N_FEATURES, features, mirrored
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrack.types.signals import ARKIT_52, OTHER_SIDE
from facetrain.samples.blendshapes.table import ShapeTable, read_tables

TEST_SHARE, CHOICE_SHARE = 0.15, 0.15
"""Shares of the people that are measured on, and on which the names are chosen; fixed by a hash of the person."""
MIRROR = np.array([ARKIT_52.index(OTHER_SIDE[name]) for name in ARKIT_52])
LEAST_SPREAD = 0.02
"""Standard deviation of a teacher's value below which its R2 says nothing."""


@dataclass(frozen=True, slots=True)
class ShapeRecipe:
    """Recipe of the blendshape network's training.

    name, reproduce: for the record. tables: the folder of `facetrack data blendshapes`, "" for DATA/blendshapes.
    hidden: widths of the two hidden layers. epochs, batch, rate, decay, seed: of the training (AdamW, cosine).
    noise: standard deviation of what is added to the features, in units of their own.
    least_r2: R2 on the people who choose the names from which a name is given.
    """

    name: str = "blendshapes"
    reproduce: str = "facetrack train blendshapes --data DATA --set tables=TABLES"
    tables: str = ""
    hidden: tuple[int, int] = (128, 64)
    epochs: int = 40
    batch: int = 256
    rate: float = 0.003
    decay: float = 1.0
    noise: float = 0.1
    least_r2: float = 0.55
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Features (N, N_FEATURES), values (N, 52) and the share at which a person's hash lies, (N,)."""

    features: Floats
    values: Floats
    share: NDArray[np.float64]

    def of(self, low: float, high: float) -> Rows:
        own = (self.share >= low) & (self.share < high)
        return Rows(self.features[own], self.values[own], self.share[own])


def rows_of(table: ShapeTable) -> Rows:
    """Return the faces whose features are known."""
    seen = [features(table.face(index)) for index in range(len(table))]
    own = np.array([row is not None for row in seen])
    if not own.any():
        raise DataError("no face of the tables is turned little enough; expected faces that look into the camera")
    share = np.array([zlib.crc32(group.encode()) / 2**32 for group in table.group])
    return Rows(np.stack([row for row in seen if row is not None]), table.shapes[own], share[own])


def train_blendshapes(data: Path, run_dir: Path, recipe: ShapeRecipe) -> dict[str, float]:
    """Train and write run_dir/model.npz; returns R2 by name on held-out people, and their mean."""
    rows = rows_of(read_tables(Path(recipe.tables) if recipe.tables else data / "blendshapes"))
    test, choice = rows.of(0.0, TEST_SHARE), rows.of(TEST_SHARE, TEST_SHARE + CHOICE_SHARE)
    training = rows.of(TEST_SHARE + CHOICE_SHARE, 1.0)
    if not (len(test.share) and len(choice.share) and len(training.share)):
        raise DataError(f"{len(rows.share)} faces are too few to hold people out; label more pictures")
    network = _fitted(training, recipe)
    chosen = chosen_names(network, choice, recipe.least_r2)
    if not chosen:
        raise DataError(f"no blendshape reaches R2 {recipe.least_r2:g} on held-out people; label more pictures")
    run_dir.mkdir(parents=True, exist_ok=True)
    _save(network, chosen, run_dir / "model.npz")
    values = r2(_predict(network, test.features), test.values)
    figures = {f"r2/{name}": round(float(values[ARKIT_52.index(name)]), 3) for name in chosen}
    return {"r2": round(float(np.mean(list(figures.values()))), 3), "faces": float(len(rows.share)), **figures}


def r2(predicted: Floats, truth: Floats) -> NDArray[np.float64]:
    """Return (K,) the coefficient of determination of each column of (N, K), NaN where the truth hardly varies."""
    spread = np.var(truth.astype(np.float64), axis=0)
    error = np.mean((predicted.astype(np.float64) - truth) ** 2, axis=0)
    return np.where(np.sqrt(spread) >= LEAST_SPREAD, 1.0 - error / np.maximum(spread, 1e-12), np.nan)


def chosen_names(network: Network, rows: Rows, least: float) -> list[str]:
    """Return the names that reach R2 `least`, a pair of sides by its worse one."""
    values = dict(zip(ARKIT_52, r2(_predict(network, rows.features), rows.values).tolist(), strict=True))
    return [name for name in ARKIT_52 if min(values[name], values[OTHER_SIDE[name]]) >= least]


class Network(nn.Module):
    """Three layers; `mean` and `scale` normalise the features, of which unknown ones become 0."""

    def __init__(self, seen: Floats, hidden: tuple[int, int]) -> None:
        super().__init__()
        self.mean, scale = np.nanmean(seen, axis=0), np.nanstd(seen, axis=0)
        self.scale = np.maximum(scale, 0.05).astype(np.float32)
        sizes = (N_FEATURES, *hidden)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(hidden[-1], len(ARKIT_52))

    def normal(self, seen: Floats) -> torch.Tensor:
        return torch.from_numpy(np.nan_to_num((seen - self.mean) / self.scale).astype(np.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        predicted: torch.Tensor = self.last(x)
        return predicted


def _fitted(rows: Rows, recipe: ShapeRecipe) -> Network:
    torch.manual_seed(recipe.seed)
    seen = np.concatenate([rows.features, mirrored(rows.features)])
    target = torch.from_numpy(np.nan_to_num(np.concatenate([rows.values, rows.values[:, MIRROR]])))
    network = Network(seen, recipe.hidden)
    inputs = network.normal(seen)
    spread = target.std(dim=0)
    weight = (spread >= LEAST_SPREAD) / spread.clamp(min=LEAST_SPREAD)
    with torch.no_grad():
        network.last.bias.copy_(target.mean(dim=0))
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
    steps = -(-len(inputs) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs * steps)
    for _ in range(recipe.epochs):
        for batch in torch.randperm(len(inputs)).split(recipe.batch):
            x = inputs[batch]
            loss = (weight * (network(x + recipe.noise * torch.randn_like(x)) - target[batch]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def _predict(network: Network, seen: Floats) -> Floats:
    return network(network.normal(seen)).clamp(0.0, 1.0).numpy()


@torch.no_grad()
def _save(network: Network, names: list[str], path: Path) -> None:
    """Write the network as `facetrack.blendshapes.ShapeNetwork` reads it, its scales folded into the first layer."""
    arrays = {"names": np.array(names), "mean": network.mean.astype(np.float32)}
    own = [ARKIT_52.index(name) for name in names]
    layers: list[nn.Linear] = [*network.layers, network.last]
    for index, layer in enumerate(layers):
        weight, bias = layer.weight.numpy().T, layer.bias.numpy()
        if index == 0:
            weight = weight / network.scale[:, None]
        if layer is network.last:
            weight, bias = weight[:, own], bias[own]
        arrays |= {f"w{index}": weight.astype(np.float32), f"b{index}": bias.astype(np.float32)}
    np.savez_compressed(path, **arrays)
