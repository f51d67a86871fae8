"""MediaPipe's short-range face detector (BlazeFace, Bazarevsky et al., arXiv 1907.05047, 2019) in its Tasks API."""

from __future__ import annotations

import os
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.detector.yunet import eye_roll
from facetrack.download import VendorFile
from facetrack.errors import MissingExtraError, ModelFileError, first_line
from facetrack.types import Detections, Floats, Image

FILE = VendorFile(
    "blaze_face_short_range.tflite",
    "https://storage.googleapis.com/mediapipe-models/face_detector/blaze_face_short_range/float16/1/"
    "blaze_face_short_range.tflite",
    "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
)
"""Google's model (Apache-2.0), version 1.

The checksum is that of the local file, and the one that other projects state for this address; the file was not
downloaded from there in this project.
"""
WIDTH, HEIGHT = 0.95, 0.92
DOWN = 0.048
GROWTH = 0.25
"""Conversion of the detector's square box to the extent of the 68 points, in sides of the box.

Means over helen_train at threshold .5, never helen_test. Upright (every second image, all 435 detected): .948 wide,
.919 high (standard deviations .08), centre .048 further down (.04). Rotated by 45 degrees either way (every fourth, all
436 detected): 1.17 wide and high, as the detector's box does not grow; that is 1.25 times the mean of the two.
"""


class MediaPipeDetector:
    """Detector: call it with (H, W, 3) uint8 BGR of any size to get boxes, scores and five keypoints in its px.

    The network's input is always 128x128 px, so it suits near faces only. The boxes are converted to facetrack's
    convention. MediaPipe's keypoints are the eyes, the nose, the mouth centre and the ears; the mouth corners of the
    result are NaN.

    model: blaze_face_short_range.tflite.
    threshold: lowest score, 0.5 as MediaPipe's own default.
    Raises MissingExtraError without the package mediapipe, ModelFileError if the file is missing or is no such network.
    """

    def __init__(self, model: Path, threshold: float = 0.5) -> None:
        mediapipe = need_package()
        self.path = model
        if not model.is_file():
            raise ModelFileError(f"{model} does not exist; give `detector_model` the path of {FILE.name}")
        self._mediapipe = mediapipe
        vision = mediapipe.tasks.vision
        options = vision.FaceDetectorOptions(
            base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(model)),
            running_mode=vision.RunningMode.IMAGE,
            min_detection_confidence=threshold,
        )
        try:
            with _quiet():
                self._network: Any = vision.FaceDetector.create_from_options(options)
                self(np.zeros((128, 128, 3), np.uint8))  # the first inference logs to standard error, too
        except (RuntimeError, ValueError, OSError) as error:
            raise ModelFileError(
                f"{model} is no face detector that MediaPipe can open ({first_line(error)}); expected {FILE.name}"
            ) from error
        weakref.finalize(self, _close, self._network)

    def __call__(self, image: Image) -> Detections:
        rgb = np.ascontiguousarray(image[..., ::-1])
        result = self._network.detect(self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb))
        faces = sorted(result.detections, key=lambda face: -face.categories[0].score)
        squares = np.array([_square(face.bounding_box) for face in faces], np.float32).reshape(-1, 4)
        scores = np.array([face.categories[0].score for face in faces], np.float32)
        shares = np.array([[(p.x, p.y) for p in face.keypoints] for face in faces], np.float32).reshape(-1, 6, 2)
        points = shares * np.array(image.shape[1::-1], np.float32) - np.float32(0.5)
        keypoints = np.full((len(faces), 5, 2), np.nan, np.float32)
        keypoints[:, :3] = points[:, :3]
        return Detections(extents(squares, eye_roll(points)), scores, keypoints)


def need_package() -> Any:
    """Import MediaPipe. Raises MissingExtraError if it is not installed."""
    try:
        with _quiet():
            import mediapipe
    except ImportError as error:
        raise MissingExtraError(
            "this detector needs the package mediapipe; install the extra: python -m pip install 'facetrack[mediapipe]'"
        ) from error
    return mediapipe


def extents(squares: Floats, roll_rad: Floats) -> Floats:
    """Convert MediaPipe's boxes to extents of the 68 points.

    squares: (N, 4) px.
    roll_rad: (N,) clockwise roll of each head.
    Returns (N, 4) px.
    """
    sides, centres = squares[:, 2:] - squares[:, :2], (squares[:, :2] + squares[:, 2:]) / 2
    sin, cos = np.sin(roll_rad), np.cos(roll_rad)
    grown = 1 + GROWTH * np.abs(np.sin(2 * roll_rad))
    width, height = WIDTH * cos**2 + HEIGHT * sin**2, HEIGHT * cos**2 + WIDTH * sin**2
    half = sides * np.stack([width * grown, height * grown], axis=1) / 2
    centres = centres + sides * DOWN * np.stack([-sin, cos], axis=1)
    return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)


def _square(box: Any) -> tuple[float, float, float, float]:
    """Convert a box in whole px from the image's edge to the pixel-centre convention."""
    x, y = box.origin_x - 0.5, box.origin_y - 0.5
    return x, y, x + box.width, y + box.height


def _close(network: Any) -> None:
    """Close the network. At interpreter shutdown MediaPipe's close() fails with a long message; it is suppressed."""
    try:
        with _quiet():
            network.close()
    except RuntimeError:
        network._handle = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Redirect file descriptor 2 away from standard error: MediaPipe's C++ logs there at any log level.

    Only while opening and closing; does nothing if descriptor 2 is not open.
    """
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    try:
        original = os.dup(2)
    except OSError:
        yield
        return
    try:
        with tempfile.TemporaryFile() as discarded:
            os.dup2(discarded.fileno(), 2)
            yield
    finally:
        os.dup2(original, 2)
        os.close(original)
