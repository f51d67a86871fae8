"""Report of the benchmark: table rows and figures.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facetrack.bench.figures import LiveFigures, MethodFigures, Percentiles, ratio
from facetrack.engine.cache import cpu_name
from facetrack.engine.halves import available_cores

PERCENTILES = "50 / 95 / 99 %"
METHOD_HEAD = ("method", "faces", f"CPU ms, {PERCENTILES}", f"wall ms, {PERCENTILES}", "frames/s", "CPU s/s", "ratio")
STAGE_HEAD = ("stage", "in % of frames", f"CPU ms, {PERCENTILES}", f"wall ms, {PERCENTILES}", "CPU ms, mean of all")
LIVE_HEAD = ("other load", "grabbed", "processed", "dropped", "age in frames, 50 / 95 / 100 %", "CPU s/s", "peak MB")

PART_HEAD = ("until", "age in frames, 50 / 99 / 100 %", "CPU s/s", "memory, MB")


@dataclass(frozen=True, slots=True)
class Machine:
    """Machine of the measurement.

    cores: that this process may use.
    load: load average of the minute before (Unix); above `cores`, the machine was busy with other work. None if
        unknown.
    """

    processor: str
    system: str
    python: str
    cores: int
    load: float | None


def this_machine() -> Machine:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(cpu_name(), platform.system(), platform.python_version(), available_cores(), load)


@dataclass(frozen=True, slots=True)
class Bench:
    """All results of one run.

    source: name of the frames' source.
    size: (width, height) px.
    reference: method whose CPU time is the denominator of the ratios.
    sizes: one method per frame size, named after it; ratios are to the first.
    """

    command: str
    machine: Machine
    source: str
    size: tuple[int, int]
    methods: tuple[MethodFigures, ...]
    reference: MethodFigures
    sizes: tuple[MethodFigures, ...] = ()
    live: tuple[LiveFigures, ...] = ()


def method_rows(methods: Sequence[MethodFigures], reference: MethodFigures) -> list[list[str]]:
    """Return the table rows below METHOD_HEAD."""
    return [
        [
            m.name, f"{m.faces:.2f}", _percentiles(m.cpu_ms), _percentiles(m.wall_ms), f"{m.frames_per_s:.0f}",
            f"{m.cpu_per_wall:.2f}", f"{ratio(m, reference):.3f}",
        ]
        for m in methods
    ]  # fmt: skip


def stage_rows(method: MethodFigures) -> list[list[str]]:
    """Return the table rows below STAGE_HEAD."""
    return [
        [
            s.stage, f"{100 * s.frames_share:.0f}", _percentiles(s.cpu_ms), _percentiles(s.wall_ms),
            _milliseconds(s.mean_cpu_ms),
        ]
        for s in method.stages
    ]  # fmt: skip


def live_rows(live: Sequence[LiveFigures]) -> list[list[str]]:
    """Return the table rows below LIVE_HEAD."""
    return [
        [
            f"{s.burners} busy cores" if s.burners else "none", str(s.grabbed), str(s.followed), str(s.dropped),
            " / ".join(f"{age:.2f}" for age in s.age_frames), f"{s.cpu_per_wall:.3f}",
            "unknown" if s.peak_mb is None else f"{s.peak_mb:.0f}",
        ]
        for s in live
    ]  # fmt: skip


def part_rows(live: LiveFigures) -> list[list[str]]:
    """Return the table rows below PART_HEAD."""
    return [
        [
            f"{part.until_s / 60:.1f} min", " / ".join(f"{age:.2f}" for age in part.age_frames),
            f"{part.cpu_per_wall:.3f}", "unknown" if part.memory_mb is None else f"{part.memory_mb:.0f}",
        ]
        for part in live.parts
    ]  # fmt: skip


def _percentiles(values: Percentiles) -> str:
    return " / ".join(_milliseconds(value) for value in (values.p50, values.p95, values.p99))


def _milliseconds(ms: float) -> str:
    return f"{ms:.3f}" if ms < 1 else f"{ms:.2f}" if ms < 100 else f"{ms:.0f}"


def as_json(bench: Bench) -> dict[str, Any]:
    """Return the classes' fields by name, with a `ratio` in each method, and the reference's name for the reference."""
    values = asdict(bench)
    values["reference"] = bench.reference.name
    for key, reference in (("methods", bench.reference), ("sizes", bench.sizes[0] if bench.sizes else None)):
        for figures, method in zip(values[key], getattr(bench, key), strict=True):
            figures["ratio"] = ratio(method, reference) if reference else None
    return values


def save(bench: Bench, folder: Path) -> None:
    """Write figures.json."""
    (folder / "figures.json").write_text(json.dumps(as_json(bench), indent=2) + "\n")
