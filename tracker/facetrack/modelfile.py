"""What a network file says about itself, and where the bundled ones lie.

Everything a network needs travels inside its .onnx, as one JSON text under the metadata key `facetrack`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from facetrack import topology
from facetrack.errors import ModelFileError

TRACKER_OUTPUTS = {"points", "sigma", "presence"}
"""What a network must give for the tracker to take it."""

METADATA_KEY = "facetrack"
FORMAT = 1
ATTRIBUTES = ("eye_right_open", "eye_left_open", "mouth_open", "smile", "glasses")
"""The columns of a landmark network's output `attributes`, each 0..1, where it has one; right and left are the
person's own."""
POSE_ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")
"""The columns of its output `pose`, with the signs of `types.Pose`, relative to the crop."""
KINDS = ("landmarks", "detector", "appearance", "expression")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a network needs and what it is.

    kind: one of KINDS. input_px: side of the square crop, None where any size goes (a detector:
        any multiple of `stride`). Input is uint8, (N, H, W, 3), BGR; mean and scale are those that the graph itself
        applies: (value - mean) / scale.
    margin: the crop's side over the longer side of the face's box (landmarks and appearance).
    topology: the scheme of the points. outputs: name and meaning of each output.
    metrics: figures by name, each with the data it was measured on in its name. data: the sets it was trained on.
    terms: what those sets allow, in plain words. reproduce: the command that made it.
    parity: what the export's comparison with torch found.
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
    format: int = FORMAT

    def to_metadata(self) -> dict[str, str]:
        return {METADATA_KEY: json.dumps(asdict(self))}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], path: Path) -> ModelSpec:
        """Raises ModelFileError where the file does not say what it needs."""
        text = metadata.get(METADATA_KEY)
        if text is None:
            raise ModelFileError(
                f"{path} is an ONNX file but not facetrack's: it does not say what it needs (no '{METADATA_KEY}' entry "
                "in its metadata); export it with facetrain"
            )
        try:
            values: dict[str, Any] = json.loads(text)
            known = {f.name for f in fields(cls)}
            spec = cls(**{name: value for name, value in values.items() if name in known})
        except (ValueError, TypeError) as error:
            raise ModelFileError(f"{path}: its facetrack metadata cannot be read ({error}); export it again") from error
        if spec.format > FORMAT:
            raise ModelFileError(
                f"{path} has format {spec.format}, this facetrack knows up to {FORMAT}; upgrade facetrack"
            )
        if spec.kind not in KINDS:
            raise ModelFileError(f"{path} is a network of kind '{spec.kind}'; expected one of {', '.join(KINDS)}")
        return spec

    def expect(self, kind: str, path: Path) -> None:
        """Raise ModelFileError unless the network is of this kind."""
        if self.kind != kind:
            raise ModelFileError(f"{path} is a {self.kind} network, but a {kind} network is needed here")


def weights_folder() -> Path:
    """Where the bundled networks lie: inside the installed package, or weights/ of a checkout."""
    installed = Path(__file__).parent / "_weights"
    if installed.is_dir():
        return installed
    return Path(__file__).resolve().parents[2] / "weights"


def bundled() -> list[Path]:
    """The networks that come with facetrack."""
    return sorted(weights_folder().glob("*.onnx"))


def bundled_path(name: str) -> Path:
    """The bundled network of that name, as in `landmarks68`. Raises ModelFileError where there is none."""
    path = weights_folder() / f"{name}.onnx"
    if not path.is_file():
        there = ", ".join(p.stem for p in bundled()) or "none at all"
        raise ModelFileError(f"there is no bundled network '{name}' (there is: {there}); give a path to an .onnx file")
    return path


def fits_tracker(spec: ModelSpec) -> bool:
    """Whether this is a network for the tracker, whose crops come from a detector's boxes."""
    return spec.kind == "landmarks" and spec.topology == topology.SCHEME and set(spec.outputs) >= TRACKER_OUTPUTS
