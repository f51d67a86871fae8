"""Errors by how far the head is turned aside, which a mean over mostly frontal photographs hides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from facetrack import topology
from facetrack.pose import head_pose
from facetrack.types import Floats
from facetrain.evaluation.landmarks.measure import Measured
from facetrain.metrics import landmarks as metrics
from facetrain.reporting import markdown
from facetrain.sample import Sample

EDGES_DEG = (0.0, 15.0, 30.0, 45.0, math.inf)
UNKNOWN = "unknown"
SOURCE = (
    "NME of the 68 points / the inner 51, means over the faces found. Yaw is from the labelled points "
    "(facetrack.pose): about 2 degrees off on heads of other shapes, more under an unknown lens."
)


@dataclass(frozen=True, slots=True)
class YawBin:
    """faces: all in the bin, the missed ones too. nme, nme_51: means over those found, %, NaN where there are none.
    fr8: share of those found whose nme is above 8 %, %."""

    name: str
    faces: int
    missed: int
    nme: float
    nme_51: float
    fr8: float


def yaw_deg(sample: Sample) -> float:
    """How far the head is turned, from the labelled points, in degrees with the sign of `types.Pose`; NaN where they do
    not say."""
    if sample.scheme != topology.SCHEME:
        return math.nan
    pose = head_pose(sample.points, (sample.image.shape[1], sample.image.shape[0]))
    return math.nan if pose is None else pose.yaw_deg


def by_yaw(measured: Measured) -> list[YawBin]:
    """Figures for |yaw| from each of EDGES_DEG up to the next, and for the faces whose yaw is unknown, if any.

    Empty where the points are not the 68.
    """
    if measured.scheme != topology.SCHEME:
        return []
    found, missed = (np.abs([yaw_deg(s) for s in group]) for group in (measured.samples, measured.missed))
    nme, inner = measured.nme, measured.nme_51
    bins = [
        _bin(name, (found >= low) & (found < high), int(((missed >= low) & (missed < high)).sum()), nme, inner)
        for name, (low, high) in zip(names(), pairwise(EDGES_DEG), strict=True)
    ]
    nowhere = _bin(UNKNOWN, np.isnan(found), int(np.isnan(missed).sum()), nme, inner)
    return [*bins, nowhere] if nowhere.faces else bins


def names() -> list[str]:
    """0-15, 15-30, .. 45+."""
    return [f"{low:g}+" if math.isinf(high) else f"{low:g}-{high:g}" for low, high in pairwise(EDGES_DEG)]


def _bin(name: str, found: np.ndarray, missed: int, nme: Floats, inner: Floats) -> YawBin:
    count = int(found.sum())
    failed = metrics.failure_rate(nme[found]) if count else math.nan
    return YawBin(
        name,
        count + missed,
        missed,
        float(metrics.known_mean(nme[found])),
        float(metrics.known_mean(inner[found])),
        failed,
    )


def section(bins: dict[str, list[YawBin]]) -> str:
    """Markdown: a row for each bin, a column for each network; "" where nothing has bins. bins: by network."""
    head, *rows = cells(bins)
    return f"{markdown.table(head, rows)}\n{SOURCE}\n" if rows else ""


def cells(bins: dict[str, list[YawBin]]) -> list[tuple[str, ...]]:
    """The table as text, its head first. Faces: the first network's; where another has others, its cell says so."""
    known = {network: {b.name: b for b in found} for network, found in bins.items() if found}
    names_ = list(dict.fromkeys(name for found in known.values() for name in found))
    rows = [("yaw to either side, degrees", "faces", *known)]
    for name in names_:
        mine = [found.get(name) for found in known.values()]
        faces = next(b.faces for b in mine if b is not None)
        rows.append((name, f"{faces}", *(_cell(b, faces) for b in mine)))
    return rows


def _cell(found: YawBin | None, faces: int) -> str:
    if found is None or not found.faces:
        return "-"
    text = "none found" if math.isnan(found.nme) else f"{found.nme:.2f} / {found.nme_51:.2f}"
    text += f", {found.missed} missed" if found.missed else ""
    return text if found.faces == faces else f"{text}, of {found.faces}"
