"""Options that several commands share, and what they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.detector import Detector
    from facetrack.gates import TrackerOptions
    from facetrack.signals import SignalOptions
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
EngineName = Annotated[
    str, typer.Option("--engine", help="What runs the networks: onnx, openvino, torch, tensorrt, or auto: the fastest.")
]
Provider = Annotated[str, typer.Option(help="Where onnx (cpu, cuda, tensorrt) and torch (cpu, cuda) compute.")]
Json = Annotated[str | None, typer.Option("--json", help="Write one JSON object per frame here; - is standard output.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write one row per face and frame here.")]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", help="A person's profile by `facetrack calibrate`; it is taken for everybody."),
]
FatigueFile = Annotated[
    Path | None, typer.Option("--fatigue-weights", help="What fatigue is made of: a TOML file like the bundled one.")
]
TargetZone = Annotated[
    str | None,
    typer.Option(help="YAW,PITCH: on target is a gaze within so many degrees of straight ahead; 20,15 if left out."),
]
ShowExpressions = Annotated[
    bool,
    typer.Option("--expressions", help="Also guess which of seven expressions each face shows; not what is felt."),
]


def tracker_options(**values: Any) -> TrackerOptions:
    """`TrackerOptions` from what was typed. Raises FacetrackError for a value that it does not take."""
    from facetrack.gates import TrackerOptions

    try:
        return TrackerOptions(**values)
    except ValueError as error:
        raise FacetrackError(str(error)) from error


def signal_options(
    profile: Path | None = None, fatigue_weights: Path | None = None, target_zone: str | None = None
) -> SignalOptions:
    """How the signals are told. Raises SettingsError for a bad file, FacetrackError for a bad zone."""
    from facetrack.signals import FatigueWeights, Profile, SignalOptions
    from facetrack.signals.attention import AttentionOptions
    from facetrack.signals.profile import NO_PROFILE

    return SignalOptions(
        profile=NO_PROFILE if profile is None else Profile.load(profile),
        fatigue_weights=FatigueWeights.load(fatigue_weights),
        attention=AttentionOptions() if target_zone is None else AttentionOptions(*_zone(target_zone)),
    )


def _zone(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """ "20,15" -> ((-20, 20), (-15, 15)) degrees."""
    try:
        yaw_deg, pitch_deg = (float(part) for part in text.split(","))
    except ValueError:
        yaw_deg = pitch_deg = 0.0
    if not (0.0 < yaw_deg <= 90.0 and 0.0 < pitch_deg <= 90.0):
        raise FacetrackError(f"--target-zone is '{text}'; expected two angles up to 90 degrees, such as 20,15")
    return (-yaw_deg, yaw_deg), (-pitch_deg, pitch_deg)


def make_tracker(
    model: Path | None, options: TrackerOptions, threads: int, detector_px: int = 320,
    detector: str = "own", detector_model: Path | None = None, engine: str = "onnx", provider: str = "cpu",
    expressions: bool = False,
) -> FaceTracker:  # fmt: skip
    """A tracker as the options ask for it. What `auto` chose is said on standard error, where there was a choice."""
    from facetrack.engine.choice import AUTO, check, started
    from facetrack.modelfile import bundled_path
    from facetrack.tracker import FaceTracker

    check(engine, provider)
    chosen = None
    if detector != "own" or detector_model is not None:
        chosen = make_detector(detector, detector_model, threads, detector_px)

    def start(name: str) -> FaceTracker:
        return FaceTracker.from_weights(model, options, threads, detector_px, name, provider, chosen, expressions)

    if engine != AUTO:
        return start(engine)
    # Decided for the landmark network, which runs in every frame.
    tracker, choice = started(model or bundled_path("landmarks68"), start, threads, provider)
    if choice.reason:
        typer.echo(f"engine: {choice.engine} ({choice.reason})", err=True)
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
