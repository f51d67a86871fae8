"""Pictures of one size in memory with points, and the crop that a rough detector would have given."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from facetrack.geometry import CropBox
from facetrack.types import Floats, Image
from facetrain.sample import Sample, face_extent

Flips = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """crops: (N, S, S, 3) uint8. points: (N, K, 2) crop px, 0 where unknown. weight: (N, K), 0 where unknown."""

    crops: Image
    points: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.crops)

    def first(self, limit: int) -> Pictures:
        """At most `limit` of them, spread over the whole; all where it is 0."""
        if limit == 0 or limit >= len(self):
            return self
        keep = np.linspace(0, len(self) - 1, limit).astype(int)
        return Pictures(self.crops[keep], self.points[keep], self.weight[keep])


class FlippedPictures(Dataset[dict[str, Tensor]]):
    """Pictures, each mirrored with probability `flip`; the random numbers hang on (seed, epoch, index)."""

    def __init__(self, pictures: Pictures, order: Flips, flip: float, seed: int = 0) -> None:
        self.pictures, self.order, self.flip, self.seed = pictures, order, flip, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        pictures = self.pictures
        crop, points, weight = pictures.crops[index], pictures.points[index], pictures.weight[index]
        if self.flip and np.random.default_rng((self.seed, self.epoch, index)).random() < self.flip:
            crop, weight = np.ascontiguousarray(crop[:, ::-1]), weight[self.order]
            points = mirrored(points, self.order, crop.shape[1])
        return {
            "crop": torch.from_numpy(crop),
            "points": torch.from_numpy(points),
            "weight": torch.from_numpy(weight),
        }


def mirrored(points: Floats, order: Flips, width: int) -> Floats:
    """(..., K, 2) points of the mirrored picture, with their numbers swapped."""
    swapped = points[..., order, :].copy()
    swapped[..., 0] = width - 1 - swapped[..., 0]
    return swapped


def rough_crop(sample: Sample, size: float, jitter: float) -> CropBox:
    """A crop around the sample's points, `size` times their extent, and off by as much as a detector's is:
    a normal deviation of `jitter` extents for place, as much of the size, fixed by the sample's name."""
    middle = (np.nanmin(sample.points, axis=0) + np.nanmax(sample.points, axis=0)) / 2
    return crop_around(middle, face_extent(sample.points), size, jitter, sample.name)


def crop_around(middle: NDArray[np.floating], extent: float, size: float, jitter: float, name: str) -> CropBox:
    """A square of `size` extents around `middle`, moved and scaled by what the name says: see `rough_crop`."""
    off = np.random.default_rng(zlib.crc32(name.encode())).normal(0, jitter, 3).clip(-3 * jitter, 3 * jitter)
    x, y = middle + off[:2] * extent
    return CropBox(float(x), float(y), size * extent * float(np.exp(off[2])))


def predict(model: nn.Module, crops: Image, batch: int = 64) -> dict[str, NDArray[np.float32]]:
    """Run the network over (N, S, S, C) uint8 crops."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        parts = [model(part.to(device)) for part in torch.from_numpy(crops).split(batch)]
    return {name: torch.cat([part[name].float().cpu() for part in parts]).numpy() for name in parts[0]}
