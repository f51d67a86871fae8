"""Metadata of network files, and paths of the bundled ones.

All metadata is stored inside the .onnx, as one JSON text under the metadata key `facetrack`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from facetrack import topology
from facetrack.errors import ModelFileError

TRACKER_OUTPUTS = {"points", "sigma", "presence"}
"""Outputs that the tracker requires of a landmark network."""

METADATA_KEY = "facetrack"
FORMAT = 1
ATTRIBUTES = ("mouth_open", "smile", "glasses")
"""Columns of a landmark network's optional output `attributes`, each 0..1."""
KINDS = ("landmarks", "detector", "appearance", "expression", "eyes")
EYES_OUTPUT = "eyes"
"""The only output of an eye network, (N, 2, EYES_SIZE): right eye and mirrored left eye of each face."""
EYES_COLUMNS = {
    "contour": slice(0, 12), "iris": slice(12, 14), "iris_radius": slice(14, 15), "gap": slice(15, 16),
    "contour_scale": slice(16, 22), "iris_scale": slice(22, 23), "gap_scale": slice(23, 24),
    "state": slice(24, 27), "covered": slice(27, 28), "gaze": slice(28, 30), "gaze_scale": slice(30, 31),
}  # fmt: skip
"""Columns of that output: x y of the six points in the right eye's order and of the iris's centre, px of the eye's half
of the crop; the iris's radius, px; the lid gap over the eye's width; the logarithms of the scales of their Laplace
densities; the logits of open, lowered and shut, and of covered; x y of the unit vector of the gaze in the crop's axes,
the line of sight to the eye as z; the logarithm of its scale."""
EYES_SIZE = 31
EYE_STATES = ("open", "lowered", "shut")
MAX_INPUT_PX = 2048
"""Largest input that a network may ask for."""
MAX_FILE_BYTES = 500_000_000
"""Largest file that is opened as a network; the bundled ones have 11 MB together."""
_EXTERNAL = b"\n\x08location\x12"
"""Key `location` of TensorProto.external_data (onnx.proto), as protobuf writes it."""
_Rule = tuple[str, Callable[[Any], bool]]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Specification of a network: input, outputs, provenance. The input is uint8, (N, H, W, 3), BGR.

    kind: one of KINDS.
    input_px: side of the square crop, None for any size (a detector: any multiple of `stride`).
    mean, scale: normalisation inside the graph, (value - mean) / scale.
    topology: scheme of the points.
    outputs: name and meaning of each output.
    data: data sets it was trained on.
    terms: terms of use of those sets, in plain words.
    reproduce: command that trained it.
    margin: side of the crop over the longer side of the face's box (landmarks and appearance).
    metrics: figures by name; the name includes the data they were measured on.
    parity: largest difference of each output between the export and torch.
    gates: what the tracker takes for a face in a landmark network's outputs, see `tracking.confidence`; empty if nobody
        has calibrated it.
    """

    name: str
    kind: str
    input_px: int | None
    mean: float
    scale: float
    topology: str
    outputs: dict[str, str]
    data: list[str]
    terms: str
    reproduce: str
    stride: int = 1
    margin: float = 1.0
    metrics: dict[str, float] = field(default_factory=dict)
    parity: dict[str, float] = field(default_factory=dict)
    gates: dict[str, float] = field(default_factory=dict)
    format: int = FORMAT

    def to_metadata(self) -> dict[str, str]:
        return {METADATA_KEY: json.dumps(asdict(self))}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], path: Path) -> ModelSpec:
        """Read the specification of the file `path`. Raises ModelFileError if it is missing or malformed."""
        text = metadata.get(METADATA_KEY)
        if text is None:
            raise ModelFileError(
                f"{path} is an ONNX file but not facetrack's (no '{METADATA_KEY}' entry in its metadata); export it "
                "with facetrain"
            )
        try:
            spec = cls._checked(json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise ModelFileError(f"{path}: its facetrack metadata cannot be read ({error}); export it again") from error
        if spec.format > FORMAT:
            raise ModelFileError(
                f"{path} has format {spec.format}, this facetrack supports up to {FORMAT}; upgrade facetrack"
            )
        if spec.kind not in KINDS:
            raise ModelFileError(f"{path} is a network of kind '{spec.kind}'; expected one of {', '.join(KINDS)}")
        return spec

    @classmethod
    def _checked(cls, values: Any) -> ModelSpec:
        """Raise ValueError or TypeError for values of another type or beyond their range."""
        if not isinstance(values, dict):
            raise TypeError(f"a JSON {type(values).__name__} instead of an object")
        known = {f.name for f in fields(cls)}
        spec = cls(**{name: value for name, value in values.items() if name in known})
        for name, (expected, holds) in _RULES.items():
            value = getattr(spec, name)
            if isinstance(value, bool) or not holds(value):
                raise ValueError(f"{name} is {str(value)[:40]!r}; expected {expected}")
        return spec

    def expect(self, kind: str, path: Path) -> None:
        """Raise ModelFileError unless the network is of this kind."""
        if self.kind != kind:
            raise ModelFileError(f"{path} is a {self.kind} network, but a {kind} network is needed here")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(low: int, high: int) -> _Rule:
    return f"a whole number, {low} to {high}", lambda value: isinstance(value, int) and low <= value <= high


def _number(low: float, high: float) -> _Rule:
    return f"a number, {low:g} to {high:g}", lambda value: _is_number(value) and low <= value <= high


def _mapping(content: str, holds: Callable[[Any], bool]) -> _Rule:
    return f"an object of {content}", lambda value: isinstance(value, dict) and all(map(holds, value.values()))


_TEXT: _Rule = ("a text", lambda value: isinstance(value, str))
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(("name", "kind", "topology", "terms", "reproduce"), _TEXT),
    "input_px": (
        f"a side of 8 to {MAX_INPUT_PX} px, or null",
        lambda value: value is None or (isinstance(value, int) and 8 <= value <= MAX_INPUT_PX),
    ),
    "mean": _number(-1000, 1000),
    "scale": _number(1e-6, 1000),
    "outputs": _mapping("texts", lambda value: isinstance(value, str)),
    "data": ("a list of texts", lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value)),
    "stride": _whole(1, MAX_INPUT_PX),
    "margin": _number(0.1, 10),
    # A figure that could not be measured is null or NaN; it is printed, and nothing depends on it.
    "metrics": _mapping("numbers", lambda value: value is None or isinstance(value, int | float)),
    "parity": _mapping("numbers", lambda value: value is None or isinstance(value, int | float)),
    "gates": _mapping("numbers", _is_number),
    "format": _whole(1, 2**31),
}
"""Field of `ModelSpec` -> what is expected, and whether a value is that."""


def check_file(path: Path) -> None:
    """Raise ModelFileError unless the file exists, is no larger than MAX_FILE_BYTES and holds its weights itself.

    ONNX lets weights lie in other files and states their length, for which a runtime takes the memory before it looks.
    """
    if not path.is_file():
        raise ModelFileError(
            f"{path}: no such model file; give the path of an .onnx exported by facetrain, or leave it out"
        )
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise ModelFileError(
            f"{path} has {size / 1e6:.0f} MB; expected a network of {MAX_FILE_BYTES / 1e6:.0f} at most"
        )
    if path.suffix != ".xml" and _EXTERNAL in path.read_bytes():
        raise ModelFileError(f"{path} keeps weights in other files; expected them inside: export it again")


def weights_folder() -> Path:
    """Return the folder of the bundled networks: inside the installed package, or weights/ of a checkout."""
    installed = Path(__file__).parent / "_weights"
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[2] / "weights"


def bundled() -> list[Path]:
    """Return the paths of the bundled networks."""
    return sorted(weights_folder().glob("*.onnx"))


def bundled_path(name: str) -> Path:
    """Return the path of a bundled network, such as `landmarks68`. Raises ModelFileError if there is none."""
    path = weights_folder() / f"{name}.onnx"
    if not path.is_file():
        available = ", ".join(p.stem for p in bundled()) or "none"
        raise ModelFileError(f"there is no bundled network '{name}' (available: {available}); give an .onnx path")
    return path


def network_path(network: str | Path) -> Path:
    """Return a network's path as it is, or that of a bundled one by its name. Raises ModelFileError as `bundled_path`.

    A name is a word without a folder or an ending that is no file here.
    """
    path = Path(network)
    return bundled_path(path.name) if path.name == str(network) and not path.suffix and not path.exists() else path


def int8_sibling(path: Path) -> Path | None:
    """Return the file of the same network in int8, NAME-int8.onnx beside NAME.onnx; None if there is none.

    Dense convolutions in int8 are faster than the network's own file on processors with VNNI or AMX, and slower on
    others: `engine.choice` measures which one to open.
    """
    sibling = path.with_name(f"{path.stem}-int8.onnx")
    return sibling if sibling.is_file() else None


def fits_tracker(spec: ModelSpec) -> bool:
    """Return whether the tracker can use this network."""
    return spec.kind == "landmarks" and spec.topology == topology.SCHEME and set(spec.outputs) >= TRACKER_OUTPUTS
