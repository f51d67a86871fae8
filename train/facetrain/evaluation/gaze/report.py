"""Report of the gaze (`facetrack eval gaze`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facetrain.evaluation.gaze.heads import BINS_DEG, HeadErrors
from facetrain.evaluation.gaze.looks import Second, shares
from facetrain.reporting import markdown
from facetrain.reporting.report import Report, Table

NOTES = (
    "No gaze of real people with known targets is here: Columbia (Smith et al., UIST 2013) and MPIIGaze (Zhang et al., "
    "CVPR 2015) are not. Rendered heads have exact gaze; scut_eyes has pupils by hand.",
)
MEANING = {
    "eye network": "the tracker's pose and the eye network's looks (else its irises and corners), no zero learnt",
    "head alone": "the head's direction taken for the gaze",
    "exact irises": "the tracker's points and pose, irises from the geometry",
    "exact irises and corners": "the tracker's pose, irises and corners of the eyes from the geometry: what the "
    "eyeballs and the pose leave of the error",
    "MediaPipe's irises": "irises and corners of its mesh on the same eyeballs, the pose of its points",
    "slope": "by how much the found angle in the head grows with the true one",
    "recognised": "share of the rendered seconds whose frames mostly say the look, the head still, a second each",
}


@dataclass(slots=True)
class GazeFigures:
    """What was measured; empty for what was not asked for. looks: by method."""

    heads: HeadErrors | None = None
    looks: dict[str, list[Second]] = field(default_factory=dict)
    pupils: dict[str, float] = field(default_factory=dict)


def report(found: GazeFigures, title: str, plots: Mapping[str, Callable[[Path], None]]) -> Report:
    """Return the report of what was measured."""
    tables, values = [], dict[str, Any]()
    if found.heads is not None:
        heads = found.heads
        tables += [_errors(heads), _in_head(heads)]
        values["heads"] = {
            "errors_deg": {name: _by_bin(heads, name) for name in heads.errors},
            "slopes": {name: heads.slopes(name) for name in heads.in_head},
            "iris_percent": {name: float(np.mean(errors)) for name, errors in heads.iris.items()},
            "sigma_deg": float(np.nanmean(heads.sigma_deg)),
        }
    if found.looks:
        values["recognised"] = {name: shares(seconds) for name, seconds in found.looks.items()}
        tables.append(_recognised(values["recognised"], found.looks))
    if found.pupils:
        values["pupils"] = found.pupils
        rows = [[name, markdown.number(value)] for name, value in found.pupils.items()]
        tables.append(Table("held-out pupils of scut_eyes", ("figure", "eye network"), rows))
    return Report(title, tables, values, NOTES, MEANING, plots)


def _by_bin(heads: HeadErrors, method: str) -> dict[str, float]:
    return {f"{low:g}-{high:g}": heads.mean_deg(method, low, high) for low, high in BINS_DEG}


def _errors(heads: HeadErrors) -> Table:
    turned = np.abs(heads.yaw_deg)
    rows = []
    for low, high in BINS_DEG:
        inside = int(((turned >= low) & (turned < high)).sum())
        rows.append(
            [f"{low:g} to {high:g}", str(inside), *(f"{heads.mean_deg(n, low, high):.1f}" for n in heads.errors)]
        )
    return Table("mean error on rendered heads, degrees, by yaw of the head", ("yaw", "heads", *heads.errors), rows)


def _in_head(heads: HeadErrors) -> Table:
    rows = []
    for name in heads.errors:
        missed = sum(not math.isfinite(error) for error in heads.errors[name])
        iris = heads.iris.get({"MediaPipe's irises": "MediaPipe"}.get(name, name), [])
        across, down = heads.slopes(name)
        rows.append([
            name, f"{across:.2f}", f"{down:.2f}", f"{np.mean(iris):.1f} %" if iris else "-", str(missed),
        ])  # fmt: skip
    head = ("method", "slope across", "slope up and down", "iris, % of the eye's width", "missed")
    return Table("how far the found look follows the true one", head, rows)


def _recognised(recognised: Mapping[str, Mapping[str, float]], looks: Mapping[str, Sequence[Second]]) -> Table:
    names = list(next(iter(recognised.values())))
    rows = [[name, *(f"{100 * row[name]:.0f} %" for row in recognised.values())] for name in names]
    rows.append(["seconds", *(str(len(seconds)) for seconds in looks.values())])
    return Table("seconds recognised, still head", ("look", *recognised), rows)
