"""Detectors that are compared: facetrack's, and as baselines YuNet and MediaPipe's short-range detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facetrack.detector import Detector, DetectorOptions
from facetrack.detector.cnn import CnnDetector
from facetrack.detector.mediapipe import FILE as MEDIAPIPE_FILE
from facetrack.detector.mediapipe import MediaPipeDetector
from facetrack.detector.yunet import FILE as YUNET_FILE
from facetrack.detector.yunet import VENDOR_THRESHOLD, YunetDetector
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError, MissingExtraError

YUNET, MEDIAPIPE = "YuNet", "MediaPipe"
DEFAULT_THRESHOLD = DetectorOptions().threshold


@dataclass(frozen=True, slots=True)
class DetectorMethod:
    """Detection method.

    make: function from the threshold to the detector
    default: default threshold of the detector's authors
    """

    name: str
    make: Callable[[float], Detector]
    default: float


def open_methods(models: list[Path], baselines: Path, side_px: int) -> tuple[list[DetectorMethod], list[str]]:
    """Open facetrack's detectors and the available baselines; also return a sentence for each missing baseline.

    models: files of facetrack's detectors
    baselines: folder of the baselines' model files; their packages must be installed
    side_px: longer side of the input of facetrack's detectors and of YuNet
    Raises DataError if two models have the same name, ModelFileError if one is no detector.
    """
    own = [DetectorMethod(_name(path), partial(_own, OnnxEngine(path), side_px), DEFAULT_THRESHOLD) for path in models]
    names = [method.name for method in own]
    if len({*names, YUNET, MEDIAPIPE}) < len(names) + 2:
        raise DataError(f"the detectors are called {', '.join(names)}; expected different names: rename a file")
    for method in own:
        method.make(method.default)  # raises if the model is no detector
    baseline_methods = [
        DetectorMethod(YUNET, partial(_yunet, baselines / YUNET_FILE.name, side_px), VENDOR_THRESHOLD),
        DetectorMethod(MEDIAPIPE, partial(_mediapipe, baselines / MEDIAPIPE_FILE.name), 0.5),
    ]
    left_out, present = [], []
    for method, name in zip(baseline_methods, (YUNET_FILE.name, MEDIAPIPE_FILE.name), strict=True):
        try:
            if not (baselines / name).is_file():
                left_out.append(f"{method.name} is left out: there is no {name} in the folder models beside the data")
                continue
            method.make(method.default)
            present.append(method)
        except MissingExtraError as error:
            left_out.append(f"{method.name} is left out: {error}")
    return [*own, *present], left_out


def _name(path: Path) -> str:
    """Return the file's stem, or for model.onnx the name of its run folder."""
    return path.resolve().parent.name if path.stem == "model" else path.stem


def _own(engine: OnnxEngine, side_px: int, threshold: float) -> Detector:
    return CnnDetector(engine, DetectorOptions(side_px, threshold))


def _yunet(model: Path, side_px: int, threshold: float) -> Detector:
    return YunetDetector(model, DetectorOptions(side_px, threshold))


def _mediapipe(model: Path, threshold: float) -> Detector:
    return MediaPipeDetector(model, threshold)
