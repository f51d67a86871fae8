"""Robustness of landmark methods: errors over the amount of each corruption."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facetrack import topology
from facetrack.types import Floats
from facetrain.evaluation.landmarks.corruptions import ALL, Corruption
from facetrain.evaluation.landmarks.methods import Method
from facetrain.metrics import landmarks as metrics
from facetrain.reporting.progress import with_progress
from facetrain.sample import Sample

FAILURE_NME = 8.0
"""NME, %, above which a detected face counts as failed, as in FR@8."""


@dataclass(frozen=True, slots=True)
class Row:
    """Errors of one method at one amount of a corruption.

    faces: number of faces, missed ones included
    missed: number of faces that the detector missed
    nme_68, nme_51: means over the detected faces, %, NaN without any
    failed: share of all faces that were missed or have an NME above FAILURE_NME, %
    """

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
    """Measure every method at every amount of every corruption.

    samples: with all 68 points
    Returns the rows ordered by corruption, amount, method.
    """
    clean = _errors(methods, samples, None, 0.0)
    rows = []
    for corruption in corruptions:
        for amount in corruption.amounts:
            is_clean = corruption.picture is not None and amount == corruption.neutral
            errors = clean if is_clean else _errors(methods, samples, corruption, amount)
            rows += [_row(corruption, amount, name, method_errors) for name, method_errors in errors.items()]
    return rows


def _errors(
    methods: dict[str, Method], samples: list[Sample], corruption: Corruption | None, amount: float
) -> dict[str, Floats]:
    """Return by method the (N, 2) NME over the 68 and the inner 51 points, %, NaN if the face was missed."""
    title = "uncorrupted" if corruption is None else f"{corruption.name} {amount:g}"
    errors: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    for sample in with_progress(samples, title):
        for name, nme in _sample_errors(methods, sample, corruption, amount).items():
            errors[name].append(nme)
    return {name: np.array(pairs, np.float32) for name, pairs in errors.items()}


def _sample_errors(
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
