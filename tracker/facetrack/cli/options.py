"""Options shared by several commands, and their conversion to option objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from facetrack.errors import FacetrackError
from facetrack.tracking.build import make_tracker, tracker_options

if TYPE_CHECKING:
    from facetrack.signals import SignalOptions
    from facetrack.signals.head.attention import AttentionOptions
    from facetrack.sinks.inputs import Inputs
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.tracking.tracker import FaceTracker

Model = Annotated[
    Path | None, typer.Option(help="A landmark network (.onnx), or a bundled one's name, instead of the default.")
]
DetectorName = Annotated[
    str, typer.Option("--detector", help="Face detector: own (bundled), yunet or mediapipe (downloaded once).")
]
DetectorModel = Annotated[Path | None, typer.Option(help="Detector file instead of the bundled or downloaded one.")]
Smooth = Annotated[str, typer.Option(help="Temporal smoothing: off, low, medium or high.")]
MaxFaces = Annotated[int, typer.Option(min=1, help="Maximum number of tracked faces.")]
Priority = Annotated[str, typer.Option(help="Faces to prefer if there are more: largest or central.")]
Threads = Annotated[int, typer.Option(min=1, max=64, help="CPU threads of the networks.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="Inference engine: onnx, openvino, torch, tensorrt, or auto (the fastest).")
]
Provider = Annotated[str, typer.Option(help="Execution provider of onnx (cpu, cuda, tensorrt) and torch (cpu, cuda).")]
Json = Annotated[
    str | None, typer.Option("--json", help="Output file of one JSON object per frame; - is standard output.")
]
Csv = Annotated[Path | None, typer.Option("--csv", help="Output file of one row per face and frame.")]
CsvStyle = Annotated[str, typer.Option("--csv-style", help="Columns of --csv: facetrack or openface.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Also replace files whose names were not given but chosen by the command.")
]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", help="A person's profile by `facetrack calibrate`; applied to all faces."),
]
FatigueFile = Annotated[
    Path | None, typer.Option("--fatigue-weights", help="Weights of the fatigue score: a TOML file like the bundled.")
]
TargetZone = Annotated[
    str | None,
    typer.Option(
        help="Target of the gaze: screen (the default), desk (reading is on target) or driver (a look down of 2 s is a "
        "distraction); or YAW,PITCH: limits in degrees around straight ahead."
    ),
]
Fov = Annotated[
    float | None,
    typer.Option(
        "--fov",
        min=1.0,
        max=170.0,
        help="The camera's horizontal field of view: degrees across the picture's width; left out, the profile's, or "
        "60 across the longer side.",
    ),
]
ShowExpressions = Annotated[
    bool,
    typer.Option("--expressions", help="Also estimate which of seven expressions each face shows; not emotions felt."),
]


@dataclass(frozen=True, slots=True)
class Tracking:
    """The options of a tracker, with the defaults of every command that takes them (`takes_tracking`)."""

    model: Model = None
    detector: DetectorName = "own"
    detector_model: DetectorModel = None
    smooth: Smooth = "medium"
    max_faces: MaxFaces = 16
    priority: Priority = "largest"
    threads: Threads = 1
    engine: EngineName = "auto"
    provider: Provider = "cpu"
    profile: ProfileFile = None
    fatigue_weights: FatigueFile = None
    target_zone: TargetZone = None
    fov: Fov = None
    expressions: ShowExpressions = False

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Files that are read, which no output may replace."""
        return self.model, self.detector_model, self.profile, self.fatigue_weights

    def options(self, **options: Any) -> TrackerOptions:
        """Return the tracker's options. options: further ones. Raises FacetrackError for a bad value."""
        signals = signal_options(self.profile, self.fatigue_weights, self.target_zone)
        values = {"smoothing": self.smooth, "max_faces": self.max_faces, "priority": self.priority, "signals": signals}
        return tracker_options(fov_deg=self.fov, **(values | options))

    def tracker(self, detector_px: int = 320, **options: Any) -> FaceTracker:
        """Build the tracker. options: further ones of `TrackerOptions`. Raises FacetrackError for a bad value."""
        return make_tracker(
            self.model, self.options(**options), self.threads, detector_px,
            self.detector, self.detector_model, self.engine, self.provider, self.expressions,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Records:
    """The records that a run writes."""

    json: Json = None
    csv: Csv = None
    csv_style: CsvStyle = "facetrack"

    @property
    def files(self) -> tuple[str | Path | None, ...]:
        """Targets that were named."""
        return self.json, self.csv

    def open(self, inputs: Inputs, live: bool = False) -> Iterator[tuple[str, RecordSink]]:
        """Open the records that were asked for, one after the other, each with its name.

        inputs: files that none may replace. live: the files grow in their places.
        """
        from facetrack.sinks import JsonLinesSink
        from facetrack.sinks.tables import csv_sink

        if self.json is not None:
            name = "standard output" if self.json == "-" else self.json
            yield name, JsonLinesSink(self.json, source=inputs, live=live)
        if self.csv is not None:
            yield str(self.csv), csv_sink(self.csv_style)(self.csv, source=inputs, live=live)


def takes_tracking(*names: str, **defaults: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's parameter `tracking` by the options of `Tracking`, each a parameter of its own.

    names: the options that the command takes, all of them if none is given. defaults: those that differ here.
    """
    return takes("tracking", Tracking, *names, **defaults)


def takes(
    parameter: str, group: type, *names: str, **defaults: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a parameter of a command by the options of a dataclass, each a parameter of its own.

    parameter: its name. group: the dataclass, whose fields are annotated options with defaults. names: the options that
    the command takes, all of them if none is given. defaults: those that differ here.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(group, include_extras=True)
        usual = {item.name: item.default for item in fields(group)} | defaults
        taken = [name for name in usual if not names or name in names]
        spliced = [
            Parameter(name, Parameter.KEYWORD_ONLY, default=usual[name], annotation=hints[name]) for name in taken
        ]
        own = [
            found.replace(kind=Parameter.KEYWORD_ONLY)
            for name, found in signature(command, eval_str=True).parameters.items()
            if name != parameter
        ]

        @wraps(command)
        def run(**values: Any) -> None:
            options = group(**(defaults | {name: values.pop(name) for name in taken}))
            command(**{parameter: options}, **values)

        run.__signature__ = Signature([*own, *spliced])  # type: ignore[attr-defined]
        run.__annotations__ = {found.name: found.annotation for found in (*own, *spliced)}
        return run

    return decorate


def signal_options(
    profile: Path | None = None, fatigue_weights: Path | None = None, target_zone: str | None = None
) -> SignalOptions:
    """Return the options of the signals. Raises SettingsError for a bad file, FacetrackError for a bad zone."""
    from facetrack.signals import FatigueWeights, Profile, SignalOptions
    from facetrack.signals.profile import NO_PROFILE

    return SignalOptions(
        profile=NO_PROFILE if profile is None else Profile.load(profile),
        fatigue_weights=FatigueWeights.load(fatigue_weights),
        attention=_zone("screen" if target_zone is None else target_zone),
    )


def _zone(text: str) -> AttentionOptions:
    """Look up a zone's name, or parse "20,15" to 20 degrees to either side and 15 up and down."""
    from facetrack.signals.head.attention import ZONES, AttentionOptions

    if text in ZONES:
        return ZONES[text]
    try:
        yaw_deg, pitch_deg = (float(part) for part in text.split(","))
    except ValueError:
        yaw_deg = pitch_deg = 0.0
    if not (0.0 < yaw_deg <= 90.0 and 0.0 < pitch_deg <= 90.0):
        raise FacetrackError(
            f"--target-zone is '{text}'; expected {', '.join(ZONES)}, or two angles up to 90 degrees, such as 20,15"
        )
    return AttentionOptions((-yaw_deg, yaw_deg), (-pitch_deg, pitch_deg))
