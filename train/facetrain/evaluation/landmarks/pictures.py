"""Plots of an evaluation: cumulative error distributions, and contact sheets of the best, median and worst faces."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facetrack import topology
from facetrack.geometry import crop_matrix, cut, transform
from facetrack.types import Floats, Image
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.metrics import landmarks as metrics
from facetrain.reporting import sheets

CELL_PX = 224


def face_sheets(measured: Measured) -> dict[str, Callable[[Path], None]]:
    """Return the sheets of the best, median and worst faces, with the functions that draw them."""
    nme = measured.nme
    return sheets.extreme_sheets(nme, lambda i: _cell(measured, i, f"{nme[i]:.1f} %"))


def save_ced(curves: dict[str, Measured], path: Path, limit: float = 10.0) -> None:
    """Draw cumulative error distributions: share of faces (%) with an NME below x.

    A second plot without the jaw if all are of the 68 points. Missed faces count as above every x; the mean in the
    legend is over the detected faces.
    """
    inner = all(measured.scheme == topology.SCHEME for measured in curves.values())
    titles = ("68 points", "inner 51, without the jaw") if inner else ("",)
    figure = Figure(figsize=(6 * len(titles), 4.5), layout="constrained")
    axes = figure.subplots(1, len(titles), sharey=True, squeeze=False)[0]
    for axis, title, of_inner in zip(axes, titles, (False, True), strict=False):
        for name, measured in curves.items():
            _draw_ced(axis, name, measured.nme_51 if of_inner else measured.nme, len(measured.missed), limit)
        axis.set(xlim=(0, limit), ylim=(0, 100), xlabel=f"NME, % of the {_normalised_by(curves)}' distance")
        axis.set(title=title)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right", fontsize="small")
    axes[0].set(ylabel="faces, %")
    figure.savefig(path, dpi=110)


def _draw_ced(axis: Axes, name: str, errors: Floats, missed: int, limit: float) -> None:
    nme = np.sort(errors[np.isfinite(errors)])
    share = 100 * np.arange(len(nme) + 1) / max(len(nme) + missed, 1)
    label = f"{name}: mean {metrics.known_mean(nme):.2f} %" + (f", {missed} missed" if missed else "")
    axis.step([0, *nme, max(limit, *nme, 0)], [*share, share[-1]], where="post", label=label)


def _normalised_by(curves: dict[str, Measured]) -> str:
    corners = all(metrics.inter_ocular(m.truth[:1], m.scheme) is not None for m in curves.values())
    return "outer eye corners" if corners else "eye centres"


def _cell(measured: Measured, i: int, title: str) -> Image:
    """Draw a crop with prediction (green), ground truth (red), and a title."""
    crop = measured.crops[i]
    matrix = crop_matrix(crop, CELL_PX)
    predicted, truth = transform(measured.predicted[i], matrix), transform(measured.truth[i], matrix)
    image = cut(measured.samples[i].image, crop, CELL_PX)
    return sheets.drawn(image, predicted, truth, CELL_PX, title)
