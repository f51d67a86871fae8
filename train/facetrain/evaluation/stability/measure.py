"""Jitter, lag and blinks of several followers on the same frames: one table, one picture."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Frame
from facetrain.evaluation.stability import metrics
from facetrain.evaluation.stability.clips import Clip, eye_distance_px
from facetrain.evaluation.stability.methods import PointTracker, TrackingMethod
from facetrain.reporting import markdown

CAPTION = (
    "jitter: mean over points and frames of |p(t) - p(t - 1)| of a still face, % of the distance between the outer eye "
    "corners, under sensor noise of so many grey levels (5 unless said). lag: ms by which the points are behind the "
    "truth in even motion, the time shift that fits best, median over points (a smooth error of place is not counted); "
    "deg/s: a head turning to and fro; shift: eye distances per s, in the picture; 30 fps unless said. blink: depth "
    "kept of a blink of 150 ms, against the same network unsmoothed. missed: frames without the face, in no other one."
)
PLOTTED = {
    "lag, 5 deg/s": (topology.NOSE_TIP, 0),
    "lag, 30 deg/s": (topology.NOSE_TIP, 0),
    "blink": (topology.EAR_RIGHT[1], 1),
}
"""Point and coordinate, x or y, of a clip that the picture shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One clip: times_s (T,), truth (T, 68, 2) px, and what each method saw, (T, 68, 2) px, NaN where nothing."""

    clip: Clip
    times_s: NDArray[np.float64]
    truth: Floats
    seen: dict[str, Floats]


def run(clip: Clip, methods: Sequence[TrackingMethod]) -> Trace:
    """All contestants on the same frames of a clip."""
    times_s, truth = np.zeros(len(clip)), np.full((len(clip), topology.N_POINTS, 2), np.nan, np.float32)
    seen = {method.name: np.full_like(truth, np.nan) for method in methods}
    with ExitStack() as stack:
        point_trackers = {method.name: stack.enter_context(method.start()) for method in methods}
        for index, (frame, points) in enumerate(clip.play()):
            times_s[index], truth[index] = frame.time_s, points
            for name, follow in point_trackers.items():
                seen[name][index] = _nearest_face(follow, frame, points)
    return Trace(clip, times_s, truth, seen)


def _nearest_face(follow: PointTracker, frame: Frame, truth: Floats) -> Floats | float:
    """The nearest face's points, NaN where it is more than half an eye distance off."""
    found = follow(frame)
    if not len(found):
        return math.nan
    distances = np.linalg.norm(found - truth, axis=2).mean(axis=1)
    best = int(distances.argmin())
    near: Floats = found[best]
    return near if distances[best] < 0.5 * eye_distance_px(truth) else math.nan


def table(traces: Sequence[Trace], methods: Sequence[TrackingMethod]) -> dict[str, dict[str, float]]:
    """By method, by figure: the mean over the clips of that name; and `missed`, in frames."""
    names = list(dict.fromkeys(trace.clip.name for trace in traces))
    found: dict[str, dict[str, float]] = {}
    for method in methods:
        values = {name: [_figure(t, method) for t in traces if t.clip.name == name] for name in names}
        row = {name: float(np.nanmean(some)) if np.isfinite(some).any() else math.nan for name, some in values.items()}
        missed = sum(int(np.isnan(trace.seen[method.name][:, 0, 0]).sum()) for trace in traces)
        found[method.name] = {**row, "missed": missed}
    return found


def _figure(trace: Trace, method: TrackingMethod) -> float:
    seen, eye_px = trace.seen[method.name], eye_distance_px(trace.truth[0])
    if trace.clip.figure == "jitter":
        return metrics.jitter_percent(seen, eye_px)
    if trace.clip.figure == "lag":
        return metrics.lag_ms(seen, trace.truth, trace.times_s, eye_px)
    return metrics.blink_amplitude_ratio(seen, trace.seen[method.unsmoothed], trace.times_s)


def cells(row: dict[str, float]) -> list[str]:
    """As written: jitter in % with three digits, lag in whole ms, shares with two digits."""
    forms = {"jitter": "{:.3f} %", "lag": "{:.0f} ms", "blink": "{:.2f}", "missed": "{:.0f}"}
    return [forms[name.split(",")[0]].format(v) if math.isfinite(v) else "-" for name, v in row.items()]


def save(found: dict[str, dict[str, float]], traces: Iterable[Trace], folder: Path, command: str) -> None:
    """report.md, figures.json and trajectories.png."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {n: {k: v if math.isfinite(v) else None for k, v in row.items()} for n, row in found.items()}
    (folder / "figures.json").write_text(json.dumps(values, indent=2) + "\n")
    picture = folder / "trajectories.png"
    _plot([trace for trace in traces if trace.clip.name in PLOTTED], picture)
    columns = list(next(iter(found.values())))
    parts = [
        "# Jitter and lag\n",
        markdown.code(command, "sh"),
        markdown.table(("", *columns), [(name, *cells(row)) for name, row in found.items()]),
        CAPTION + "\n",
        markdown.pictures([picture], folder),
    ]
    (folder / "report.md").write_text("\n".join(parts))


def _plot(traces: list[Trace], path: Path) -> None:
    """One coordinate of one point over time: the truth, and every method less its own mean error."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5 * len(traces)), layout="constrained")
    FigureCanvasAgg(figure)
    for axis, trace in zip(figure.subplots(len(traces), 1, squeeze=False)[:, 0], traces, strict=True):
        point, side = PLOTTED[trace.clip.name]
        truth = trace.truth[:, point, side]
        axis.plot(trace.times_s, truth, "k:", label="truth")
        for name, seen in trace.seen.items():
            error = np.nanmean(seen[:, point, side] - truth)
            style = "." if name.endswith(", off") else "-"
            axis.plot(trace.times_s, seen[:, point, side] - error, style, label=name, linewidth=1, markersize=4)
        axis.set(title=f"{trace.clip.name}: {'xy'[side]} of point {point}", xlabel="s", ylabel="px", xlim=(0, 3))
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=90)
