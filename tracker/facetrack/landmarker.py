"""Crops in, landmarks out: all faces of a frame in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facetrack import topology
from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_matrix, cut, invert, transform
from facetrack.types import Image, Landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the network says of one crop: the landmarks, if there is a face, and how sure it is that there is one
    (0..1)."""

    landmarks: Landmarks
    presence: float


class Landmarker:
    """Cuts each crop from the frame, runs the network once for all of them, and maps the points back.

    engine: a landmark network. Raises ModelFileError for any other kind or another scheme of points.
    """

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "landmarks" or spec.topology != topology.SCHEME or spec.input_px is None:
            raise ModelFileError(
                f"network '{spec.name}' is a {spec.kind} network with topology {spec.topology}; "
                f"expected a landmarks network with topology {topology.SCHEME}"
            )
        self.spec = spec
        self.margin = spec.margin
        self._engine = engine
        self._input_px = spec.input_px
        self._batch = np.empty((0, spec.input_px, spec.input_px, 3), np.uint8)

    def __call__(self, image: Image, crops: Sequence[CropBox]) -> list[Reading]:
        """image: (H, W, 3) uint8 BGR. One Reading for each crop, in order; points in full-frame px."""
        if not crops:
            return []
        if len(self._batch) < len(crops):
            self._batch = np.empty((len(crops), *self._batch.shape[1:]), np.uint8)
        batch = self._batch[: len(crops)]
        for crop, slot in zip(crops, batch, strict=True):
            cut(image, crop, self._input_px, out=slot)
        outputs = self._engine(batch)
        presence = 1 / (1 + np.exp(-outputs["presence"].astype(np.float64)))
        return [
            Reading(self._to_frame(points, sigma, crop), float(present))
            for points, sigma, present, crop in zip(outputs["points"], outputs["sigma"], presence, crops, strict=True)
        ]

    def _to_frame(self, points: np.ndarray, sigma: np.ndarray, crop: CropBox) -> Landmarks:
        back = invert(crop_matrix(crop, self._input_px))
        return Landmarks(transform(points, back), (sigma * crop.size_px / self._input_px).astype(np.float32))
