"""How landmarks bear what goes wrong: errors over the amount of each corruption, for several networks in one run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facetrack import topology
from facetrack.types import Floats
from facetrain.evaluation.landmarks.corruptions import ALL, Corruption
from facetrain.evaluation.landmarks.measure import shown
from facetrain.evaluation.landmarks.methods import Method
from facetrain.metrics import landmarks as metrics
from facetrain.sample import Sample

FAILURE_NME = 8.0
"""NME in % above which a face that was found has failed all the same: FR@8's."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method at one amount. faces: all that were looked for. nme_68, nme_51: means over the faces found, %, NaN
    where there are none. failed: share of all faces that were missed or have an NME above FAILED_AT, %."""

    corruption: str
    unit: str
    amount: float
    method: str
    faces: int
    missed: int
    nme_68: float
    nme_51: float
    failed: float


def measure(methods: dict[str, Method], samples: list[Sample], corruptions: tuple[Corruption, ...] = ALL) -> list[Row]:
    """Every method at every amount of every corruption, in this order. samples: with all 68 points."""
    plain = _errors(methods, samples, None, 0.0)
    rows = []
    for corruption in corruptions:
        for amount in corruption.amounts:
            same = corruption.picture is not None and amount == corruption.neutral
            errors = plain if same else _errors(methods, samples, corruption, amount)
            rows += [_row(corruption, amount, name, found) for name, found in errors.items()]
    return rows


def _errors(
    methods: dict[str, Method], samples: list[Sample], corruption: Corruption | None, amount: float
) -> dict[str, Floats]:
    """Name -> (N, 2) NME over the 68 and the inner 51 points in %, NaN where the face was missed."""
    title = "undisturbed" if corruption is None else f"{corruption.name} {amount:g}"
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for sample in shown(samples, title):
        for name, nme in _one(methods, sample, corruption, amount).items():
            found[name].append(nme)
    return {name: np.array(pairs, np.float32) for name, pairs in found.items()}


def _one(
    methods: dict[str, Method], sample: Sample, corruption: Corruption | None, amount: float
) -> dict[str, tuple[float, float]]:
    if corruption is not None and corruption.box is not None:
        move = corruption.box(amount, corruption.rng(sample))
        return {name: _nme(method.predict_shifted(sample, move), sample) for name, method in methods.items()}
    if corruption is not None and corruption.picture is not None:
        sample = corruption.picture(sample, amount, corruption.rng(sample))
    return {name: _nme(method.predict(sample), sample) for name, method in methods.items()}


def _nme(points: Floats | None, sample: Sample) -> tuple[float, float]:
    if points is None:
        return float("nan"), float("nan")
    per_point = metrics.nme_per_point(points[None], sample.points[None])[0]
    return float(per_point.mean()), float(per_point[list(topology.INNER_51)].mean())


def _row(corruption: Corruption, amount: float, name: str, errors: Floats) -> Row:
    missed = np.isnan(errors[:, 0])
    failed = missed | (errors[:, 0] > FAILURE_NME)
    nme_68, nme_51 = (float(metrics.known_mean(errors[:, column])) for column in (0, 1))
    share = 100 * float(failed.mean())
    return Row(corruption.name, corruption.unit, amount, name, len(errors), int(missed.sum()), nme_68, nme_51, share)
