"""How landmarks bear what goes wrong: errors over the amount of each disturbance, for several networks in one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facetrack import topology
from facetrack.types import Floats
from facetrain.evaluation.landmarks.corruptions import ALL, Disturbance
from facetrain.evaluation.landmarks.measure import shown
from facetrain.evaluation.landmarks.methods import Entrant
from facetrain.metrics import landmarks as metrics
from facetrain.sample import Sample

FAILED_AT = 8.0
"""NME in % above which a face that was found has failed all the same: FR@8's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One entrant at one amount. faces: all that were looked for. nme_68, nme_51: means over the faces found, %, NaN
    where there are none. failed: share of all faces that were missed or have an NME above FAILED_AT, %."""

    disturbance: str
    unit: str
    amount: float
    entrant: str
    faces: int
    missed: int
    nme_68: float
    nme_51: float
    failed: float


def measure(
    entrants: dict[str, Entrant], samples: list[Sample], disturbances: tuple[Disturbance, ...] = ALL
) -> list[Row]:
    """Every entrant at every amount of every disturbance, in this order. samples: with all 68 points."""
    plain = _errors(entrants, samples, None, 0.0)
    rows = []
    for disturbance in disturbances:
        for amount in disturbance.amounts:
            same = disturbance.picture is not None and amount == disturbance.neutral
            errors = plain if same else _errors(entrants, samples, disturbance, amount)
            rows += [_row(disturbance, amount, name, found) for name, found in errors.items()]
    return rows


def _errors(
    entrants: dict[str, Entrant], samples: list[Sample], disturbance: Disturbance | None, amount: float
) -> dict[str, Floats]:
    """Name -> (N, 2) NME over the 68 and the inner 51 points in %, NaN where the face was missed."""
    title = "undisturbed" if disturbance is None else f"{disturbance.name} {amount:g}"
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in entrants}
    for sample in shown(samples, title):
        for name, nme in _one(entrants, sample, disturbance, amount).items():
            found[name].append(nme)
    return {name: np.array(pairs, np.float32) for name, pairs in found.items()}


def _one(
    entrants: dict[str, Entrant], sample: Sample, disturbance: Disturbance | None, amount: float
) -> dict[str, tuple[float, float]]:
    if disturbance is not None and disturbance.box is not None:
        move = disturbance.box(amount, disturbance.rng(sample))
        return {name: _nme(entrant.moved(sample, move), sample) for name, entrant in entrants.items()}
    if disturbance is not None and disturbance.picture is not None:
        sample = disturbance.picture(sample, amount, disturbance.rng(sample))
    return {name: _nme(entrant.seen(sample), sample) for name, entrant in entrants.items()}


def _nme(points: Floats | None, sample: Sample) -> tuple[float, float]:
    if points is None:
        return float("nan"), float("nan")
    per_point = metrics.nme_per_point(points[None], sample.points[None])[0]
    return float(per_point.mean()), float(per_point[list(topology.INNER_51)].mean())


def _row(disturbance: Disturbance, amount: float, name: str, errors: Floats) -> Row:
    missed = np.isnan(errors[:, 0])
    failed = missed | (errors[:, 0] > FAILED_AT)
    nme_68, nme_51 = (float(metrics.known_mean(errors[:, column])) for column in (0, 1))
    share = 100 * float(failed.mean())
    return Row(disturbance.name, disturbance.unit, amount, name, len(errors), int(missed.sum()), nme_68, nme_51, share)
