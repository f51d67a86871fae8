"""YuNet (Wu, Peng and Yu, Machine Intelligence Research 20, 2023) through OpenCV: cv2.FaceDetectorYN."""

from __future__ import annotations

import threading
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
"""OpenCV Zoo's default model (MIT), the one with dynamic input size, which OpenCV 5 needs.

The repository stores it in Git LFS: its raw.githubusercontent.com address returns a pointer instead. The checksum is
that of the local file, and the one that other projects state for this address; the file was not downloaded from there
in this project.
"""
VENDOR_THRESHOLD = 0.9
"""FaceDetectorYN's own default, for comparisons; `DetectorOptions` is lower, as the landmarker confirms the faces."""
STRIDE = 32
"""Divisor of the input's sides."""


class YunetDetector:
    """Detector: call it with (H, W, 3) uint8 BGR of any size to get boxes, scores and five keypoints in its px.

    YuNet's boxes, from the hairline to the chin, are converted to facetrack's convention.

    model: face_detection_yunet_2026may.onnx. Raises ModelFileError if it is missing or is no such file.
    """

    def __init__(self, model: Path, options: DetectorOptions | None = None) -> None:
        self.options = options or DetectorOptions()
        self.path = model
        self._lock = threading.Lock()  # of the network's input size: trackers may share a detector
        if not model.is_file():
            raise ModelFileError(f"{model} does not exist; give `detector_model` the path of {FILE.name}")
        try:
            self._network = _open(model, self.options)
            self(np.zeros((STRIDE, STRIDE, 3), np.uint8))  # another kind of network only fails at inference
        except cv2.error as error:
            reason = str(error.err).splitlines()[0]
            raise ModelFileError(f"{model} is no YuNet that OpenCV can run ({reason}); expected {FILE.name}") from error

    def __call__(self, image: Image) -> Detections:
        batch, ratio = letterbox(image, self.options.long_side_px, STRIDE)
        with self._lock:
            self._network.setInputSize(batch.shape[2:0:-1])
            result = self._network.detect(batch[0])[1]
        # (N, 15): box x, y, width, height; five keypoints x y; score
        rows = np.zeros((0, 15), np.float32) if result is None else np.asarray(result, np.float32)
        rows = rows[np.argsort(-rows[:, 14], kind="stable")]
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1).reshape(-1, 2, 2)
        points = (np.concatenate([corners, rows[:, 4:14].reshape(-1, 5, 2)], axis=1) + 0.5) / ratio - 0.5
        corners_and_keypoints: Floats = points.astype(np.float32)
        boxes, keypoints = corners_and_keypoints[:, :2].reshape(-1, 4), corners_and_keypoints[:, 2:]
        return Detections(below_forehead(boxes, eye_roll(keypoints)), rows[:, 14], keypoints)


def _open(model: Path, options: DetectorOptions) -> cv2.FaceDetectorYN:
    """Open the network, silencing OpenCV 5's warning about a setting that FaceDetectorYN itself makes."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        return cv2.FaceDetectorYN.create(str(model), "", (STRIDE, STRIDE), options.threshold, options.nms_iou)
    finally:
        cv2.utils.logging.setLogLevel(level)


def eye_roll(keypoints: Floats) -> Floats:
    """Return the clockwise roll of each head, (N,) rad, from its eyes.

    keypoints: (N, K, 2) px, the right eye first, then the left.
    """
    between_eyes = keypoints[:, 1] - keypoints[:, 0]
    roll: Floats = np.arctan2(between_eyes[:, 1], between_eyes[:, 0]).astype(np.float32)
    return roll
