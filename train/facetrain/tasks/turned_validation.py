"""Figures of a network for turned faces on the held-out parts of the packs, through upright crops around the truth."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facetrack import topology, topology_maps
from facetrain.metrics.binary import roc
from facetrain.metrics.landmarks import summary
from facetrain.models.predict import predict
from facetrain.samples.landmark_crops import CropOptions
from facetrain.samples.turned.crops import truth_item
from facetrain.samples.turned.sources import ANGLES_ONLY, TurnedSample
from facetrain.training.turned_losses import angle_difference, euler

HAND_LABELLED = "aflw21"
YAW_BINS_DEG = ((0, 30), (30, 60), (60, 120))
ANGLES = ("yaw", "pitch", "roll")
Arrays = dict[str, NDArray[np.floating]]


class TurnedValidation:
    """Held-out figures by pack.

    NAME_nme, NAME_nme51: % of the outer eye corners' distance, all points and without the jaw.
    NAME_yaw, NAME_pitch, NAME_roll: mean absolute difference in degrees from the fitted or marked rotation.
    aflw21_hand_Y, aflw21_fit_Y: mean error of the hand-labelled points and of the fitted 68 from the yaw Y on, in % of
    the root of the area of the fitted points' box.
    aflw21_visible_auc: area under the ROC curve of the inner points' visibility.
    NAME_within_sigma: share of the coordinates that are off by less than their sigma (a Laplace density: .757).
    NAME_angles_within_sigma: the same for yaw, pitch and roll.
    """

    def __init__(self, held: dict[str, list[TurnedSample]], options: CropOptions) -> None:
        self.sets: dict[str, dict[str, Tensor]] = {
            name: torch.utils.data.default_collate([truth_item(sample, options) for sample in part])
            for name, part in held.items()
            if part
        }

    def __call__(self, model: nn.Module) -> dict[str, float]:
        figures: dict[str, float] = {}
        for name, items in self.sets.items():
            outputs = predict(model, items["crop"])
            figures |= {f"{name}_{key}": value for key, value in _figures(name, outputs, items).items()}
        return figures

    def sigma_ratios(self, model: nn.Module) -> list[np.ndarray]:
        """|error| / sigma per coordinate of each pack whose 68 points people labelled or checked."""
        ratios = []
        for name, items in self.sets.items():
            if name not in (ANGLES_ONLY, HAND_LABELLED):
                outputs = predict(model, items["crop"])
                error = np.abs(outputs["points"] - items["points"].numpy())
                ratios.append((error / outputs["sigma"][..., None]).ravel())
        return ratios

    def angle_ratios(self, model: nn.Module) -> list[np.ndarray]:
        """Absolute angle errors over their sigma on the hand-labelled turned faces, whose rotations are fitted."""
        items = self.sets.get(HAND_LABELLED)
        if items is None:
            return []
        outputs = predict(model, items["crop"])
        off = angle_difference(torch.from_numpy(outputs["rotation"]), items["rotation"]).abs().numpy()
        known = items["rotation_weight"].numpy() > 0
        return [(off[known] / outputs["rotation_sigma"][known]).ravel()]


def _figures(name: str, outputs: Arrays, items: dict[str, Tensor]) -> dict[str, float]:
    known = items["rotation_weight"] > 0
    off = angle_difference(torch.from_numpy(outputs["rotation"]), items["rotation"])[known].abs()
    figures = dict(zip(ANGLES, off.mean(dim=0).tolist(), strict=True))
    figures["angles_within_sigma"] = float((off.numpy() < outputs["rotation_sigma"][known.numpy()]).mean())
    if name == ANGLES_ONLY:
        return figures
    apart = np.abs(outputs["points"] - items["points"].numpy()) < outputs["sigma"][..., None]
    figures["within_sigma"] = float(apart.mean())
    if name == HAND_LABELLED:
        return figures | _hand_figures(outputs, items)
    found = summary(outputs["points"], items["points"].numpy())
    return figures | {"nme": found["nme"], "nme51": found["nme_51"]}


def _hand_figures(outputs: Arrays, items: dict[str, Tensor]) -> dict[str, float]:
    truth, hand = items["points"].numpy(), items["hand"].numpy()
    size = np.sqrt((truth.max(axis=1) - truth.min(axis=1)).prod(axis=1))[:, None] / 100
    combinations = topology_maps.aflw_from_68()
    rows = np.flatnonzero(combinations.sum(axis=1) > 0)
    predicted = np.einsum("mk,nkd->nmd", combinations[rows], outputs["points"])
    by_hand = np.linalg.norm(predicted - hand[:, rows], axis=2) / size
    by_fit = np.linalg.norm(outputs["points"] - truth, axis=2) / size
    yaw = euler(items["rotation"])[:, 0].abs().numpy()
    figures: dict[str, float] = {}
    for low, high in YAW_BINS_DEG:
        part = (yaw >= low) & (yaw < high) & np.isfinite(by_hand).any(axis=1)
        if part.any():
            figures[f"hand_{low}"] = float(np.nanmean(by_hand[part], axis=1).mean())
            figures[f"fit_{low}"] = float(by_fit[part].mean())
    seen = items["visible"].numpy().copy()
    seen[:, list(topology.JAW)] = np.nan
    known = np.isfinite(seen)
    figures["visible_auc"] = roc(seen[known] > 0.5, outputs["visibility"][known]).auc
    return figures
