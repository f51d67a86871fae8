"""Soak test of `facetrack live`: hours on a stream that is killed and restarted again and again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from facetrack.errors import FacetrackError
from facetrain.reporting.report import Report, Table

WARM_UP_S = 300.0
"""Time before which memory does not count, at most a third of the run."""
LINES = "lines.jsonl"
MEANING = {
    "memory slope": "of the resident memory by least squares over the samples after the warm-up",
    "latency": "from the arrival of a frame's data to the tracker's result",
    "sent": "frames that the server wrote into its connections",
    "not arrived": "sent, but not taken in by the client: what was under way when the server was killed",
    "dropped": "frames that arrived while the tracker was still at work on an older one",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the process.

    threads: the operating system's. latencies_ms: of the frames since the last sample. grown_mb: by how much mappings
    have grown since then, those that have.
    """

    time_s: float
    memory_mb: float
    threads: int
    descriptors: int
    followed: int
    dropped: int
    outages: int
    latencies_ms: list[float]
    grown_mb: dict[str, float]


@dataclass(frozen=True, slots=True)
class Soak:
    """Result of a soak test. sent: by the server. lines: records in the file. stop_s: from SIGTERM to the end."""

    fps: float
    period_s: float
    outage_s: float
    samples: list[Sample]
    sent: int
    lines: int
    last_index: int
    exit_code: int
    stop_s: float


def run(
    seconds: float, period_s: float, outage_s: float, fps: float, say: Callable[[str], None], port: int = 0
) -> Soak:
    """Follow a stream for `seconds`; its server is killed every `period_s` and restarted after `outage_s`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server, url = start_server(port, fps, folder / "sent")
        port = int(url.rpartition(":")[2].split("/")[0])
        client = subprocess.Popen(
            [sys.executable, "-m", "facetrain.evaluation.reliability.soak_run", url, folder / LINES, folder / "samples"]
        )
        sent, end_s = 0, time.monotonic() + seconds
        try:
            while (left_s := end_s - time.monotonic()) > 0:
                time.sleep(min(period_s, left_s))
                if client.poll() is not None:
                    raise FacetrackError(f"the live loop ended early, with exit code {client.returncode}")
                if left_s > period_s + outage_s:
                    server.kill()
                    server.wait()
                    sent += read_count(folder / "sent")
                    say(f"server killed after {sent} frames; back in {outage_s:g} s")
                    time.sleep(outage_s)
                    server, _ = start_server(port, fps, folder / "sent")
            asked_s = time.monotonic()
            client.send_signal(signal.SIGTERM)
            exit_code = client.wait(120)
            stop_s = time.monotonic() - asked_s
        finally:
            client.kill()
            server.kill()
            server.wait()
        sent += read_count(folder / "sent")
        records = [json.loads(line) for line in (folder / LINES).read_text().splitlines()[1:]]
        samples = [Sample(**json.loads(line)) for line in (folder / "samples").read_text().splitlines()]
    return Soak(fps, period_s, outage_s, samples, sent, len(records), records[-1]["frame"], exit_code, stop_s)


def start_server(port: int, fps: float, journal: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a server in a process of its own and wait until it listens; returns it and its address."""
    journal.write_text("0")
    module = "facetrain.evaluation.reliability.server"
    server = subprocess.Popen(
        [sys.executable, "-m", module, str(port), str(fps), str(journal)], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        raise FacetrackError(f"the server does not start on port {port}; is it taken?")
    return server, json.loads(line)["url"]


def read_count(journal: Path) -> int:
    """Return the number in the server's journal."""
    return int(journal.read_text())


def by_minute(soak: Soak) -> list[dict[str, float]]:
    """Return p50, p99 of the latency, and drops, of each minute."""
    start_s = soak.samples[0].time_s
    rows: list[dict[str, float]] = []
    for minute in range(int((soak.samples[-1].time_s - start_s) // 60) + 1):
        inside = [s for s in soak.samples if minute * 60 <= s.time_s - start_s < (minute + 1) * 60]
        values = [value for sample in inside for value in sample.latencies_ms]
        if values:
            p50, p99 = (float(value) for value in np.percentile(values, [50, 99]))
            dropped = inside[-1].dropped - ((rows and int(rows[-1]["dropped_until"])) or 0)
            rows.append({
                "minute": minute, "p50_ms": p50, "p99_ms": p99, "frames": len(values), "dropped": dropped,
                "dropped_until": inside[-1].dropped, "memory_mb": inside[-1].memory_mb,
            })  # fmt: skip
    return rows


def memory_slope_mb_per_hour(samples: Sequence[Sample]) -> float:
    """Least-squares slope of the resident memory after the warm-up."""
    start_s, end_s = samples[0].time_s, samples[-1].time_s
    warm_s = start_s + min(WARM_UP_S, (end_s - start_s) / 3)
    warm = [s for s in samples if s.time_s >= warm_s]
    return float(3600 * np.polyfit([s.time_s for s in warm], [s.memory_mb for s in warm], 1)[0])


def report(soak: Soak) -> Report:
    """Return the tables and the picture of a soak test."""
    minutes = by_minute(soak)
    last = soak.samples[-1]
    warm = soak.samples[len(soak.samples) // 3 :]
    latencies = [value for sample in soak.samples for value in sample.latencies_ms]
    arrived = soak.last_index + 1
    figures: dict[str, Any] = {
        "minutes": (last.time_s - soak.samples[0].time_s) / 60,
        "fps": soak.fps,
        "outages": last.outages,
        "memory_slope_mb_per_hour": memory_slope_mb_per_hour(soak.samples),
        "memory_mb": [soak.samples[0].memory_mb, last.memory_mb],
        "threads": sorted({s.threads for s in warm}),
        "descriptors": sorted({s.descriptors for s in warm}),
        "latency_p50_ms": float(np.percentile(latencies, 50)),
        "latency_p99_ms": float(np.percentile(latencies, 99)),
        "sent": soak.sent,
        "not_arrived": soak.sent - arrived,
        "dropped": last.dropped,
        "followed": last.followed,
        "lines": soak.lines,
        "exit_code": soak.exit_code,
        "stop_s": soak.stop_s,
        "load_average": os.getloadavg()[1],
    }
    rows = [(name.replace("_", " "), _text(value)) for name, value in figures.items()]
    details = [
        (f"{m['minute']:.0f}", f"{m['p50_ms']:.1f}", f"{m['p99_ms']:.1f}", f"{m['frames']:.0f}", f"{m['dropped']:.0f}",
         f"{m['memory_mb']:.1f}") for m in minutes
    ]  # fmt: skip
    return Report(
        f"Soak test: {figures['minutes']:.0f} minutes at {soak.fps:g} fps",
        [Table("the live loop, its server killed again and again", ("", "value"), rows)],
        figures | {"by_minute": minutes, "samples": [asdict(s) | {"latencies_ms": None} for s in soak.samples]},
        meaning=MEANING,
        plots={"latency.png": partial(draw, minutes)},
        details=[Table("by minute", ("minute", "p50, ms", "p99, ms", "frames", "dropped", "memory, MB"), details)],
    )


def draw(minutes: Sequence[dict[str, float]], path: Path) -> None:
    """Draw latency and memory by minute."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    x = [m["minute"] for m in minutes]
    above.plot(x, [m["p99_ms"] for m in minutes], label="99 %")
    above.plot(x, [m["p50_ms"] for m in minutes], label="median")
    above.set_ylabel("latency, ms")
    above.set_ylim(bottom=0)
    above.legend()
    below.plot(x, [m["memory_mb"] for m in minutes])
    below.set_ylabel("memory, MB")
    below.set_xlabel("minute")
    figure.savefig(path, dpi=120)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return f"{value:.2f}" if isinstance(value, float) else str(value)
