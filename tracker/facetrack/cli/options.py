"""Options shared by several commands, and their conversion to option objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from facetrack.cli.shell.help import ENGINE, INPUT, OUTPUT, TRACKING
from facetrack.tracking.build import make_tracker, tracker_options

if TYPE_CHECKING:
    from facetrack.sinks.inputs import Inputs
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.gating import TrackerOptions
    from facetrack.tracking.tracker import FaceTracker


def tracking_option(*names: str, help: str, **more: Any) -> Any:
    """Declare an option of the panel Tracking."""
    return typer.Option(*names, help=help, rich_help_panel=TRACKING, **more)


def engine_option(*names: str, help: str, **more: Any) -> Any:
    """Declare an option of the panel Engine."""
    return typer.Option(*names, help=help, rich_help_panel=ENGINE, **more)


def output_option(*names: str, help: str, **more: Any) -> Any:
    """Declare an option of the panel Output."""
    return typer.Option(*names, help=help, rich_help_panel=OUTPUT, **more)


def input_option(*names: str, help: str, **more: Any) -> Any:
    """Declare an option of the panel Input."""
    return typer.Option(*names, help=help, rich_help_panel=INPUT, **more)


def words(*choices: str, several: bool = False) -> dict[str, Any]:
    """Return the metavar and the shell completion of an option that takes one of some words, or several of them."""
    return {"metavar": (",|" if several else "|").join(choices), "autocompletion": lambda: list(choices)}


def _network_names() -> list[str]:
    from facetrack.modelfile import bundled

    return [path.stem for path in bundled() if path.stem.startswith("landmarks")]


Model = Annotated[
    Path | None,
    tracking_option(
        "--model", help="Landmark network: a bundled one's name, such as landmarks68-large, or a file.",
        metavar="NAME|FILE", autocompletion=_network_names,
    ),
]  # fmt: skip
DetectorName = Annotated[
    str,
    tracking_option(
        "--detector", help="Face detector; yunet, mediapipe: downloaded once.", **words("own", "yunet", "mediapipe")
    ),
]
DetectorModel = Annotated[
    Path | None, tracking_option(help="Detector's file instead of the bundled or downloaded one.")
]
Smooth = Annotated[str, tracking_option(help="Temporal smoothing.", **words("off", "low", "medium", "high"))]
MaxFaces = Annotated[int, tracking_option(min=1, help="Most faces that are tracked.")]
Priority = Annotated[str, tracking_option(help="Faces to prefer if there are more.", **words("largest", "central"))]
Threads = Annotated[int, engine_option(min=1, max=64, help="CPU threads of the networks.")]
EngineName = Annotated[
    str,
    engine_option("--engine", help="Runtime.", **words("auto", "onnx", "openvino", "torch", "tensorrt")),
]
Provider = Annotated[
    str, engine_option(help="Of onnx and torch; tensorrt: onnx alone.", **words("cpu", "cuda", "tensorrt"))
]
Json = Annotated[
    str | None,
    output_option("--json", help="JSON lines, one object per frame; - is standard output.", metavar="FILE"),
]
Csv = Annotated[str | None, output_option("--csv", help="Table of one row per face and frame.", metavar="FILE")]
CsvStyle = Annotated[str, output_option("--csv-style", help="Columns of --csv.", **words("facetrack", "openface"))]
Events = Annotated[
    str | None, output_option("--events", help="Table of one row per event: blinks, yawns, glances.", metavar="FILE")
]
Overwrite = Annotated[
    bool, output_option("--overwrite", help="Also replace files whose names were not given but chosen by the command.")
]
ProfileFile = Annotated[
    Path | None, tracking_option("--profile", help="A person's profile by `facetrack calibrate`, for all faces.")
]
FatigueFile = Annotated[
    Path | None, tracking_option("--fatigue-weights", help="Weights of the fatigue score, a TOML file.")
]
TargetZone = Annotated[
    str | None,
    tracking_option(
        help="Target of the gaze [screen], or limits in degrees around straight ahead.",
        metavar="screen|desk|driver|YAW,PITCH",
        autocompletion=lambda: ["screen", "desk", "driver"],
    ),
]
Fov = Annotated[
    float | None,
    tracking_option(
        "--fov", min=1.0, max=170.0, metavar="DEG", help="Horizontal field of view [the profile's, or a webcam's]."
    ),
]
ShowExpressions = Annotated[
    bool, tracking_option("--expressions", help="Also tell seven expressions apart; not emotions felt.")
]
ShowBlendshapes = Annotated[
    bool, tracking_option("--blendshapes", help="Also tell ARKit's blendshapes, over each face at rest.")
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
    blendshapes: ShowBlendshapes = False

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Files that are read, which no output may replace."""
        return self.model, self.detector_model, self.profile, self.fatigue_weights

    def options(self, **options: Any) -> TrackerOptions:
        """Return the tracker's options. options: further ones. Raises FacetrackError for a bad value."""
        values = {
            "smoothing": self.smooth, "max_faces": self.max_faces, "priority": self.priority, "profile": self.profile,
            "fatigue_weights": self.fatigue_weights, "target_zone": self.target_zone,
        }  # fmt: skip
        return tracker_options(fov_deg=self.fov, **(values | options))

    def tracker(self, detector_px: int = 320, **options: Any) -> FaceTracker:
        """Build the tracker. options: further ones of `TrackerOptions`. Raises FacetrackError for a bad value."""
        return make_tracker(
            self.model, self.options(**options), self.threads, detector_px,
            self.detector, self.detector_model, self.engine, self.provider, self.expressions,
            self.blendshapes,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Records:
    """The records that a run writes."""

    json: Json = None
    csv: Csv = None
    csv_style: CsvStyle = "facetrack"
    events: Events = None

    @property
    def targets(self) -> dict[str, str | None]:
        """What was typed by option."""
        return {"json": self.json, "csv": self.csv, "events": self.events}

    @property
    def files(self) -> tuple[str | None, ...]:
        """Targets that were named."""
        return tuple(self.targets.values())

    def open(self, inputs: Inputs, live: bool = False) -> Iterator[tuple[str, RecordSink]]:
        """Open the records that were asked for (`open_records`)."""
        from facetrack.sinks.tables.records import open_records

        return open_records(self.targets, self.csv_style, inputs, live)


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
