"""Validation of a landmark network on held-out faces, in crops from their labels, and sheets of its predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facetrack.types import Image
from facetrain.metrics import landmarks as metrics
from facetrain.models.predict import predict
from facetrain.reporting.sheets import drawn, save_extremes
from facetrain.sample import Sample
from facetrain.samples.landmark_crops import CropOptions, TruthCrops

MIN_TRUSTED_WEIGHT = 0.1
"""Sets with landmarks of a smaller weight, such as the jaw, are evaluated on their inner landmarks only."""


def complete(samples: list[Sample]) -> list[Sample]:
    """Return the samples with all points labelled; errors over a part of the points are not comparable."""
    return [sample for sample in samples if np.isfinite(sample.points).all()]


class Validation:
    """Normalised mean error on the held-out samples of each pack, with crops from the ground-truth landmarks."""

    def __init__(self, samples: dict[str, list[Sample]], crops: CropOptions) -> None:
        self.sets = {
            name: torch.utils.data.default_collate([dataset[i] for i in range(len(dataset))])
            for name, dataset in ((name, TruthCrops(complete(held_out), crops)) for name, held_out in samples.items())
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

    def crops(self, most: int = 64) -> torch.Tensor:
        """Return the crops of the first faces, (N, S, S, 3) uint8."""
        return torch.cat([items["crop"] for items in self.sets.values()])[:most]


def face_errors(model: nn.Module, samples: list[Sample], crops: CropOptions) -> NDArray[np.floating]:
    """Return each face's mean error over its trusted points, % of the distance of the outer eye corners."""
    validation = Validation({"faces": samples}, crops)
    if not validation.sets:
        return np.empty(0)
    items = validation.sets["faces"]
    return _errors(predict(model, items["crop"])["points"], items)


def _errors(predicted: NDArray[np.floating], items: dict[str, torch.Tensor]) -> NDArray[np.floating]:
    per_point = metrics.nme_per_point(predicted, items["points"].numpy())
    trusted = items["weight"].numpy() >= MIN_TRUSTED_WEIGHT
    return metrics.known_mean(np.where(trusted, per_point, np.nan), axis=1)


def save_predictions(model: nn.Module, validation: Validation, folder: Path, each: int = 24) -> None:
    """Draw best.png, median.png and worst.png of the validation faces, `each` per sheet.

    Predicted landmarks green, labelled ones red, the error in the title; it excludes landmarks of low weight.
    """
    crops, predicted, truth, error = [], [], [], []
    for items in validation.sets.values():
        crops.append(items["crop"].numpy())
        predicted.append(predict(model, items["crop"])["points"])
        truth.append(items["points"].numpy())
        error.append(_errors(predicted[-1], items))
    faces = [face for part in zip(crops, predicted, truth, error, strict=True) for face in zip(*part, strict=True)]

    def cell(i: int) -> Image:
        crop, p, t, face_error = faces[i]
        return drawn(crop, p, t, title=f"{face_error:.1f} %")

    save_extremes(np.concatenate(error), cell, folder, each)
