"""Report of the eye network (`facetrack eval eyes`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.engine.trial import interleaved_ms
from facetrack.eyes import EyeReader
from facetrack.types import Floats, Image
from facetrain.evaluation.eyes.points import Irises, Points
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table

MEANING = {
    "area": "ROC area of shut against lowered (covered against seen) eyes: probability that a shut one scores higher",
    "both eyes": "by picture: the mean of the eyes that were read in it",
    "first, second": "NME, % of the outer eye corners: the landmark network's points; the eyes' twelve replaced",
    "fused": "NME of both networks' points weighted by their sigmas, as the tracker has them",
    "state": "log odds of shut against lowered",
    "gap": "the predicted lid gap over the eye's width",
    "contour": "the same from the six predicted points",
}


@dataclass(slots=True)
class Figures:
    """What was measured; empty for what was not asked for."""

    points: dict[str, Points] = field(default_factory=dict)
    lids: dict[str, dict[str, float]] = field(default_factory=dict)
    people: list[tuple[str, float, float, float]] = field(default_factory=list)
    irises: Irises | None = None
    infrared: dict[str, float] = field(default_factory=dict)
    covered: dict[str, dict[str, float]] = field(default_factory=dict)
    times_ms: dict[str, float] = field(default_factory=dict)


def report(figures: Figures, title: str, plots: Mapping[str, Callable[[Path], None]]) -> Report:
    """Return the report of what was measured."""
    tables, values = [], dict[str, Any]()
    if figures.points:
        values["points"] = {
            name: points.figures() | {"missed": points.missed} for name, points in figures.points.items()
        }
        tables.append(_columns("points, NME in %", values["points"]))
    if figures.lids:
        values["lids"] = figures.lids
        tables.append(_columns("lids, people that training did not see", figures.lids))
        values["people"] = {name: {"state": a, "gap": b, "eyes": n} for name, a, b, n in figures.people}
        rows = [[name, *(markdown.number(v) for v in (a, b, n))] for name, a, b, n in figures.people]
        tables.append(Table("ROC area by person of the clips", ("person", "state", "gap", "eyes"), rows))
    if figures.irises is not None:
        values["irises"] = {name: iris_figures(error) for name, error in _methods(figures.irises).items()}
        tables.append(_columns("iris centre, error in % of the eye's width", values["irises"]))
    if figures.infrared:
        values["infrared"] = figures.infrared
        tables.append(_columns("infrared eyes, open or closed, %", {"held-out subjects": figures.infrared}))
    if figures.covered:
        values["covered"] = figures.covered
        tables.append(_columns("covered, on held-out eyes", figures.covered))
    if figures.times_ms:
        values["times_ms"] = figures.times_ms
        first = next(iter(figures.times_ms.values()))
        rows = [[name, f"{ms:.4f}", f"{ms / first:.3f}"] for name, ms in figures.times_ms.items()]
        tables.append(Table("time, interleaved, one thread", ("part", "ms", "relative"), rows))
    return Report(title, tables, values, (), MEANING, plots)


def _methods(irises: Irises) -> dict[str, Floats]:
    both = np.isfinite(irises.ours) & np.isfinite(irises.mediapipe)
    common = {"eye network": np.where(both, irises.ours, np.nan), "MediaPipe": np.where(both, irises.mediapipe, np.nan)}
    return common | {"eye network, all it found": irises.ours}


def iris_figures(error: Floats) -> dict[str, float]:
    """Return the statistics of (N, 2) errors in %."""
    known = error[np.isfinite(error)]
    if not known.size:
        return {"eyes": 0.0}
    return {
        "mean": float(known.mean()), "median": float(np.median(known)),
        "90th percentile": float(np.quantile(known, 0.9)), "eyes": float(known.size),
        "missed": float((~np.isfinite(error)).sum()),
    }  # fmt: skip


def _columns(title: str, columns: Mapping[str, Mapping[str, float]]) -> Table:
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows = [
        [name, *(markdown.number(column[name]) if name in column else "" for column in columns.values())]
        for name in names
    ]
    return Table(title, ("figure", *columns), rows)


def race(
    landmarks: Callable[[], object], reader: EyeReader, image: Image, points: Floats, timer: Callable[[], float],
    seconds: float = 6.0,
) -> dict[str, float]:  # fmt: skip
    """Time the landmark network, the two eyes of one face and those of four, cropping included, interleaved; ms."""
    ways: dict[str, Callable[[], object]] = {
        "landmark network, one face": landmarks,
        "eyes of one face": lambda: reader(image, [points]),
        "eyes of four faces": lambda: reader(image, [points] * 4),
    }
    return interleaved_ms(ways, seconds, timer)
