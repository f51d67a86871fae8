"""Whatever finds the 68 points of a face, asked in one way so that robustness is measured alike: facetrack's networks
behind its detector, and as a peer MediaPipe's mesh behind its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.capture.closing import ClosesItself
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
from facetrain.evaluation.landmarks.corruptions import Move
from facetrain.evaluation.landmarks.measure import match_labelled_face
from facetrain.labelling.self_label import face_frame, scheme_offset
from facetrain.sample import Sample

CONTEXT = 2.2
"""Side of what MediaPipe is shown of a face whose box is moved, over the face's longer side. Its mesh looks at 1.5
sides, 1.25 times as large and moved by .15 at most; the less there is around, the fewer other faces it may take."""
LONG_S = 1e6
"""Time between two of its pictures: its smoothing over time, which cannot be turned off for one face, forgets them."""

Result = TypeVar("Result")


class Method(Protocol):
    """Points of the labelled face, (68, 2) px of the sample's picture; None where the face is missed."""

    def predict(self, sample: Sample) -> Floats | None:
        """Through its own detector."""

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        """Through the exact box, moved."""


class LastCallCache:
    """Calls the function again only for other arguments than last time's: entrants that share a detector or a mesh
    ask it the same, one after the other. Arguments are told apart by identity."""

    def __init__(self, function: Callable[..., Result]) -> None:
        self._function = function
        self._last: tuple[tuple[object, ...], Any] | None = None

    def __call__(self, *arguments: object) -> Any:
        last = self._last
        if last is None or any(a is not b for a, b in zip(last[0], arguments, strict=True)):
            last = self._last = (arguments, self._function(*arguments))
        return last[1]


class CachedDetector:
    """A detector that several networks ask of the same picture."""

    def __init__(self, detector: Detector) -> None:
        self._last = LastCallCache(detector)

    def __call__(self, image: Image) -> Detections:
        found: Detections = self._last(image)
        return found


class CachedMethod:
    """An method that is asked by several others."""

    def __init__(self, method: Method) -> None:
        self.predict = LastCallCache(method.predict)
        self.predict_shifted = LastCallCache(method.predict_shifted)


class NetworkMethod:
    """A landmark network behind a detector."""

    def __init__(self, landmarker: Landmarker, detector: Detector) -> None:
        self._landmarker, self._detector = landmarker, detector

    def predict(self, sample: Sample) -> Floats | None:
        found = self._detector(sample.image)
        index = match_labelled_face(found, sample)
        if index is None:
            return None
        return self._read(sample.image, crop_from_detection(*found.face(index), self._landmarker.margin))

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        exact = crop_from_box(points_box(sample.points), 1.0)
        side = self._landmarker.margin * exact.size_px * move.scale
        crop = CropBox(exact.x + move.x * exact.size_px, exact.y + move.y * exact.size_px, side)
        return self._read(sample.image, crop)

    def _read(self, image: Image, crop: CropBox) -> Floats:
        return self._landmarker(image, [crop])[0].landmarks.points


class MediaPipeMethod(ClosesItself):
    """MediaPipe's FaceLandmarker, 478 points averaged into the 68, behind its own detector.

    It takes no box. In a video, however, it looks where the frame before had the face; so for a moved box it is shown
    two frames: the face moved and scaled, and then the face in its place, which it reads through the moved region. An
    empty frame before them makes it forget the last face. model: face_landmarker.task. Raises ModelFileError where that
    is missing or no such file, MissingExtraError without the package.
    """

    def __init__(self, model: Path) -> None:
        if not model.is_file():
            raise ModelFileError(
                f"{model} does not exist; give the path of MediaPipe's face_landmarker.task, which is not bundled"
            )
        self._pictures = MediaPipeMesh(model)
        self._video = MediaPipeMesh(model, max_faces=1, video=True)
        self.title = self._pictures.title
        self._time_s = 0.0

    def close(self) -> None:
        """Let go of the networks."""
        self._pictures.close()
        self._video.close()

    def predict(self, sample: Sample) -> Floats | None:
        return select_labelled_mesh(self._pictures(sample.image), sample)

    def predict_shifted(self, sample: Sample, move: Move) -> Floats | None:
        exact = crop_from_box(points_box(sample.points), 1.0)
        out_px = round(CONTEXT * exact.size_px)
        plain = CropBox(exact.x, exact.y, CONTEXT * exact.size_px)
        # A crop to the left of the face and larger than it shows the face to the right and small.
        side = plain.size_px / move.scale
        x, y = plain.x - move.x * exact.size_px / move.scale, plain.y - move.y * exact.size_px / move.scale
        self._frame(np.zeros((out_px, out_px, 3), np.uint8))
        self._frame(cut(sample.image, CropBox(x, y, side), out_px))
        faces = self._frame(cut(sample.image, plain, out_px))
        return select_labelled_mesh(transform(faces, frame_matrices([plain], out_px)[0]), sample)

    def _frame(self, image: Image) -> Floats:
        """(N, 478, 2) px."""
        self._time_s += LONG_S
        return self._video(image, self._time_s)


def select_labelled_mesh(meshes: Floats, sample: Sample) -> Floats | None:
    """Which of (N, 478, 2) meshes is the labelled face's, as (68, 2) points."""
    if not len(meshes):
        return None
    points = topology_maps.convert(meshes, topology_maps.MESH_478, topology.SCHEME).astype(np.float32)
    index = match_labelled_face(Detections(points_box(points), np.ones(len(points), np.float32), None), sample)
    return None if index is None else points[index]


class OffsetCorrected:
    """An method whose points are moved by the constant difference of its scheme from that of other labels.

    offset: (68, 2) in the face's frame, as from `median_offset`.
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
    """(68, 2) median of what the labels say beyond the method, in the face's frame that the method sees."""
    pairs = [(points, sample.points) for sample in samples if (points := method.predict(sample)) is not None]
    if not pairs:
        raise DataError(f"of the {len(samples)} faces to compare the schemes on, none was found; give others")
    return scheme_offset(pairs)
