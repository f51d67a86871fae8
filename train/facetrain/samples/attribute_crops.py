"""Training crops of the attribute heads with labels of mouth, smile and glasses; NaN labels have no loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from facetrack import topology
from facetrack.geometry import crop_from_box, crop_from_points, crop_matrix, cut, points_box, transform
from facetrack.modelfile import ATTRIBUTES
from facetrack.types import Floats, Image
from facetrain.augment import webcam as augment
from facetrain.augment.webcam import AugmentOptions
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_labels import COLUMN, labels_of, pose_deg, smile_trust
from facetrain.samples.sampling import EpochItems, names_of

Rng = np.random.Generator

FRONTAL_DEG = 30.0
"""Largest yaw and pitch of a face that photographs are pasted into."""


@dataclass(frozen=True, slots=True)
class AttributeCropOptions:
    """Options of the attribute crops.

    input_px: side of the crop.
    margin: side of the crop over the face extent.
    mouths: share of the crops with a photograph of a mouth, of the faces that allow it.
    repeats: repetitions of the faces, by source.
    """

    input_px: int = 112
    margin: float = 1.3
    mouths: float = 0.15
    repeats: dict[str, int] = field(default_factory=dict)
    augment: AugmentOptions = field(
        default_factory=lambda: AugmentOptions(
            rotation_deg=5, wide_rotation_deg=15, shift=0.08, scale=(0.88, 1.14), occlusion=0.05, low_resolution=0.1
        )
    )


class Photographs:
    """Photographs of single mouths, open and closed."""

    def __init__(self, mouths: Sequence[Sample]) -> None:
        self.mouths = [[s.image for s in mouths if s.attributes["mouth_open"] == value] for value in (0, 1)]

    def draw(self, is_open: int, rng: Rng) -> Image | None:
        """Draw a photograph, mirrored with probability 1/2; None where there is none of this state."""
        candidates = self.mouths[is_open]
        if not candidates:
            return None
        photograph = candidates[int(rng.integers(len(candidates)))]
        return photograph if rng.random() < 0.5 else np.ascontiguousarray(photograph[:, ::-1])


class AttributeCrops(EpochItems):
    """Data set of augmented attribute crops.

    Item: crop (S, S, 3) uint8, attributes (len(ATTRIBUTES),), NaN where unknown; smile_trust () loss weight of the
    smile label.
    """

    def __init__(
        self, samples: list[Sample], photographs: Photographs, options: AttributeCropOptions, seed: int = 0
    ) -> None:
        self.samples = [s for s in samples for _ in range(options.repeats.get(s.source, 1))]
        super().__init__(len(self.samples), seed)
        self.names = names_of(self.samples)
        self.photographs, self.options = photographs, options

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        options, sample = self.options, self.samples[index]
        image, values = sample.image, labels_of(sample)
        if rng.random() < options.mouths and _frontal(sample):
            image, values = with_mouth(image, sample.points, values, self.photographs, int(rng.integers(2)), rng)
        crop = augment.random_crop(sample.points, options.margin, rng, options.augment)
        image, _ = augment.warp(image, crop, options.input_px, rng)
        if rng.random() < options.augment.flip:
            image = np.ascontiguousarray(image[:, ::-1])
        item = as_item(augment.corrupt(image, rng, options.augment), values)
        return item | {"smile_trust": torch.tensor(smile_trust(sample))}


def with_mouth(
    image: Image, points: Floats, values: Floats, photographs: Photographs, is_open: int, rng: Rng
) -> tuple[Image, Floats]:
    """Paste a photograph over the mouth and label it, without a smile; no change where none is available or fits."""
    photograph = photographs.draw(is_open, rng)
    if photograph is None or not patches.fits(points):
        return image, values
    values = values.copy()
    values[COLUMN["mouth_open"]], values[COLUMN["smile"]] = is_open, np.nan
    return patches.paste_patch(image, points, photograph, patches.MOUTHS, rng), values


def _frontal(sample: Sample) -> bool:
    """Return whether the face is frontal enough to paste photographs into."""
    if sample.scheme != topology.SCHEME or not np.isfinite(sample.points).all():
        return False
    side_px = 112
    matrix = crop_matrix(crop_from_box(points_box(sample.points), 1.3), side_px)
    angles = pose_deg(transform(sample.points, matrix), side_px)
    return bool(np.isfinite(angles).all() and np.abs(angles[:2]).max() < FRONTAL_DEG)


def as_item(image: Image, values: Floats) -> dict[str, Tensor]:
    return {"crop": torch.from_numpy(image), "attributes": torch.from_numpy(values.astype(np.float32))}


def plain_item(sample: Sample, options: AttributeCropOptions) -> dict[str, Tensor]:
    """Return the tracker's crop without augmentation."""
    crop = crop_from_points(sample.points, options.margin)
    return as_item(cut(sample.image, crop, options.input_px), labels_of(sample))


def pasted_items(
    photographs: Sequence[Sample], faces: Sequence[Sample], options: AttributeCropOptions, seed: int = 0
) -> list[dict[str, Tensor]]:
    """Paste every photograph of a mouth into a face, reproducibly for a seed; only the mouth is labelled."""
    faces = [face for face in faces if _frontal(face)]
    items = []
    for number, photograph in enumerate(photographs if faces else ()):
        rng = np.random.default_rng((seed, number))
        face = faces[int(rng.integers(len(faces)))]
        unknown = np.full(len(ATTRIBUTES), np.nan, np.float32)
        is_open = int(float(photograph.attributes["mouth_open"]))
        image, values = with_mouth(face.image, face.points, unknown, Photographs([photograph]), is_open, rng)
        if np.isfinite(values).any():
            items.append(as_item(plain_item(replace(face, image=image), options)["crop"].numpy(), values))
    return items
