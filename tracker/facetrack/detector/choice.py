"""A detector by its name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.detector import Detector

DETECTORS = ("own", "yunet", "mediapipe")


def make_detector(
    name: str, model: Path | None, threads: int, long_side_px: int, threshold: float = 0.5, engine: str = "onnx",
    provider: str = "cpu",
) -> Detector:  # fmt: skip
    """Build the detector of that name from its file; without one its maker's is fetched, unless it was before.

    long_side_px: of what own and yunet see; mediapipe sees 128 px always. threshold: lowest score of its boxes.
    engine, provider: what runs own; the others bring their runtimes. Raises FacetrackError for another name.
    """
    from facetrack.detector.cnn import DetectorOptions, bundled_detector

    file = detector_file(name, model)
    options = DetectorOptions(long_side_px, threshold)
    if file is None or name == "own":
        return bundled_detector(threads, long_side_px, engine, provider, threshold, model)
    if name == "yunet":
        from facetrack.detector.yunet import YunetDetector

        return YunetDetector(file, options)
    from facetrack.detector.mediapipe import MediaPipeDetector

    return MediaPipeDetector(file, threshold)


def detector_file(name: str, model: Path | None) -> Path | None:
    """Return the detector's file, fetched from its maker where it is theirs and none is named; None for the bundled.

    Raises FacetrackError for another name, and where the file cannot be had.
    """
    if name not in DETECTORS:
        raise FacetrackError(f"`detector` is {name!r}; expected one of {', '.join(DETECTORS)}")
    if name == "mediapipe":
        from facetrack.detector.mediapipe import need_package

        need_package()  # before a file is fetched for it
    if model is not None or name == "own":
        return model
    from facetrack.detector import mediapipe, yunet
    from facetrack.download import fetch

    return fetch({"yunet": yunet, "mediapipe": mediapipe}[name].FILE)
