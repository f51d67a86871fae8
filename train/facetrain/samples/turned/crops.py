"""Augmented crops of faces from profile to profile: points, their visibility, the head's rotation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetrack.geometry import crop_from_box, crop_matrix, cut, points_box, transform
from facetrack.topology import FLIP, N_POINTS
from facetrack.topology_maps import AFLW_21, FLIPS
from facetrack.topology_maps import N_POINTS as COUNTS
from facetrack.types import Floats, Image
from facetrain.augment import webcam as augment
from facetrain.augment.eyelids import blink
from facetrain.samples.landmark_crops import EYES, OUTSIDE_PX, CropOptions, LandmarkCrops
from facetrain.samples.sampling import EpochItems, Rng, names_of
from facetrain.samples.turned.sources import TurnedSample

MIRROR = np.diag([-1.0, 1.0, 1.0]).astype(np.float32)
LIDS_STAY = ("aflw21",)
"""Packs whose lids are never closed artificially: an eye of a profile is too narrow to warp."""


class TurnedCrops(EpochItems):
    """Augmented crops.

    Item: crop (S, S, 3) uint8; points (68, 2) crop px; weight (68,); visible (68,) 1, 0 or NaN; rotation (3, 3) head to
    crop; rotation_weight (); hand (21, 2) crop px or NaN; presence () 1 or 0.
    """

    def __init__(
        self, samples: list[TurnedSample], negatives: list[Image], options: CropOptions, seed: int = 0
    ) -> None:
        self.samples = [s for s in samples for _ in range(options.repeats.get(s.sample.source, 1))]
        super().__init__(len(self.samples), seed)
        self.names = names_of(turned.sample for turned in self.samples)
        self.options = options
        self._without_face = LandmarkCrops([], negatives, options)

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        turned, options = self.samples[index], self.options
        if rng.random() < options.negatives and turned.has_points:
            return turned_item(self._without_face.negative(turned.sample, rng), present=False)
        return self._positive(turned, rng)

    def _positive(self, turned: TurnedSample, rng: Rng) -> dict[str, Tensor]:
        sample, options = turned.sample, self.options.augment
        crop = augment.random_crop(sample.points, self.options.margin, rng, options)
        image, matrix = augment.warp(sample.image, crop, self.options.input_px, rng)
        points, weight, visible = transform(sample.points, matrix), sample.weight, turned.visible
        hand, rotation = transform(turned.hand, matrix), in_crop(turned.rotation, crop.roll_rad)
        if not turned.has_points:
            points = np.full((N_POINTS, 2), np.nan, np.float32)
        if rng.random() < options.flip:
            image = np.ascontiguousarray(image[:, ::-1])
            points, hand = _mirrored(points[FLIP], image), _mirrored(hand[FLIPS[AFLW_21]], image)
            weight, visible, rotation = weight[FLIP], visible[FLIP], np.asarray(MIRROR @ rotation @ MIRROR, np.float32)
        if rng.random() < options.blink and sample.source not in LIDS_STAY and weight[list(EYES)].min() > 0:
            image, points = blink(image, points, rng)
        if rng.random() < options.occlusion:
            before = image
            image = augment.occlude(image, rng)
            visible = hidden_by(visible, points, (image != before).any(axis=2))
        image = augment.corrupt(image, rng, replace(options, occlusion=0.0))
        reach = self.options.input_px - 0.5 + OUTSIDE_PX
        inside = ((points > -0.5 - OUTSIDE_PX) & (points < reach)).all(axis=1)  # False where a point is missing
        return turned_item(
            image, True, np.nan_to_num(points), weight * inside, visible, rotation, turned.rotation_weight, hand
        )


def _mirrored(points: Floats, image: Image) -> Floats:
    out = points.copy()
    out[:, 0] = image.shape[1] - 1 - out[:, 0]
    return out


def in_crop(rotation: Floats, roll_rad: float) -> Floats:
    """(3, 3) the head's rotation as a crop that is turned clockwise by roll_rad shows it."""
    cos, sin = np.cos(roll_rad), np.sin(roll_rad)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]], np.float32)
    return np.asarray(turn @ rotation, np.float32)


def hidden_by(visible: Floats, points: Floats, covered: NDArray[np.bool_]) -> Floats:
    """(68,) visibility with 0 for the points under an occluder; covered: (S, S)."""
    places = np.clip(np.rint(np.nan_to_num(points, nan=-1)), 0, len(covered) - 1).astype(int)
    under = covered[places[:, 1], places[:, 0]] & np.isfinite(points[:, 0])
    return np.where(under, np.float32(0), visible).astype(np.float32)


def truth_item(turned: TurnedSample, options: CropOptions) -> dict[str, Tensor]:
    """Cut the upright crop around the ground truth, without augmentation: for validation."""
    sample = turned.sample
    crop = crop_from_box(points_box(sample.points), options.margin)
    matrix = crop_matrix(crop, options.input_px)
    points = transform(sample.points, matrix) if turned.has_points else None
    weight = sample.weight if turned.has_points else None
    image, hand = cut(sample.image, crop, options.input_px), transform(turned.hand, matrix)
    return turned_item(image, True, points, weight, turned.visible, turned.rotation, turned.rotation_weight, hand)


def turned_item(
    image: Image,
    present: bool,
    points: Floats | None = None,
    weight: Floats | None = None,
    visible: Floats | None = None,
    rotation: Floats | None = None,
    rotation_weight: float = 0.0,
    hand: Floats | None = None,
) -> dict[str, Tensor]:
    """Make an item as `TurnedCrops` describes it; what is left out is unknown."""
    return {
        "crop": torch.from_numpy(image),
        "points": _tensor(points, (N_POINTS, 2), 0.0),
        "weight": _tensor(weight, (N_POINTS,), 0.0),
        "visible": _tensor(visible, (N_POINTS,), float("nan")),
        "rotation": _tensor(rotation, (3, 3), 0.0),
        "rotation_weight": torch.tensor(float(rotation_weight)),
        "hand": _tensor(hand, (COUNTS[AFLW_21], 2), float("nan")),
        "presence": torch.tensor(float(present)),
    }


def _tensor(values: Floats | None, shape: tuple[int, ...], unknown: float) -> Tensor:
    if values is None:
        return torch.full(shape, unknown)
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
