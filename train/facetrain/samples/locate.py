"""Landmarks of face images without point labels, predicted by a landmark network."""

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
"""Side of the first crop, in image sides, for data sets without the 68 points: the share that their faces fill."""


class Locator:
    """Landmark localiser for tight face images, by a landmark network in torch.

    Images without a detected face are dropped from the result.
    """

    def __init__(self, network: LandmarkNet, margin: float) -> None:
        self.network, self.margin = network.eval(), margin

    def __call__(self, samples: list[Sample]) -> list[Sample]:
        crops = [first_crop(sample) for sample in samples]
        for _ in range(2):
            points, presence = self._predict(samples, crops)
            crops = [crop_from_points(p, self.margin) for p in points]
        weight = np.full(topology.N_POINTS, 0.5, np.float32)
        return [
            replace(sample, points=located, weight=weight, scheme=topology.SCHEME, visible=None)
            for sample, located, present in zip(samples, points, presence, strict=True)
            if present > MIN_PRESENCE
        ]

    def _predict(self, samples: list[Sample], crops: list[CropBox]) -> tuple[list[Floats], Floats]:
        side = self.network.options.input_px
        cropped = [cut(s.image, crop, side) for s, crop in zip(samples, crops, strict=True)]
        if not cropped:
            return [], np.zeros(0, np.float32)
        outputs = predict(self.network, np.stack(cropped))
        points = transform(outputs["points"], frame_matrices(crops, side))
        return list(points), (1 / (1 + np.exp(-outputs["presence"]))).astype(np.float32)


def first_crop(sample: Sample) -> CropBox:
    """Return the initial crop of a tight face image, centred."""
    height, width = sample.image.shape[:2]
    return CropBox((width - 1) / 2, (height - 1) / 2, FIRST_CROPS.get(sample.source, 0.8) * max(height, width))
