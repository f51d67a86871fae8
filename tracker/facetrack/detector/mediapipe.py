"""MediaPipe's short-range face detector (BlazeFace, Bazarevsky et al., arXiv 1907.05047, 2019) through its Tasks."""

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
from facetrack.errors import MissingExtraError, ModelFileError
from facetrack.types import Detections, Floats, Image

FILE = VendorFile(
    "blaze_face_short_range.tflite",
    "https://storage.googleapis.com/mediapipe-models/face_detector/blaze_face_short_range/float16/1/"
    "blaze_face_short_range.tflite",
    "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
)
"""Google's (Apache-2.0), version 1. The sum is of the file at hand, which is the one that other projects state for this
address; it was not fetched from there here."""
WIDTH, HEIGHT = 0.95, 0.92
DOWN = 0.048
GROWTH = 0.25
"""From its square box to the extent of the 68 points, in sides of the box: means over helen_train at threshold .5,
never helen_test. Upright (every second picture, all 435 found): .948 wide, .919 high (standard deviations .08), its
middle .048 further down (.04). Turned by 45 degrees either way (every fourth, all 436 found): 1.17 wide and high, for
its own box does not grow; that is 1.25 times the mean of the two."""


class MediaPipeDetector:
    """Call it with (H, W, 3) uint8 BGR of any size; it returns every face's box, score and five points in that
    picture's px. Whatever the size, the network sees 128x128 px, so it is for faces that are near.

    The boxes are brought to facetrack's convention. It marks the eyes, the nose and the middle of the mouth (and the
    ears, which are not passed on): the corners of the mouth are NaN.
    model: blaze_face_short_range.tflite. threshold: least score, 0.5 as MediaPipe's own. Raises MissingExtraError
    without the package mediapipe, ModelFileError where the file is missing or is no such network.
    """

    def __init__(self, model: Path, threshold: float = 0.5) -> None:
        mediapipe = need_package()
        self.path = model
        if not model.is_file():
            raise ModelFileError(f"{model} does not exist; give --detector-model the path of {FILE.name}")
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
                self(np.zeros((128, 128, 3), np.uint8))  # it reports on its first picture, too
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise ModelFileError(
                f"{model} is no face detector that MediaPipe can open ({reason}); expected {FILE.name}"
            ) from error
        weakref.finalize(self, _close, self._network)

    def __call__(self, image: Image) -> Detections:
        rgb = np.ascontiguousarray(image[..., ::-1])
        found = self._network.detect(self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb))
        faces = sorted(found.detections, key=lambda face: -face.categories[0].score)
        squares = np.array([_square(face.bounding_box) for face in faces], np.float32).reshape(-1, 4)
        scores = np.array([face.categories[0].score for face in faces], np.float32)
        shares = np.array([[(p.x, p.y) for p in face.keypoints] for face in faces], np.float32).reshape(-1, 6, 2)
        points = shares * np.array(image.shape[1::-1], np.float32) - np.float32(0.5)
        keypoints = np.full((len(faces), 5, 2), np.nan, np.float32)
        keypoints[:, :3] = points[:, :3]
        return Detections(extents(squares, eye_roll(points)), scores, keypoints)


def need_package() -> Any:
    """MediaPipe's package. Raises MissingExtraError where it is not installed."""
    try:
        with _quiet():
            import mediapipe
    except ImportError as error:
        raise MissingExtraError(
            "this detector needs the package mediapipe; install the extra: python -m pip install 'facetrack[mediapipe]'"
        ) from error
    return mediapipe


def extents(squares: Floats, roll_rad: Floats) -> Floats:
    """(N, 4) boxes of MediaPipe and (N,) how far each head is turned clockwise -> the extents of the 68 points."""
    sides, middles = squares[:, 2:] - squares[:, :2], (squares[:, :2] + squares[:, 2:]) / 2
    sin, cos = np.sin(roll_rad), np.cos(roll_rad)
    grown = 1 + GROWTH * np.abs(np.sin(2 * roll_rad))
    width, height = WIDTH * cos**2 + HEIGHT * sin**2, HEIGHT * cos**2 + WIDTH * sin**2
    half = sides * np.stack([width * grown, height * grown], axis=1) / 2
    middles = middles + sides * DOWN * np.stack([-sin, cos], axis=1)
    return np.concatenate([middles - half, middles + half], axis=1).astype(np.float32)


def _square(box: Any) -> tuple[float, float, float, float]:
    """Whole px from the picture's edge -> pixel centres."""
    x, y = box.origin_x - 0.5, box.origin_y - 0.5
    return x, y, x + box.width, y + box.height


def _close(network: Any) -> None:
    """Let go of the network. At the interpreter's end MediaPipe can no longer close anything, and would say so at
    length: there the process's own end does it."""
    try:
        with _quiet():
            network.close()
    except RuntimeError:
        network._handle = None


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on standard error: MediaPipe's C++ reports there whatever level it is told to.

    For the short moments of opening and closing; where that is no real file, it is left as it is.
    """
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:
        yield
        return
    try:
        with tempfile.TemporaryFile() as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
