"""Landmark errors by head yaw, which a mean over mostly frontal photographs hides."""

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
from facetrain.reporting.report import Table
from facetrain.sample import Sample

EDGES_DEG = (0.0, 15.0, 30.0, 45.0, math.inf)
UNKNOWN = "unknown"
YAW = "absolute yaw, degrees"
MEANING = {
    YAW: "computed from the labelled points (facetrack.pose): error about 2 degrees on heads of other shapes, more for "
    "an unknown focal length",
    "NME 68 / inner 51": "means over the detected faces",
}


@dataclass(frozen=True, slots=True)
class YawBin:
    """Errors of the faces in a range of yaw.

    faces: number of faces in the bin, missed ones included
    missed: number of faces that the detector missed
    nme, nme_51: means over the detected faces, %, NaN without any
    fr8: share of the detected faces whose nme is above 8 %, %
    """

    name: str
    faces: int
    missed: int
    nme: float
    nme_51: float
    fr8: float


def yaw_deg(sample: Sample) -> float:
    """Return the yaw computed from the labelled points, in degrees with the sign of `types.Pose`; NaN if unknown."""
    if sample.scheme != topology.SCHEME:
        return math.nan
    pose = head_pose(sample.points, (sample.image.shape[1], sample.image.shape[0]))
    return math.nan if pose is None else pose.yaw_deg


def by_yaw(measured: Measured) -> list[YawBin]:
    """Return the errors for |yaw| from each of EDGES_DEG to the next, and of the faces with unknown yaw, if any.

    Empty if the points are not in the 68-point scheme.
    """
    if measured.scheme != topology.SCHEME:
        return []
    yaw, missed_yaw = (np.abs([yaw_deg(s) for s in group]) for group in (measured.samples, measured.missed))
    nme, inner = measured.nme, measured.nme_51
    bins = []
    for name, (low, high) in zip(bin_names(), pairwise(EDGES_DEG), strict=True):
        missed = int(((missed_yaw >= low) & (missed_yaw < high)).sum())
        bins.append(_bin(name, (yaw >= low) & (yaw < high), missed, nme, inner))
    unknown = _bin(UNKNOWN, np.isnan(yaw), int(np.isnan(missed_yaw).sum()), nme, inner)
    return [*bins, unknown] if unknown.faces else bins


def bin_names() -> list[str]:
    """Return the names of the bins: 0-15, 15-30, .. 45+."""
    return [f"{low:g}+" if math.isinf(high) else f"{low:g}-{high:g}" for low, high in pairwise(EDGES_DEG)]


def _bin(name: str, chosen: np.ndarray, missed: int, nme: Floats, inner: Floats) -> YawBin:
    """Return the errors of the chosen ones of the (N,) detected faces."""
    count = int(chosen.sum())
    failed = metrics.failure_rate(nme[chosen]) if count else math.nan
    mean, inner_mean = (float(metrics.known_mean(errors[chosen])) for errors in (nme, inner))
    return YawBin(name, count + missed, missed, mean, inner_mean, failed)


def tables(bins: dict[str, list[YawBin]]) -> list[Table]:
    """Return the table of the bins: a row per bin, a column per network; empty without bins.

    The number of faces is that of the first network; a cell of another network with a different number states it.
    """
    by_network = {network: {b.name: b for b in network_bins} for network, network_bins in bins.items() if network_bins}
    names = list(dict.fromkeys(name for by_name in by_network.values() for name in by_name))
    rows = []
    for name in names:
        row_bins = [by_name.get(name) for by_name in by_network.values()]
        faces = next(b.faces for b in row_bins if b is not None)
        rows.append([name, f"{faces}", *(_cell(b, faces) for b in row_bins)])
    return [Table("NME 68 / inner 51 by yaw, %", (YAW, "faces", *by_network), rows)] if rows else []


def _cell(yaw_bin: YawBin | None, faces: int) -> str:
    if yaw_bin is None or not yaw_bin.faces:
        return "-"
    text = "none detected" if math.isnan(yaw_bin.nme) else f"{yaw_bin.nme:.2f} / {yaw_bin.nme_51:.2f}"
    text += f", {yaw_bin.missed} missed" if yaw_bin.missed else ""
    return text if yaw_bin.faces == faces else f"{text}, of {yaw_bin.faces}"
