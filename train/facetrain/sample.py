"""Labelled face image, independent of the file format that it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats, Image

T = TypeVar("T")

KEEP_AROUND = 2.4
"""Side of the region kept around a face, in units of the face extent: covers every shift, scale and rotation of the
augmentation."""
MAX_SIDE_PX = 320
"""Longer side to which trimmed images are downscaled; network crops are 112 px."""

POSE_ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")
"""Attributes of a sample that hold the head's angles, with the signs of `types.Pose`."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Image with one labelled face.

    name: unique within its data set.
    group: unit that must not be split between training and validation (a person's name, or the image itself).
    source: name of the data set.
    image: (H, W, 3) uint8 BGR.
    points: (K, 2) float32 landmarks in px, pixel centres at integers; missing ones are NaN and have weight 0.
    weight: (K,) float32 loss weight: 1 for manual labels, less for a network's pseudo-labels, 0 for missing points.
    scheme: landmark scheme of the K points, as in `topology`; "" for a sample without points.
    visible: (K,) bool, or None where the visibility is not labelled.
    attributes: further labels by name, such as smile 0/1, glasses 0/1, emotion "happy"; unknown ones are absent.
    """

    name: str
    group: str
    source: str
    image: Image
    points: Floats
    weight: Floats
    scheme: str = topology.SCHEME
    visible: NDArray[np.bool_] | None = None
    attributes: Mapping[str, float | str] = field(default_factory=dict)


def face_extent(points: NDArray[np.floating]) -> float:
    """Return the longer side of the points' bounding box in px."""
    return float(np.nanmax(np.nanmax(points, axis=0) - np.nanmin(points, axis=0)))


def trimmed(sample: Sample) -> Sample:
    """Crop the sample to the region around its face and downscale it; without points, only downscale."""
    points, image = sample.points, sample.image
    if np.isfinite(points).any():
        image, points = _around(image, points)
    scale = min(1.0, MAX_SIDE_PX / max(image.shape[:2]))
    if scale < 1:
        image, points = resized(image, points, scale)
    return replace(sample, image=np.ascontiguousarray(image), points=points)


def _around(image: Image, points: Floats) -> tuple[Image, Floats]:
    half = max(KEEP_AROUND * face_extent(points) / 2, 2.0)
    middle = (np.nanmin(points, axis=0) + np.nanmax(points, axis=0)) / 2
    height, width = image.shape[:2]
    low = np.clip(np.floor(middle - half), 0, [width - 1, height - 1]).astype(int)
    high = np.minimum(np.maximum(np.ceil(middle + half) + 1, low + 1), [width, height]).astype(int)
    return image[low[1] : high[1], low[0] : high[0]], (points - low).astype(np.float32)


def resized(image: Image, points: Floats, scale: float) -> tuple[Image, Floats]:
    """Downscale the image by about `scale` with area averaging, and its points; pixel centres at integers."""
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, ((points + 0.5) * ratio - 0.5).astype(np.float32)


def as_scheme(sample: Sample, target: str) -> Sample:
    """Convert the sample's points to the landmark scheme `target` by `topology_maps`.

    A target point that averages a group of source points gets the group's lowest weight. Raises DataError where the
    schemes have no mapping.
    """
    source = sample.scheme
    if topology_maps.groups(source, target) is None:
        known = sorted({start for start, end in topology_maps.MAPS if end == target})
        raise DataError(
            f"{sample.name}: its landmark scheme '{source or 'none'}' cannot be converted to '{target}'; convertible: "
            f"{', '.join(known) or 'none'}"
        )
    visible = sample.visible
    return replace(
        sample,
        points=topology_maps.convert(sample.points, source, target).astype(np.float32),
        weight=topology_maps.convert_weight(sample.weight, source, target).astype(np.float32),
        visible=None if visible is None else topology_maps.convert_weight(visible.astype(float), source, target) > 0,
        scheme=target,
    )


def usable(samples: list[Sample]) -> list[Sample]:
    """Return the samples with all 68 landmarks. Raises DataError if there are none."""
    complete = [s for s in samples if s.scheme == topology.SCHEME and np.isfinite(s.points).all()]
    if not complete:
        raise DataError(f"none of the {len(samples)} faces has all 68 landmarks, which measuring robustness needs")
    return complete


def evenly_spaced(items: list[T], limit: int | None) -> list[T]:
    """Return at most `limit` evenly spaced items; all of them for None."""
    if limit is None or limit >= len(items):
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, limit).round().astype(int)]
