"""Crops for each kind of network, as cut by its training recipe, so that the metrics equal those of the training."""

from __future__ import annotations

import numpy as np

from facetrack import topology, topology_maps
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import ModelFileError
from facetrack.geometry import CropBox, crop_from_box, cut, frame_matrices, points_box, transform
from facetrack.landmarker import Landmarker, Reading
from facetrack.modelfile import ModelSpec, fits_tracker
from facetrack.types import Image, Landmarks
from facetrain.augment.jittered_crop import BOX_JITTER, jittered_crop, jittered_square
from facetrain.augment.webcam import grey
from facetrain.formats.public.kaggle import FRAME_JITTER, FRAME_SIZE
from facetrain.sample import Sample, as_scheme, face_extent

CENTRE_CROP_EXTENT = 0.4
"""Extent assumed for the five points if they are unknown, in longer sides of the image (`seeds.faces.TaskFaces`)."""


def frame(spec: ModelSpec, sample: Sample, exact: bool = False) -> CropBox | None:
    """Return the crop of a labelled face; None if its points do not determine it.

    sample: its points must map to the 68 points, or to the five or Kaggle's 15 points for networks of these
    exact: without jitter; otherwise crops for networks that the tracker cannot use are jittered like the validation
        crops of their recipes
    """
    if spec.topology == topology_maps.KAGGLE_15:
        return _kaggle_crop(sample, exact)
    scheme = topology_maps.FIVE if spec.topology == topology_maps.FIVE else topology.SCHEME
    if topology_maps.groups(sample.scheme, scheme) is None:
        return None
    sample = as_scheme(sample, scheme)
    if not np.isfinite(sample.points).all():
        return None
    if exact or fits_tracker(spec) or spec.kind == "expression":
        return crop_from_box(points_box(sample.points), spec.margin)
    return jittered_crop(sample, spec.margin, BOX_JITTER)


def _kaggle_crop(sample: Sample, exact: bool) -> CropBox | None:
    """Return the whole image for Kaggle's own images, for other faces the crop of `formats.public.kaggle`."""
    if sample.scheme == topology_maps.KAGGLE_15:
        return centre_square(sample.image)
    if sample.scheme != topology.SCHEME or not np.isfinite(sample.points).all():
        return None
    centre = as_scheme(sample, topology_maps.KAGGLE_15).points.mean(axis=0)
    jitter = 0.0 if exact else FRAME_JITTER
    return jittered_square(centre, face_extent(sample.points), FRAME_SIZE, jitter, sample.name)


def centre_square(image: Image, share: float = 1.0) -> CropBox:
    """Return the square around the image's centre whose side is `share` of the longer side."""
    height, width = image.shape[:2]
    return CropBox((width - 1) / 2, (height - 1) / 2, share * max(height, width))


def centre_crop(spec: ModelSpec, image: Image) -> CropBox:
    """Return the centre crop for attributes of a face without points, as in training."""
    return centre_square(image, spec.margin * CENTRE_CROP_EXTENT)


class PointNetwork:
    """Landmark network with the interface of the tracker's Landmarker; missing outputs (sigma, presence) are NaN.

    Raises ModelFileError for a network without points.
    """

    def __init__(self, engine: OnnxEngine) -> None:
        spec = engine.spec
        if "points" not in spec.outputs or spec.input_px is None:
            raise ModelFileError(
                f"network '{spec.name}' has the outputs {', '.join(spec.outputs)}; expected a network with points"
            )
        self.spec, self.margin, self._engine, self._input_px = spec, spec.margin, engine, spec.input_px

    def __call__(self, image: Image, crops: list[CropBox]) -> list[Reading]:
        """Return one Reading per crop; its points, (K, 2) px of the image, are in the network's own scheme."""
        inputs = [cut(image, crop, self._input_px) for crop in crops]
        if self.spec.topology == topology_maps.KAGGLE_15:
            inputs = [grey(crop_image) for crop_image in inputs]
        predicted = self._engine(np.stack(inputs))["points"]
        points = transform(predicted, frame_matrices(crops, self._input_px))
        unknown = np.full(predicted.shape[1], np.nan, np.float32)
        return [Reading(Landmarks(face_points, unknown), float("nan")) for face_points in points]


PointReader = Landmarker | PointNetwork


def open_points(engine: OnnxEngine) -> PointReader:
    """Return the tracker's Landmarker if it can use the network, so that the code in use is measured."""
    return Landmarker(engine) if fits_tracker(engine.spec) else PointNetwork(engine)
