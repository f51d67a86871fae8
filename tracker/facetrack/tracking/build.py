"""Construction of a tracker and its detector from command-line values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.detector import Detector
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.tracking.tracker import FaceTracker

DETECTORS = ("own", "yunet", "mediapipe")


def tracker_options(*, fov_deg: float | None = None, **values: Any) -> TrackerOptions:
    """`TrackerOptions` from what was typed. Raises FacetrackError for a value that it does not take.

    fov_deg: horizontal field of view of the camera; None leaves it to the profile.
    """
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.types import CameraModel

    try:
        return TrackerOptions(camera=None if fov_deg is None else CameraModel(fov_deg=fov_deg), **values)
    except ValueError as error:
        raise FacetrackError(str(error)) from error


def make_tracker(
    model: Path | None, options: TrackerOptions, threads: int, detector_px: int = 320,
    detector: str = "own", detector_model: Path | None = None, engine: str = "onnx", provider: str = "cpu",
    expressions: bool = False,
) -> FaceTracker:  # fmt: skip
    """Build a tracker from command-line values. What `auto` chose is printed on standard error."""
    from facetrack.detector.search import HINT_SCORE
    from facetrack.engine.choice import AUTO, DEFAULT_NETWORK, check, start_automatically
    from facetrack.modelfile import network_path
    from facetrack.tracking.tracker import FaceTracker

    check(engine, provider)
    detector_model = detector_file(detector, detector_model)  # before `auto` tries engines

    def start(name: str, network: Path) -> FaceTracker:
        found = make_detector(detector, detector_model, threads, detector_px, HINT_SCORE, name, provider)
        return FaceTracker.from_weights(network, options, threads, detector_px, name, provider, found, expressions)

    if engine != AUTO:
        return start(engine, network_path(model or DEFAULT_NETWORK))
    tracker, choice = start_automatically(model, start, threads, provider)
    if choice.reason:
        file = "" if choice.path is None else f", {choice.path.stem}"
        print(f"engine: {choice.engine}{file} ({choice.reason})", file=sys.stderr)
    return tracker


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
        raise FacetrackError(f"--detector is '{name}'; expected one of {', '.join(DETECTORS)}")
    if name == "mediapipe":
        from facetrack.detector.mediapipe import need_package

        need_package()  # before a file is fetched for it
    if model is not None or name == "own":
        return model
    from facetrack.detector import mediapipe, yunet
    from facetrack.download import fetch

    return fetch({"yunet": yunet, "mediapipe": mediapipe}[name].FILE)
