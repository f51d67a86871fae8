"""A detector by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.detector import Detector

DETECTORS = ("own", "yunet", "mediapipe")


def make_detector(name: str, model: Path | None, threads: int, long_side_px: int, threshold: float = 0.5) -> Detector:
    """Build the detector of that name from its file; without one its maker's is fetched, unless it was before.

    long_side_px: of what own and yunet see; mediapipe sees 128 px always. threshold: lowest score of its boxes.
    Raises FacetrackError for another name.
    """
    from facetrack.detector.cnn import CnnDetector, DetectorOptions

    options = DetectorOptions(long_side_px, threshold)
    if name == "own":
        from facetrack.engine.onnx import OnnxEngine
        from facetrack.modelfile import bundled_path

        return CnnDetector(OnnxEngine(model or bundled_path("detector"), threads), options)
    from facetrack.download import fetch

    if name == "yunet":
        from facetrack.detector import yunet

        return yunet.YunetDetector(model or fetch(yunet.FILE), options)
    if name == "mediapipe":
        from facetrack.detector import mediapipe

        mediapipe.need_package()  # before a file is fetched for it
        return mediapipe.MediaPipeDetector(model or fetch(mediapipe.FILE), threshold)
    raise FacetrackError(f"`detector` is {name!r}; expected one of {', '.join(DETECTORS)}")
