"""Training crops of the attribute heads with labels of eyes, mouth, smile, glasses and pose; NaN labels have no loss.

Open and closed eyes have four origins: photographs of single eyes pasted into faces, eyes closed by a stretched lid
(`eyelids`, whose closure is exact), faces with unambiguous points, and faces with manual eyelid labels (`lids`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facetrack import topology
from facetrack.geometry import CropBox, crop_from_box, crop_from_points, crop_matrix, cut, points_box, transform
from facetrack.modelfile import ATTRIBUTES
from facetrack.types import Floats, Image
from facetrain.augment import webcam as augment
from facetrain.augment.eyelids import close_eye
from facetrain.augment.webcam import AugmentOptions
from facetrain.sample import Sample
from facetrain.samples import patches
from facetrain.samples.attribute_labels import (
    COLUMN,
    EYES,
    LID_LABEL_SOURCES,
    LIDS,
    labels_of,
    pose_deg,
    smile_trust,
    turned_deg,
)
from facetrain.samples.sampling import EpochItems, names_of

Rng = np.random.Generator

MIRRORED = [COLUMN["eye_left_open"], COLUMN["eye_right_open"], *range(2, len(ATTRIBUTES))]
"""Index of the attribute that each attribute of a mirrored image is copied from."""
MIRRORED_POSE = np.array([-1, 1, -1], np.float32)
FRONTAL_DEG = 30.0
"""Largest yaw and pitch of a face that photographs are pasted into."""
EXACT_POSE_SOURCES = ("heads",)


@dataclass(frozen=True, slots=True)
class AttributeCropOptions:
    """Options of the attribute crops.

    input_px: side of the crop.
    margin: side of the crop over the face extent.
    photographs: share of crops with eye photographs pasted over one eye or both.
    lids: share of crops with lids stretched over the eyes.
    mouths: share of crops with a photograph of a mouth. All three are shares of the faces that allow it.
    closed_repeats: further repetition factor of faces with naturally closed eyes, which are rare.
    repeats: repetitions of the faces, by source.
    """

    input_px: int = 112
    margin: float = 1.3
    photographs: float = 0.6
    lids: float = 0.2
    mouths: float = 0.15
    closed_repeats: int = 5
    repeats: dict[str, int] = field(default_factory=dict)
    augment: AugmentOptions = field(
        default_factory=lambda: AugmentOptions(
            rotation_deg=5, wide_rotation_deg=15, shift=0.08, scale=(0.88, 1.14), occlusion=0.05, low_resolution=0.1
        )
    )


class Photographs:
    """Photographs of single eyes and mouths, open and closed."""

    def __init__(self, eyes: Sequence[Sample], mouths: Sequence[Sample]) -> None:
        self.eyes = [[s.image for s in eyes if s.attributes["eyes_open"] == value] for value in (0, 1)]
        self.mouths = [[s.image for s in mouths if s.attributes["mouth_open"] == value] for value in (0, 1)]

    def draw(self, kind: str, is_open: int, rng: Rng) -> Image | None:
        """Draw a photograph, mirrored with probability 1/2; None where there is none of this kind and state."""
        candidates = (self.eyes if kind == "eyes" else self.mouths)[is_open]
        if not candidates:
            return None
        photograph = candidates[int(rng.integers(len(candidates)))]
        return photograph if rng.random() < 0.5 else np.ascontiguousarray(photograph[:, ::-1])


class AttributeCrops(EpochItems):
    """Data set of augmented attribute crops.

    Item: crop (S, S, 3) uint8, attributes (len(ATTRIBUTES),) and pose (3,) in degrees relative to the crop, NaN where
    unknown; smile_trust () loss weight of the smile label.
    """

    def __init__(
        self, samples: list[Sample], photographs: Photographs, options: AttributeCropOptions, seed: int = 0
    ) -> None:
        self.samples = [
            s
            for s in samples
            for _ in range(options.repeats.get(s.source, 1) * (options.closed_repeats if _eye_closed(s) else 1))
        ]
        super().__init__(len(self.samples), seed)
        self.names = names_of(self.samples)
        self.photographs, self.options = photographs, options

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        options, sample = self.options, self.samples[index]
        image, values = self._composited(sample, rng)
        crop = augment.random_crop(sample.points, options.margin, rng, options.augment)
        image, matrix = augment.warp(image, crop, options.input_px, rng)
        angles = _target_angles(sample, crop, matrix, options.input_px)
        if rng.random() < options.augment.flip:
            image, values, angles = mirrored(image, values, angles)
        item = as_item(augment.corrupt(image, rng, options.augment), values, angles)
        return item | {"smile_trust": torch.tensor(smile_trust(sample))}

    def _composited(self, sample: Sample, rng: Rng) -> tuple[Image, Floats]:
        """Return the sample's image with composited eyes and mouth, and its updated labels."""
        image, values = sample.image, labels_of(sample).attributes
        if sample.source == LIDS or _eye_closed(sample) or not _frontal(sample):
            return image, values  # the face is needed for its real eyes, or is not suited to compositing
        draw = rng.random()
        if draw < self.options.photographs:
            image, values = self._with_eyes(image, sample.points, values, rng)
        elif draw < self.options.photographs + self.options.lids and sample.source in LID_LABEL_SOURCES:
            image, values = with_lids(image, sample.points, values, rng)
        if rng.random() < self.options.mouths:
            image, values = self._with_mouth(image, sample.points, values, rng)
        return image, values

    def _with_eyes(self, image: Image, points: Floats, values: Floats, rng: Rng) -> tuple[Image, Floats]:
        is_open, both_alike = int(rng.integers(2)), rng.random() < 0.7
        for name in EYES:
            image, values = self.paste_feature(image, points, values, name, is_open, rng)
            is_open = is_open if both_alike else 1 - is_open
        return image, values

    def paste_feature(
        self, image: Image, points: Floats, values: Floats, name: str, is_open: int, rng: Rng
    ) -> tuple[Image, Floats]:
        """Paste a photograph over one feature and set its label; no change where none is available or fits."""
        kind, frame = ("mouths", patches.MOUTHS) if name == "mouth_open" else ("eyes", patches.EYES)
        photograph = self.photographs.draw(kind, is_open, rng)
        if photograph is None or not patches.fits(points, name):
            return image, values
        values = values.copy()
        values[COLUMN[name]] = is_open
        return patches.paste_patch(image, points, name, photograph, frame, rng), values

    def _with_mouth(self, image: Image, points: Floats, values: Floats, rng: Rng) -> tuple[Image, Floats]:
        image, values = self.paste_feature(image, points, values, "mouth_open", int(rng.integers(2)), rng)
        values = values.copy()
        values[COLUMN["smile"]] = np.nan  # the pasted mouth has no smile label
        return image, values


def with_lids(image: Image, points: Floats, values: Floats, rng: Rng) -> tuple[Image, Floats]:
    """Close eyes labelled fully open by stretched lids: both in 70 % of the calls, (nearly) fully in half of them."""
    values = values.copy()
    closure = float(rng.uniform(0.9, 1.0) if rng.random() < 0.5 else rng.uniform(0.1, 0.9))
    chosen = (0, 1) if rng.random() < 0.7 else (int(rng.integers(2)),)
    for eye in chosen:
        if values[COLUMN[EYES[eye]]] == 1:
            closed, moved = close_eye(image, points, eye, closure)
            if moved is not points:
                image, values[COLUMN[EYES[eye]]] = closed, 1 - closure
    return image, values


def _eye_closed(sample: Sample) -> bool:
    """Return whether a photographed (not rendered) face has an eye that is clearly closed."""
    return (
        sample.source in LID_LABEL_SOURCES
        and "lid_opening_right" not in sample.attributes
        and bool((labels_of(sample).attributes[[COLUMN[name] for name in EYES]] == 0).any())
    )


def _frontal(sample: Sample) -> bool:
    """Return whether the face is frontal enough to paste photographs into."""
    if sample.scheme != topology.SCHEME or not np.isfinite(sample.points).all():
        return False
    side_px = 112
    matrix = crop_matrix(crop_from_box(points_box(sample.points), 1.3), side_px)
    angles = pose_deg(transform(sample.points, matrix), side_px)
    return bool(np.isfinite(angles).all() and np.abs(angles[:2]).max() < FRONTAL_DEG)


def _target_angles(sample: Sample, crop: CropBox, matrix: NDArray[np.float64], side_px: int) -> Floats:
    """Return the pose label: exact for rendered heads, else estimated from the points.

    genki4k's own angles are not used: against the pose from points its pitch is 14 degrees off and its yaw 1.5 times as
    large (186 faces), while on rendered heads the pose from points is right to 3 degrees with slopes of .96 to .98.
    """
    rotation = labels_of(sample).rotation if sample.source in EXACT_POSE_SOURCES else None
    return (
        pose_deg(transform(sample.points, matrix), side_px) if rotation is None else turned_deg(rotation, crop.roll_rad)
    )


def mirrored(image: Image, values: Floats, angles: Floats) -> tuple[Image, Floats, Floats]:
    """Mirror the crop: the eyes' labels are swapped, yaw and roll change sign."""
    return np.ascontiguousarray(image[:, ::-1]), values[MIRRORED], angles * MIRRORED_POSE


def as_item(image: Image, values: Floats, angles: Floats) -> dict[str, Tensor]:
    return {
        "crop": torch.from_numpy(image),
        "attributes": torch.from_numpy(values.astype(np.float32)),
        "pose": torch.from_numpy(angles.astype(np.float32)),
    }


def plain_item(sample: Sample, options: AttributeCropOptions) -> dict[str, Tensor]:
    """Return the tracker's crop without augmentation; the pose as labelled, else from the points."""
    crop = crop_from_points(sample.points, options.margin)
    matrix = crop_matrix(crop, options.input_px)
    labels = labels_of(sample)
    angles = pose_deg(transform(sample.points, matrix), options.input_px)
    if labels.rotation is not None:
        angles = turned_deg(labels.rotation, crop.roll_rad)
    return as_item(cut(sample.image, crop, options.input_px), labels.attributes, angles)


def pasted_items(
    photographs: Sequence[Sample], faces: Sequence[Sample], options: AttributeCropOptions, each: int, seed: int = 0
) -> list[dict[str, Tensor]]:
    """Paste every photograph of an eye (or mouth) into `each` faces, reproducibly for a seed.

    Only the pasted feature is labelled; the item's `photograph` is the photograph's index.
    """
    faces = [face for face in faces if _frontal(face)]
    items = []
    for number, photograph in enumerate(photographs if faces else ()):
        rng = np.random.default_rng((seed, number))
        kind, value = next(iter(photograph.attributes.items()))
        is_eye = kind == "eyes_open"
        only = Photographs([photograph], []) if is_eye else Photographs([], [photograph])
        compositor = AttributeCrops([], only, options)
        features = EYES if is_eye else ("mouth_open",)
        for _ in range(each):
            face = faces[int(rng.integers(len(faces)))]
            name = features[int(rng.integers(len(features)))]
            unknown = np.full(len(ATTRIBUTES), np.nan, np.float32)
            image, values = compositor.paste_feature(face.image, face.points, unknown, name, int(float(value)), rng)
            if np.isfinite(values).any():
                item = plain_item(replace(face, image=image), options)
                labelled = as_item(item["crop"].numpy(), values, np.full(3, np.nan))
                items.append(labelled | {"photograph": torch.tensor(number)})
    return items
