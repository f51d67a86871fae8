"""Options shared by several commands, and their conversion to option objects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.signals import SignalOptions

Model = Annotated[Path | None, typer.Option(help="A landmark network (.onnx) instead of the bundled one.")]
DetectorName = Annotated[
    str, typer.Option("--detector", help="Face detector: own (bundled), yunet or mediapipe (downloaded once).")
]
DetectorModel = Annotated[Path | None, typer.Option(help="Detector file instead of the bundled or downloaded one.")]
Smooth = Annotated[str, typer.Option(help="Temporal smoothing: off, low, medium or high.")]
MaxFaces = Annotated[int, typer.Option(min=1, help="Maximum number of tracked faces.")]
Priority = Annotated[str, typer.Option(help="Faces to prefer if there are more: largest or central.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of the networks.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="Inference engine: onnx, openvino, torch, tensorrt, or auto (the fastest).")
]
Provider = Annotated[str, typer.Option(help="Execution provider of onnx (cpu, cuda, tensorrt) and torch (cpu, cuda).")]
Json = Annotated[
    str | None, typer.Option("--json", help="Output file of one JSON object per frame; - is standard output.")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Output file of one row per face and frame.")]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", help="A person's profile by `facetrack calibrate`; applied to all faces."),
]
FatigueFile = Annotated[
    Path | None, typer.Option("--fatigue-weights", help="Weights of the fatigue score: a TOML file like the bundled.")
]
TargetZone = Annotated[
    str | None,
    typer.Option(help="YAW,PITCH in degrees: limits of an on-target gaze around straight ahead; 20,15 by default."),
]
ShowExpressions = Annotated[
    bool,
    typer.Option("--expressions", help="Also estimate which of seven expressions each face shows; not emotions felt."),
]


def signal_options(
    profile: Path | None = None, fatigue_weights: Path | None = None, target_zone: str | None = None
) -> SignalOptions:
    """Return the options of the signals. Raises SettingsError for a bad file, FacetrackError for a bad zone."""
    from facetrack.signals import FatigueWeights, Profile, SignalOptions
    from facetrack.signals.head.attention import AttentionOptions
    from facetrack.signals.profile import NO_PROFILE

    return SignalOptions(
        profile=NO_PROFILE if profile is None else Profile.load(profile),
        fatigue_weights=FatigueWeights.load(fatigue_weights),
        attention=AttentionOptions() if target_zone is None else AttentionOptions(*_zone(target_zone)),
    )


def _zone(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Parse "20,15" to ((-20, 20), (-15, 15)) degrees."""
    try:
        yaw_deg, pitch_deg = (float(part) for part in text.split(","))
    except ValueError:
        yaw_deg = pitch_deg = 0.0
    if not (0.0 < yaw_deg <= 90.0 and 0.0 < pitch_deg <= 90.0):
        raise FacetrackError(f"--target-zone is '{text}'; expected two angles up to 90 degrees, such as 20,15")
    return (-yaw_deg, yaw_deg), (-pitch_deg, pitch_deg)
