"""Training crops of the landmark network: augmented, with points, weights and a face-presence label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facetrack.geometry import CropBox, crop_from_box, crop_matrix, cut, points_box, transform
from facetrack.topology import LEFT_EYE, N_POINTS, RIGHT_EYE
from facetrack.types import Floats, Image
from facetrain.augment import webcam as augment
from facetrain.augment.eyelids import blink
from facetrain.augment.webcam import AugmentOptions
from facetrain.sample import Sample, face_extent
from facetrain.samples.sampling import EpochItems, names_of

EYES = (*RIGHT_EYE, *LEFT_EYE)
OUTSIDE_PX = 3.0
"""Distance outside the crop beyond which a point gets weight 0: a heatmap cannot represent it."""


@dataclass(frozen=True, slots=True)
class CropOptions:
    """Options of the landmark crops.

    input_px: side of the crop.
    margin: side of the crop over the face extent.
    negatives: share of items without a face.
    repeats: draws per sample and epoch, by source.
    """

    input_px: int = 112
    margin: float = 1.3
    negatives: float = 0.08
    repeats: dict[str, int] = field(default_factory=dict)
    augment: AugmentOptions = field(default_factory=AugmentOptions)


class LandmarkCrops(EpochItems):
    """Data set of augmented landmark crops.

    Item: crop (S, S, 3) uint8, points (68, 2) crop px, weight (68,), presence () 1 or 0.
    """

    def __init__(self, samples: list[Sample], negatives: list[Image], options: CropOptions, seed: int = 0) -> None:
        self.samples = [s for s in samples for _ in range(options.repeats.get(s.source, 1))]
        super().__init__(len(self.samples), seed)
        self.names = names_of(self.samples)
        self.negatives = negatives
        self.options = options

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        if rng.random() < self.options.negatives:
            crop = self.negative(self.samples[index], rng)
            return _item(crop, np.zeros((N_POINTS, 2), np.float32), np.zeros(N_POINTS, np.float32), present=False)
        return _item(*self._positive(self.samples[index], rng), present=True)

    def _positive(self, sample: Sample, rng: np.random.Generator) -> tuple[Image, Floats, Floats]:
        options = self.options
        crop = augment.random_crop(sample.points, options.margin, rng, options.augment)
        image, matrix = augment.warp(sample.image, crop, options.input_px, rng)
        points, weight = transform(sample.points, matrix), sample.weight
        if rng.random() < options.augment.flip:
            image, points, weight = augment.flip(image, points, weight)
        if rng.random() < options.augment.blink and weight[list(EYES)].min() > 0:
            image, points = blink(image, points, rng)
        image = augment.corrupt(image, rng, options.augment)
        reach = options.input_px - 0.5 + OUTSIDE_PX
        inside = ((points > -0.5 - OUTSIDE_PX) & (points < reach)).all(axis=1)  # False where a point is missing
        return image, np.nan_to_num(points), weight * inside

    def negative(self, sample: Sample, rng: np.random.Generator) -> Image:
        """Return a crop without a face.

        Either a part of an image without one, or a crop that a lost track might have: beside the face, or far too large
        or too small for it.
        """
        options = self.options
        if self.negatives and rng.random() < 0.6:
            source = self.negatives[int(rng.integers(len(self.negatives)))]
            side = min(source.shape[:2]) * rng.uniform(0.2, 1.0)
            centre = rng.uniform(0, 1, 2) * source.shape[1::-1]
            crop = CropBox(float(centre[0]), float(centre[1]), float(side), float(rng.normal(0, 0.3)))
        else:
            source = sample.image
            crop = _lost_crop(sample, rng, options.margin)
        image, _ = augment.warp(source, crop, options.input_px, rng)
        return augment.corrupt(image, rng, options.augment)


def _lost_crop(sample: Sample, rng: np.random.Generator, margin: float) -> CropBox:
    """Return a crop that misses the face by position or scale, as after a tracking failure."""
    extent = face_extent(sample.points)
    middle = (np.nanmin(sample.points, axis=0) + np.nanmax(sample.points, axis=0)) / 2
    size = margin * extent
    kind = rng.integers(3)
    if kind == 0:
        direction = rng.uniform(0, 2 * np.pi)
        middle = middle + np.array([np.cos(direction), np.sin(direction)]) * extent * rng.uniform(0.75, 1.1)
    elif kind == 1:
        size *= rng.uniform(2.6, 4.0)
    else:
        size *= rng.uniform(0.2, 0.35)
    return CropBox(float(middle[0]), float(middle[1]), float(size), float(rng.normal(0, 0.2)))


class TruthCrops(Dataset[dict[str, Tensor]]):
    """Data set of the crops of an exact detector, without augmentation, for validation."""

    def __init__(self, samples: list[Sample], options: CropOptions) -> None:
        self.samples = samples
        self.options = options

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        sample, options = self.samples[index], self.options
        crop = crop_from_box(points_box(sample.points), options.margin)
        points = transform(sample.points, crop_matrix(crop, options.input_px))
        return _item(cut(sample.image, crop, options.input_px), points, sample.weight, present=True)


def _item(image: Image, points: Floats, weight: Floats, present: bool) -> dict[str, Tensor]:
    return {
        "crop": torch.from_numpy(image),
        "points": torch.from_numpy(points),
        "weight": torch.from_numpy(weight.astype(np.float32)),
        "presence": torch.tensor(float(present)),
    }
