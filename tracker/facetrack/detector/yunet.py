"""YuNet (Wu, Peng and Yu, Machine Intelligence Research 20, 2023) through OpenCV: cv2.FaceDetectorYN."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facetrack.detector.cnn import DetectorOptions, letterbox
from facetrack.download import VendorFile
from facetrack.errors import ModelFileError
from facetrack.geometry import below_forehead
from facetrack.types import Detections, Floats, Image

FILE = VendorFile(
    "face_detection_yunet_2026may.onnx",
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98/"
    "models/face_detection_yunet/face_detection_yunet_2026may.onnx",
    "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
)
"""OpenCV Zoo's default (MIT), the one with inputs of any size, which OpenCV 5 needs. The repository keeps it in Git
LFS: its raw.githubusercontent.com address gives a pointer instead. The sum is of the file at hand, which is the one
that other projects state for this address; it was not fetched from there here."""
VENDOR_THRESHOLD = 0.9
"""FaceDetectorYN's own default. It leaves out faces that a landmarker could confirm, so `DetectorOptions`' serves."""
STRIDE = 32
"""The picture's sides must be multiples of it."""


class YunetDetector:
    """Call it with (H, W, 3) uint8 BGR of any size; it returns every face's box, score and five points in that
    picture's px. The boxes, which YuNet draws from the hairline to the chin, are brought to facetrack's convention.

    model: face_detection_yunet_2026may.onnx. Raises ModelFileError where it is missing or is no such file.
    """

    def __init__(self, model: Path, options: DetectorOptions | None = None) -> None:
        self.options = options or DetectorOptions()
        self.path = model
        if not model.is_file():
            raise ModelFileError(f"{model} does not exist; give --detector-model the path of {FILE.name}")
        try:
            self._network = _open(model, self.options)
            self(np.zeros((STRIDE, STRIDE, 3), np.uint8))  # another network only fails when it is run
        except cv2.error as error:
            reason = str(error.err).splitlines()[0]
            raise ModelFileError(f"{model} is no YuNet that OpenCV can run ({reason}); expected {FILE.name}") from error

    def __call__(self, image: Image) -> Detections:
        batch, ratio = letterbox(image, self.options.long_side_px, STRIDE)
        self._network.setInputSize(batch.shape[2:0:-1])
        found = self._network.detect(batch[0])[1]
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1).reshape(-1, 2, 2)
        points = (np.concatenate([corners, rows[:, 4:14].reshape(-1, 5, 2)], axis=1) + 0.5) / ratio - 0.5
        both: Floats = points.astype(np.float32)
        keypoints = both[:, 2:]
        return Detections(below_forehead(both[:, :2].reshape(-1, 4), eye_roll(keypoints)), rows[:, 14], keypoints)


def _open(model: Path, options: DetectorOptions) -> cv2.FaceDetectorYN:
    """OpenCV 5 warns of a setting that FaceDetectorYN itself makes: not while this opens."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.FaceDetectorYN.create(str(model), "", (STRIDE, STRIDE), options.threshold, options.nms_iou)
    finally:
        cv2.utils.logging.setLogLevel(level)


def eye_roll(keypoints: Floats) -> Floats:
    """(N, K, 2) keypoints, the right eye and the left first -> (N,) radians by which the head is turned clockwise."""
    across = keypoints[:, 1] - keypoints[:, 0]
    roll: Floats = np.arctan2(across[:, 1], across[:, 0]).astype(np.float32)
    return roll
