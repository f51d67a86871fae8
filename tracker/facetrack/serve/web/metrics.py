"""Metrics of all cameras as text for Prometheus (exposition format 0.0.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from facetrack import __version__
from facetrack.serve.figures import Figures, Histogram
from facetrack.serve.web.api import service_of

Labelled = list[tuple[dict[str, str], Figures]]
Sample = tuple[str, Mapping[str, str], float]
"""Suffix of the name, labels, value."""


class Exposition:
    """Text of metrics: each name's help and type once, then its samples."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(
        self, name: str, kind: str, help_text: str, samples: Iterable[tuple[str, Mapping[str, str], float]]
    ) -> None:
        """Add a metric. samples: suffix of the name, labels, value."""
        self._lines += [f"# HELP facetrack_{name} {help_text}", f"# TYPE facetrack_{name} {kind}"]
        for suffix, labels, value in samples:
            inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            self._lines.append(f"facetrack_{name}{suffix}{{{inside}}} {value:.10g}")

    def text(self) -> str:
        """Return all of it."""
        return "\n".join(self._lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def histogram_samples(found: Histogram, labels: Mapping[str, str]) -> list[Sample]:
    """Return the samples of one histogram."""
    counts = found.cumulative()
    buckets = [("_bucket", {**labels, "le": bound}, float(count)) for bound, count in counts]
    return [*buckets, ("_sum", labels, found.sum_s), ("_count", labels, float(counts[-1][1]))]


async def metrics(request: Request) -> Response:
    """Answer with the metrics."""
    service, found = service_of(request), Exposition()
    cameras = service.cameras.values()
    labelled = [({"camera": camera.name}, camera.feed.figures) for camera in cameras]
    dropped = [("", {"camera": camera.name}, float(camera.dropped)) for camera in cameras]
    found.add("frames_total", "counter", "Frames tracked.", [("", labels, f.frames) for labels, f in labelled])
    found.add("frames_dropped_total", "counter", "Frames that came while the tracker was busy.", dropped)
    _add_times(found, labelled)
    _add_signals(found, labelled)
    clients = [("", {"kind": kind}, float(count)) for kind, count in sorted(service.clients.counts.items())]
    found.add("clients", "gauge", "Clients by kind.", clients)
    engines = sorted({camera.runs_on or "none" for camera in cameras}) or ["none"]
    info = [("", {"version": __version__, "engine": engine}, 1.0) for engine in engines]
    found.add("build_info", "gauge", "Version and engines.", info)
    return PlainTextResponse(found.text(), media_type="text/plain; version=0.0.4")


def _add_times(found: Exposition, labelled: Labelled) -> None:
    stages = [
        sample
        for labels, figures in labelled
        for stage, times in figures.stages.items()
        for sample in histogram_samples(times, {**labels, "stage": stage})
    ]
    found.add("stage_seconds", "histogram", "Time of a stage of the loop.", stages)
    latencies = [sample for labels, figures in labelled for sample in histogram_samples(figures.latency, labels)]
    found.add("latency_seconds", "histogram", "Time from a frame's capture to its result.", latencies)


def _add_signals(found: Exposition, labelled: Labelled) -> None:
    found.add("faces", "gauge", "Faces in the newest frame.", [("", labels, f.faces) for labels, f in labelled])
    kinds = [("", {**labels, "kind": kind}, float(n)) for labels, f in labelled for kind, n in sorted(f.events.items())]
    found.add("events_total", "counter", "Events that ended.", kinds)
    for name, text in (("perclos", "PERCLOS P80 over 60 s"), ("attention", "Share of 60 s on the target")):
        known = [("", labels, getattr(f, name)) for labels, f in labelled if getattr(f, name) is not None]
        found.add(f"{name}_ratio", "gauge", f"{text}, of the face followed longest.", known)
