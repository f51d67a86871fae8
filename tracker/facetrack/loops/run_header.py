"""Header of a run: the networks by their hashes, and the options that its results depend on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetrack.modelfile import weights_folder
from facetrack.sinks.header import Header, source_name

if TYPE_CHECKING:
    from facetrack.tracking.tracker import FaceTracker

HASH_DIGITS = 12
"""Of a SHA-256: two networks of one name that agree in them by chance are not to be feared."""


def run_header(tracker: FaceTracker, source: str | Path, size: tuple[int, int], fps: float | None) -> Header:
    """Describe a run of the tracker over a source. size: (width, height) px."""
    return Header(source_name(source), *size, fps, networks_of(tracker), options_of(tracker, size))


def networks_of(tracker: FaceTracker) -> dict[str, str]:
    """Short hash of each network's file by its name; what has no file, as in a test, is left out.

    A bundled file's own name, since two files may hold one network.
    """
    found = {}
    for part in tracker.network_parts:
        engine = getattr(part, "engine", None)
        path = getattr(part if engine is None else engine, "path", None)
        if path is not None:
            name = path.stem if engine is None or path.parent == weights_folder() else engine.spec.name
            found[name] = _file_hash(path)
    return found


def options_of(tracker: FaceTracker, size: tuple[int, int]) -> dict[str, Any]:
    """Collect the options that results depend on: the main ones, and by path every other that is not default."""
    from facetrack.tracking.gating import TrackerOptions

    options, engine = tracker.options, getattr(tracker.landmarker, "engine", None)
    signals, usual = options.signals, TrackerOptions()
    found: dict[str, Any] = {
        "engine": None if engine is None else type(engine).__module__.rpartition(".")[2],
        "smoothing": options.smoothing,
        "max_faces": options.max_faces,
        "priority": options.priority,
        "camera": _camera(tracker, size),
        "profile": _hash_unless_usual(signals.profile, usual.signals.profile),
        "fatigue_weights": _hash_unless_usual(signals.fatigue_weights, usual.signals.fatigue_weights),
    }
    skipped = {*found, "signals.profile", "signals.fatigue_weights"}
    found |= {name: value for name, value in _changed(options, usual) if name not in skipped}
    of_detector = getattr(tracker.detector, "options", None)
    if is_dataclass(of_detector) and not isinstance(of_detector, type):
        found |= _changed(of_detector, type(of_detector)(), "detector.")
    return found


def _camera(tracker: FaceTracker, size: tuple[int, int]) -> dict[str, Any]:
    fx, fy, cx, cy = (round(value, 3) for value in tracker.camera.intrinsics(size))
    fov_deg = round(tracker.camera.horizontal_fov_deg(size), 3)
    return {"from": tracker.camera_from, "fov_deg": fov_deg, "fx": fx, "fy": fy, "cx": cx, "cy": cy}


def _changed(options: Any, usual: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of each option that differs from the usual one."""
    for item in fields(options):
        value, other = getattr(options, item.name), getattr(usual, item.name)
        if value == other:
            continue
        if is_dataclass(value) and is_dataclass(other) and path + item.name not in ("signals.profile", "camera"):
            yield from _changed(value, other, f"{path}{item.name}.")
        else:
            yield path + item.name, list(value) if isinstance(value, tuple) else value


def _hash_unless_usual(value: Any, usual: Any) -> str | None:
    if value == usual:
        return None
    return sha256(json.dumps(asdict(value), sort_keys=True).encode()).hexdigest()[:HASH_DIGITS]


def _file_hash(path: Path) -> str:
    weights = path.with_suffix(".bin")
    if path.suffix == ".xml" and weights.is_file():  # OpenVINO keeps them beside
        path = weights
    return sha256(path.read_bytes()).hexdigest()[:HASH_DIGITS]
