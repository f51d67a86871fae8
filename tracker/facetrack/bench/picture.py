"""Bar charts of the benchmark: stages of a frame, and whole frames of all methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facetrack.bench.report import Bench
from facetrack.bench.stages import STAGES


def draw(bench: Bench, path: Path) -> None:
    """Draw the charts into a file.

    Left: mean CPU time of each stage, stacked, for each method whose stages were timed. Right: median and 95 % of whole
    frames. Raises ImportError without matplotlib.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 2.2 + 0.5 * len(bench.methods)), layout="constrained")
    FigureCanvasAgg(figure)
    stages, whole = figure.subplots(1, 2)
    _stages(stages, bench)
    _whole(whole, bench)
    figure.suptitle(f"{bench.source}, {bench.size[0]}x{bench.size[1]}, on {bench.machine.processor}", fontsize="medium")
    figure.savefig(path, dpi=100)


def _stages(axis: Any, bench: Bench) -> None:
    methods = [method for method in bench.methods if method.stages][::-1]
    left = [0.0] * len(methods)
    for stage in STAGES:
        mean_ms = [{s.stage: s.mean_cpu_ms for s in method.stages}.get(stage, 0.0) for method in methods]
        axis.barh([method.name for method in methods], mean_ms, height=0.6, left=left, label=stage)
        left = [start + width for start, width in zip(left, mean_ms, strict=True)]
    axis.set(xlabel="CPU time per frame, ms (mean)")
    axis.legend(fontsize="small", ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _whole(axis: Any, bench: Bench) -> None:
    methods = bench.methods[::-1]
    names = [method.name for method in methods]
    axis.barh(names, [method.cpu_ms.p50 for method in methods], height=0.6, color="tab:blue", label="median")
    axis.plot([method.cpu_ms.p95 for method in methods], names, "k|", markersize=20, label="95 %")
    axis.set(xlabel="CPU time per frame, ms", xlim=(0, None))
    axis.legend(fontsize="small")
