"""Landmarks of face pictures that have no point labels, by a landmark network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facetrack import topology
from facetrack.geometry import CropBox, crop_from_points, cut, frame_matrices, transform
from facetrack.types import Floats
from facetrain.models.landmarks import LandmarkNet
from facetrain.models.predict import predict
from facetrain.sample import Sample

MIN_PRESENCE = 0.5
FIRST_CROPS = {"genki4k": 1.0, "mtfl": 0.62}
"""Side of the first crop, in sides of the picture, of sets without the 68 points: their faces fill them so."""


class Locator:
    """Finds the 68 points in pictures that are a face and little else, by a landmark network in torch."""

    def __init__(self, network: LandmarkNet, margin: float) -> None:
        self.network, self.margin = network.eval(), margin

    def __call__(self, samples: list[Sample]) -> list[Sample]:
        crops = [first_crop(sample) for sample in samples]
        for _ in range(2):
            points, presence = self._read(samples, crops)
            crops = [crop_from_points(p, self.margin) for p in points]
        unsure = np.full(topology.N_POINTS, 0.5, np.float32)
        return [
            replace(sample, points=found, weight=unsure, scheme=topology.SCHEME, visible=None)
            for sample, found, present in zip(samples, points, presence, strict=True)
            if present > MIN_PRESENCE
        ]

    def _read(self, samples: list[Sample], crops: list[CropBox]) -> tuple[list[Floats], Floats]:
        side = self.network.options.input_px
        pictures = [cut(s.image, crop, side) for s, crop in zip(samples, crops, strict=True)]
        if not pictures:
            return [], np.zeros(0, np.float32)
        outputs = predict(self.network, np.stack(pictures))
        points = transform(outputs["points"], frame_matrices(crops, side))
        return list(points), (1 / (1 + np.exp(-outputs["presence"]))).astype(np.float32)


def first_crop(sample: Sample) -> CropBox:
    """Where a picture that is a face and little else shows it."""
    height, width = sample.image.shape[:2]
    return CropBox((width - 1) / 2, (height - 1) / 2, FIRST_CROPS.get(sample.source, 0.8) * max(height, width))
