"""What was measured, as rows of tables and as figures.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facetrack.bench.figures import LiveFigures, MethodFigures, Percentiles, ratio
from facetrack.bench.session import cores

THREE = "50 / 95 / 99 %"
METHOD_HEAD = ("", "faces", f"CPU ms, {THREE}", f"wall ms, {THREE}", "frames/s", "CPU s/s", "ratio")
STAGE_HEAD = ("stage", "in % of frames", f"CPU ms, {THREE}", f"wall ms, {THREE}", "CPU ms, mean of all")
LIVE_HEAD = ("processor", "grabbed", "followed", "dropped", "age in frames, 50 / 95 / 100 %", "CPU s/s", "peak MB")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were taken on. load: processes that wanted to run, mean of the minute before (Unix), beside
    `cores`; above them the machine was busy with other work."""

    processor: str
    system: str
    python: str
    cores: int
    load: float | None


def this_machine() -> Machine:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return Machine(_processor(), platform.system(), platform.python_version(), cores(), load)


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@dataclass(frozen=True, slots=True)
class Bench:
    """All of one run. source: what the frames are. size: (width, height) px. reference: whose processor time the
    ratios are to. sizes: one method per frame size, by its name, relative to the first."""

    command: str
    machine: Machine
    source: str
    size: tuple[int, int]
    methods: tuple[MethodFigures, ...]
    reference: MethodFigures
    sizes: tuple[MethodFigures, ...] = ()
    live: tuple[LiveFigures, ...] = ()


def method_rows(methods: Sequence[MethodFigures], reference: MethodFigures) -> list[list[str]]:
    """Below RUNNER_HEAD."""
    return [
        [
            r.name, f"{r.faces:.2f}", _three(r.cpu_ms), _three(r.wall_ms), f"{r.frames_per_s:.0f}",
            f"{r.cpu_per_wall:.2f}", f"{ratio(r, reference):.3f}",
        ]
        for r in methods
    ]  # fmt: skip


def stage_rows(method: MethodFigures) -> list[list[str]]:
    """Below STAGE_HEAD."""
    return [
        [s.stage, f"{100 * s.frames_share:.0f}", _three(s.cpu_ms), _three(s.wall_ms), _short(s.mean_cpu_ms)]
        for s in method.stages
    ]


def live_rows(live: Sequence[LiveFigures]) -> list[list[str]]:
    """Below LIVE_HEAD."""
    return [
        [
            f"{s.burners} cores burnt" if s.burners else "left to it", str(s.grabbed), str(s.followed), str(s.dropped),
            " / ".join(f"{age:.2f}" for age in s.age_frames), f"{s.cpu_per_wall:.3f}",
            "unknown" if s.peak_mb is None else f"{s.peak_mb:.0f}",
        ]
        for s in live
    ]  # fmt: skip


def _three(values: Percentiles) -> str:
    return " / ".join(_short(value) for value in (values.p50, values.p95, values.p99))


def _short(ms: float) -> str:
    return f"{ms:.3f}" if ms < 1 else f"{ms:.2f}" if ms < 100 else f"{ms:.0f}"


def as_json(bench: Bench) -> dict[str, Any]:
    """The fields of the classes by their names, a `ratio` to each method, and the reference by its name."""
    values = asdict(bench)
    values["reference"] = bench.reference.name
    for key, reference in (("methods", bench.reference), ("sizes", bench.sizes[0] if bench.sizes else None)):
        for figures, method in zip(values[key], getattr(bench, key), strict=True):
            figures["ratio"] = ratio(method, reference) if reference else None
    return values


def save(bench: Bench, folder: Path) -> None:
    """figures.json."""
    (folder / "figures.json").write_text(json.dumps(as_json(bench), indent=2) + "\n")
