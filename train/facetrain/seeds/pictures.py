"""Images of one size with points, in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from facetrack.types import Floats, Image
from facetrain.augment.mirror import Flips, mirrored
from facetrain.samples.sampling import EpochItems


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Labelled images in memory.

    crops: (N, S, S, 3) uint8
    points: (N, K, 2) crop px, 0 where unknown
    weight: (N, K), 0 where unknown
    """

    crops: Image
    points: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.crops)

    def first(self, limit: int) -> Pictures:
        """Return at most `limit` evenly spaced images; all of them for 0."""
        if limit == 0 or limit >= len(self):
            return self
        keep = np.linspace(0, len(self) - 1, limit).astype(int)
        return Pictures(self.crops[keep], self.points[keep], self.weight[keep])


class FlippedPictures(EpochItems):
    """Data set of images, each mirrored with probability `flip`."""

    def __init__(self, pictures: Pictures, order: Flips, flip: float, seed: int = 0) -> None:
        super().__init__(len(pictures), seed)
        self.pictures, self.order, self.flip = pictures, order, flip

    def item(self, index: int, rng: np.random.Generator) -> dict[str, Tensor]:
        pictures = self.pictures
        crop, points, weight = pictures.crops[index], pictures.points[index], pictures.weight[index]
        if rng.random() < self.flip:
            crop, weight = np.ascontiguousarray(crop[:, ::-1]), weight[self.order]
            points = mirrored(points, self.order, crop.shape[1])
        return {
            "crop": torch.from_numpy(crop),
            "points": torch.from_numpy(points),
            "weight": torch.from_numpy(weight),
        }
