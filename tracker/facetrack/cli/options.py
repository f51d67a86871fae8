"""Options that several commands share, and what they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.detector import Detector
    from facetrack.gates import TrackerOptions
    from facetrack.tracker import FaceTracker

Model = Annotated[Path | None, typer.Option(help="A landmark network (.onnx) instead of the bundled one.")]
DETECTORS = ("own", "yunet", "mediapipe")
DetectorName = Annotated[
    str, typer.Option("--detector", help="What finds the faces: own (bundled), yunet or mediapipe (fetched once).")
]
DetectorModel = Annotated[Path | None, typer.Option(help="The detector's file, instead of the bundled or fetched one.")]
Smooth = Annotated[str, typer.Option(help="How much to smooth over time: off, low, medium or high.")]
MaxFaces = Annotated[int, typer.Option(min=1, help="Follow at most this many faces.")]
Priority = Annotated[str, typer.Option(help="Which faces, if there are more: largest or central.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads of the networks.")]
Json = Annotated[str | None, typer.Option("--json", help="Write one JSON object per frame here; - is standard output.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write one row per face and frame here.")]


def tracker_options(**values: Any) -> TrackerOptions:
    """`TrackerOptions` from what was typed. Raises FacetrackError for a value that it does not take."""
    from facetrack.gates import TrackerOptions

    try:
        return TrackerOptions(**values)
    except ValueError as error:
        raise FacetrackError(str(error)) from error


def make_tracker(
    model: Path | None, options: TrackerOptions, threads: int, detector_px: int = 320,
    detector: str = "own", detector_model: Path | None = None,
) -> FaceTracker:  # fmt: skip
    """A tracker as the options ask for it."""
    from facetrack.tracker import FaceTracker

    chosen = None
    if detector != "own" or detector_model is not None:
        chosen = make_detector(detector, detector_model, threads, detector_px)
    tracker = FaceTracker.from_weights(model, options, threads, detector_px)
    tracker.detector = chosen or tracker.detector
    return tracker


def make_detector(name: str, model: Path | None, threads: int, long_side_px: int) -> Detector:
    """The detector of that name, from its file; without one its maker's is fetched, unless it was before.

    long_side_px: of what own and yunet see; mediapipe sees 128 px always. Raises FacetrackError for another name.
    """
    from facetrack.detector.cnn import CnnDetector, DetectorOptions

    if name == "own":
        from facetrack.engine.onnx import OnnxEngine
        from facetrack.modelfile import bundled_path

        return CnnDetector(OnnxEngine(model or bundled_path("detector"), threads), DetectorOptions(long_side_px))
    from facetrack.download import fetched

    if name == "yunet":
        from facetrack.detector import yunet

        return yunet.YunetDetector(model or fetched(yunet.FILE), DetectorOptions(long_side_px))
    if name == "mediapipe":
        from facetrack.detector import mediapipe

        mediapipe.need_package()  # before a file is fetched for it
        return mediapipe.MediaPipeDetector(model or fetched(mediapipe.FILE))
    raise FacetrackError(f"--detector is '{name}'; expected one of {', '.join(DETECTORS)}")
