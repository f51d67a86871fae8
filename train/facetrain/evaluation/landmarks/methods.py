"""Landmark methods behind one interface, for robustness curves: our networks, and MediaPipe's mesh as baseline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facetrack import topology_maps
from facetrack.detector import Detector
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.errors import DataError, ModelFileError
from facetrack.geometry import (
    CropBox,
    crop_from_box,
    crop_from_detection,
    cut,
    frame_matrices,
    points_box,
    transform,
)
from facetrack.landmarker import Landmarker
from facetrack.types import Detections, Floats, Image
from facetrack.types.closing import ClosesItself
from facetrain.evaluation.landmarks.corruptions import Move
from facetrain.evaluation.landmarks.measure import match_labelled_face
from facetrain.labelling.self_label import face_frame, scheme_offset
from facetrain.sample import Sample

CONTEXT = 2.2
"""Side of MediaPipe's input for a shifted box, relative to the face's longer side.

Its mesh crops 1.5 sides, scaled by at most 1.25 and shifted by at most .15; less surroundings mean fewer other faces
that it may detect instead.
"""
LONG_S = 1e6
"""Time between two of MediaPipe's frames: resets its temporal smoothing, which cannot be disabled for one face."""

Result = TypeVar("Result")


class Method(Protocol):
    """Landmark method: predicts (68, 2) px of the labelled face in the sample's image; None if the face is missed."""

    def predict(self, sample: Sample) -> Floats | None:
        """Predict the landmarks with the method's own detector."""

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        """Predict the landmarks from the exact box, shifted and scaled."""


class LastCallCache:
    """Cache of a function's last result, for methods that share a detector or a mesh and are run on the same image.

    Arguments are compared by identity.
    """

    def __init__(self, function: Callable[..., Result]) -> None:
        self._function = function
        self._last: tuple[tuple[object, ...], Any] | None = None

    def __call__(self, *arguments: object) -> Any:
        last = self._last
        if last is None or any(a is not b for a, b in zip(last[0], arguments, strict=True)):
            last = self._last = (arguments, self._function(*arguments))
        return last[1]


class CachedDetector:
    """Detector shared by several networks; runs once on consecutive calls with the same image."""

    def __init__(self, detector: Detector) -> None:
        self._last = LastCallCache(detector)

    def __call__(self, image: Image) -> Detections:
        detections: Detections = self._last(image)
        return detections


class CachedMethod:
    """Method shared by several others; runs once on consecutive calls with the same arguments."""

    def __init__(self, method: Method) -> None:
        self.predict = LastCallCache(method.predict)
        self.predict_shifted = LastCallCache(method.predict_shifted)


class NetworkMethod:
    """Landmark network with a detector."""

    def __init__(self, landmarker: Landmarker, detector: Detector) -> None:
        self._landmarker, self._detector = landmarker, detector

    def predict(self, sample: Sample) -> Floats | None:
        detections = self._detector(sample.image)
        index = match_labelled_face(detections, sample)
        if index is None:
            return None
        return self._landmarks(sample.image, crop_from_detection(*detections.face(index), self._landmarker.margin))

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        exact = crop_from_box(points_box(sample.points), 1.0)
        side = self._landmarker.margin * exact.size_px * move.scale
        crop = CropBox(exact.x + move.x * exact.size_px, exact.y + move.y * exact.size_px, side)
        return self._landmarks(sample.image, crop)

    def _landmarks(self, image: Image, crop: CropBox) -> Floats:
        return self._landmarker(image, [crop])[0].landmarks.points


class MediaPipeMethod(ClosesItself):
    """MediaPipe's FaceLandmarker with its own detector, 478 points averaged into the 68.

    It accepts no box. In video mode, however, it crops the region of the face in the frame before; so for a shifted box
    it gets two frames: the face shifted and scaled, and then the face in its place, which it crops with the shifted
    region. An empty frame before them resets its tracking.

    model: face_landmarker.task
    Raises ModelFileError if the file is missing or no such model, MissingExtraError without the package.
    """

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise ModelFileError(
                f"{model} does not exist; give the path of MediaPipe's face_landmarker.task, which is not bundled"
            )
        self._still = MediaPipeMesh(model)
        self._video = MediaPipeMesh(model, max_faces=1, video=True)
        self.title = self._still.title
        self._time_s = 0.0

    def close(self) -> None:
        """Close the networks."""
        self._still.close()
        self._video.close()

    def predict(self, sample: Sample) -> Floats | None:
        return select_labelled_mesh(self._still(sample.image), sample)

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        exact = crop_from_box(points_box(sample.points), 1.0)
        out_px = round(CONTEXT * exact.size_px)
        plain = CropBox(exact.x, exact.y, CONTEXT * exact.size_px)
        # The inverse move of the crop: in a larger crop shifted to the left, the face is smaller and to the right.
        side = plain.size_px / move.scale
        x, y = plain.x - move.x * exact.size_px / move.scale, plain.y - move.y * exact.size_px / move.scale
        self._frame(np.zeros((out_px, out_px, 3), np.uint8))
        self._frame(cut(sample.image, CropBox(x, y, side), out_px))
        faces = self._frame(cut(sample.image, plain, out_px))
        return select_labelled_mesh(transform(faces, frame_matrices([plain], out_px)[0]), sample)

    def _frame(self, image: Image) -> Floats:
        """Return the (N, 478, 2) meshes of the next video frame, px."""
        self._time_s += LONG_S
        return self._video(image, self._time_s)


def select_labelled_mesh(meshes: Floats, sample: Sample) -> Floats | None:
    """Return the mesh of the labelled face among (N, 478, 2) meshes as (68, 2) points; None if there is none."""
    if not len(meshes):
        return None
    points = topology_maps.mesh_to_68(meshes)
    index = match_labelled_face(Detections(points_box(points), np.ones(len(points), np.float32), None), sample)
    return None if index is None else points[index]


class OffsetCorrected:
    """Method whose predictions are corrected by the constant offset between its scheme and that of the labels.

    offset: (68, 2) in the face's frame, from `median_offset`
    """

    def __init__(self, method: Method, offset: NDArray[np.float64]) -> None:
        self._method, self._offset = method, offset

    def predict(self, sample: Sample) -> Floats | None:
        return self._corrected(self._method.predict(sample))

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        return self._corrected(self._method.predict_shifted(sample, move))

    def _corrected(self, points: Floats | None) -> Floats | None:
        return None if points is None else (points + self._offset @ face_frame(points)[1]).astype(np.float32)


def median_offset(method: Method, samples: list[Sample]) -> NDArray[np.float64]:
    """Return the (68, 2) median difference of labels and predictions, in the frame of the predicted face.

    Raises DataError if no face is detected.
    """
    pairs = [(points, sample.points) for sample in samples if (points := method.predict(sample)) is not None]
    if not pairs:
        raise DataError(f"of the {len(samples)} faces to compare the schemes on, none was detected; give others")
    return scheme_offset(pairs)
