"""Where each kind of network wants to look: the crop that its recipe cut in training, so that a figure measured later
is the figure that the training printed."""

from __future__ import annotations

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_from_box, cut, frame_matrices, points_box, transform
from facetrack.landmarker import Landmarker, Reading
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrack.types import Image, Landmarks
from facetrain.augment.jittered_crop import BOX_JITTER, jittered_crop, jittered_square
from facetrain.formats.public.kaggle import FRAME_JITTER, FRAME_SIZE
from facetrain.sample import Sample, as_scheme, face_extent

CENTRE_CROP_EXTENT = 0.4
"""Extent of the five points in a picture whose points are unknown, in longer sides: as in `seeds.faces.TaskFaces`."""


def frame(spec: ModelSpec, sample: Sample, exact: bool = False) -> CropBox | None:
    """The crop of a labelled face; None where its points cannot place it.

    sample: in the 68 scheme if its own maps there. steady: the exact crop; otherwise those of the networks that the
    tracker does not take are as unsteady as their recipes' validation crops.
    """
    if spec.topology == topology_maps.KAGGLE_15:
        return _as_kaggle(sample, exact)
    scheme = topology_maps.FIVE if spec.topology == topology_maps.FIVE else topology.SCHEME
    if topology_maps.groups(sample.scheme, scheme) is None:
        return None
    sample = as_scheme(sample, scheme)
    if not np.isfinite(sample.points).all():
        return None
    if exact or fits_tracker(spec) or spec.kind == "expression":
        return crop_from_box(points_box(sample.points), spec.margin)
    return jittered_crop(sample, spec.margin, BOX_JITTER)


def _as_kaggle(sample: Sample, exact: bool) -> CropBox | None:
    """Kaggle's own pictures whole, other faces as `formats.public.kaggle` cuts them."""
    if sample.scheme == topology_maps.KAGGLE_15:
        return whole(sample.image)
    if sample.scheme != topology.SCHEME or not np.isfinite(sample.points).all():
        return None
    middle = as_scheme(sample, topology_maps.KAGGLE_15).points.mean(axis=0)
    jitter = 0.0 if exact else FRAME_JITTER
    return jittered_square(middle, face_extent(sample.points), FRAME_SIZE, jitter, sample.name)


def whole(image: Image, share: float = 1.0) -> CropBox:
    """The square around the picture's middle whose side is `share` of its longer one."""
    height, width = image.shape[:2]
    return CropBox((width - 1) / 2, (height - 1) / 2, share * max(height, width))


def centre_crop(spec: ModelSpec, image: Image) -> CropBox:
    """For attributes of a face without points: the picture's middle, as in training."""
    return whole(image, spec.margin * CENTRE_CROP_EXTENT)


def grey(image: Image) -> Image:
    """Without colour, still in three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


class PointNetwork:
    """Any network of points, called as the tracker's Landmarker is; what it does not say (sigma, presence) is NaN.

    Raises ModelFileError for a network without points.
    """

    def __init__(self, engine: OnnxEngine) -> None:
        spec = engine.spec
        if "points" not in spec.outputs or spec.input_px is None:
            raise ModelFileError(
                f"network '{spec.name}' gives {', '.join(spec.outputs)}; expected one that gives points"
            )
        self.spec, self.margin, self._engine, self._input_px = spec, spec.margin, engine, spec.input_px

    def __call__(self, image: Image, crops: list[CropBox]) -> list[Reading]:
        """One Reading for each crop; its points, (K, 2) full-frame px, are in the network's own scheme."""
        pictures = [cut(image, crop, self._input_px) for crop in crops]
        if self.spec.topology == topology_maps.KAGGLE_15:
            pictures = [grey(picture) for picture in pictures]
        found = self._engine(np.stack(pictures))["points"]
        points = transform(found, frame_matrices(crops, self._input_px))
        unknown = np.full(found.shape[1], np.nan, np.float32)
        return [Reading(Landmarks(of_one, unknown), float("nan")) for of_one in points]


PointReader = Landmarker | PointNetwork


def open_points(engine: OnnxEngine) -> PointReader:
    """The tracker's own Landmarker where it takes the network, so that what is measured is what runs."""
    return Landmarker(engine) if fits_tracker(engine.spec) else PointNetwork(engine)
