"""Jitter, lag and blink depth of several tracking methods on the same frames: one table, one plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Frame
from facetrain.evaluation.stability import gaze, metrics
from facetrain.evaluation.stability.clips import Clip, eye_distance_px
from facetrain.evaluation.stability.methods import PointTracker, TrackingMethod
from facetrain.reporting.report import Report, Table

CAPTION = (
    "jitter: mean over points and frames of |p(t) - p(t - 1)| of a still face, % of the distance of the outer eye "
    "corners, with sensor noise of 5 grey levels unless stated otherwise. lag: delay of the points behind the ground "
    "truth at constant speed, ms, the time shift of the best fit, median over points (smooth position errors do not "
    "count); deg/s: a head rotating back and forth; shift: eye distances per s, in the image; 30 fps unless stated "
    "otherwise. blink: depth of a blink of 150 ms relative to the same network without smoothing. missed: frames "
    "without the face, excluded from all other metrics."
)
PLOTTED = {
    "lag, 5 deg/s": (topology.NOSE_TIP, 0),
    "lag, 30 deg/s": (topology.NOSE_TIP, 0),
    "blink": (topology.EAR_RIGHT[1], 1),
}
"""Point and coordinate (0 = x, 1 = y) that are plotted, by clip."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Ground truth and predictions in one clip.

    times_s: (T,)
    truth: (T, 68, 2) px
    predicted: (T, 68, 2) px of each method, NaN where the face is missed
    """

    clip: Clip
    times_s: NDArray[np.float64]
    truth: Floats
    predicted: dict[str, Floats]


def run(clip: Clip, methods: Sequence[TrackingMethod]) -> Trace:
    """Run all methods on the same frames of a clip."""
    times_s, truth = np.zeros(len(clip)), np.full((len(clip), topology.N_POINTS, 2), np.nan, np.float32)
    predicted = {method.name: np.full_like(truth, np.nan) for method in methods}
    with ExitStack() as stack:
        point_trackers = {method.name: stack.enter_context(method.start()) for method in methods}
        for index, (frame, points) in enumerate(clip.play()):
            times_s[index], truth[index] = frame.time_s, points
            for name, track in point_trackers.items():
                predicted[name][index] = _nearest_face(track, frame, points)
    return Trace(clip, times_s, truth, predicted)


def _nearest_face(track: PointTracker, frame: Frame, truth: Floats) -> Floats | float:
    """Return the (68, 2) points of the nearest face, NaN if its mean distance is over half the eye distance."""
    faces = track(frame)
    if not len(faces):
        return math.nan
    distances = np.linalg.norm(faces - truth, axis=2).mean(axis=1)
    best = int(distances.argmin())
    nearest: Floats = faces[best]
    return nearest if distances[best] < 0.5 * eye_distance_px(truth) else math.nan


def table(traces: Sequence[Trace], methods: Sequence[TrackingMethod]) -> dict[str, dict[str, float]]:
    """Return the metrics by method and clip name, means over the clips of a name; and the number of missed frames."""
    names = list(dict.fromkeys(trace.clip.name for trace in traces))
    rows: dict[str, dict[str, float]] = {}
    for method in methods:
        values = {name: [_figure(t, method) for t in traces if t.clip.name == name] for name in names}
        row = {name: float(np.nanmean(v)) if np.isfinite(v).any() else math.nan for name, v in values.items()}
        missed = sum(int(np.isnan(trace.predicted[method.name][:, 0, 0]).sum()) for trace in traces)
        rows[method.name] = {**row, "missed": missed}
    return rows


def _figure(trace: Trace, method: TrackingMethod) -> float:
    """Return the metric of a clip for a method."""
    predicted, eye_px = trace.predicted[method.name], eye_distance_px(trace.truth[0])
    if trace.clip.figure == "jitter":
        return metrics.jitter_percent(predicted, eye_px)
    if trace.clip.figure == "lag":
        return metrics.lag_ms(predicted, trace.truth, trace.times_s, eye_px)
    return metrics.blink_amplitude_ratio(predicted, trace.predicted[method.unsmoothed], trace.times_s)


def report(rows: dict[str, dict[str, float]], traces: Iterable[Trace]) -> Report:
    """Return the report: a row per metric, a column per method."""
    plotted = [trace for trace in traces if trace.clip.name in PLOTTED]
    names = next(iter(rows.values()))
    cells = [[name, *(_cell(name, row[name]) for row in rows.values())] for name in names]
    return Report(
        "Jitter and lag",
        [Table("jitter and lag", ("metric", *rows), cells)],
        rows,
        [CAPTION, *([gaze.CAPTION] if gaze.JITTER in names else [])],
        plots={"trajectories.png": partial(_plot, plotted)},
    )


def _cell(name: str, value: float) -> str:
    """Format a value: jitter in % with three digits, lag in whole ms, shares with two digits; "-" for NaN."""
    form = {
        "jitter": "{:.3f} %",
        "lag": "{:.0f} ms",
        "blink": "{:.2f}",
        "missed": "{:.0f}",
        "gaze jitter": "{:.2f} deg",
        "gaze lag": "{:.0f} ms",
    }[name.split(",")[0]]
    return form.format(value) if math.isfinite(value) else "-"


def _plot(traces: list[Trace], path: Path) -> None:
    """Draw one coordinate of one point over time: ground truth, and every method minus its own mean error."""
    figure = Figure(figsize=(11, 4.5 * len(traces)), layout="constrained")
    for axis, trace in zip(figure.subplots(len(traces), 1, squeeze=False)[:, 0], traces, strict=True):
        point, side = PLOTTED[trace.clip.name]
        truth = trace.truth[:, point, side]
        axis.plot(trace.times_s, truth, "k:", label="ground truth")
        for name, predicted in trace.predicted.items():
            error = np.nanmean(predicted[:, point, side] - truth)
            style = "." if name.endswith(", off") else "-"
            axis.plot(trace.times_s, predicted[:, point, side] - error, style, label=name, linewidth=1, markersize=4)
        axis.set(title=f"{trace.clip.name}: {'xy'[side]} of point {point}", xlabel="s", ylabel="px", xlim=(0, 3))
        axis.grid(alpha=0.3)
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=90)
