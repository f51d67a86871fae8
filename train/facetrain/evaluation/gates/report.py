"""Report of `facetrack eval gates`: shares of usable, wrong and faceless readings that pass, by picture and by yaw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facetrack.tracking.confidence import Confidence
from facetrain.evaluation.gates.fit import FALSE_ENTER, FALSE_KEEP, USABLE_ERROR, WRONG_ERROR, Readings, stored
from facetrain.reporting.report import Report, Table

YAW_BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 120.0))
LEVELS = ("enter", "keep", "clear")
Part = NDArray[np.bool_]


def report(readings: Readings, models: Mapping[str, Confidence], title: str) -> Report:
    """Compare gates on the readings that no fit has seen. models: by name."""
    measured = ~readings.fitted
    usable, wrong = measured & (readings.usable == 1), measured & (readings.usable == 0) & ~readings.faceless
    parts: dict[str, Part] = {"usable points": usable}
    parts |= {f"usable, yaw {low:g}-{high:g}": usable & _within(readings, low, high) for low, high in YAW_BINS_DEG}
    kinds = [kind for kind in sorted(set(readings.kind[usable].tolist())) if kind]
    parts |= {f"usable, {kind}": usable & (readings.kind == kind) for kind in kinds}
    parts |= {"wrong points on a face": wrong, "no face": measured & readings.faceless}
    for source in sorted(set(readings.source[readings.faceless].tolist())):
        parts[f"no face: {source}"] = measured & readings.faceless & (readings.source == source)
    rows, figures = [], {}
    for name, model in models.items():
        odds = readings.log_odds(model)
        shares = {part: _shares(odds[chosen], model) for part, chosen in parts.items() if chosen.any()}
        figures[name] = {"gates": stored(model), "passing": shares}
        rows += [
            [name, part, str(int(parts[part].sum())), *(f"{share[level]:.2%}" for level in LEVELS)]
            for part, share in shares.items()
        ]
    notes = [f"{name}: {stored(model)}" for name, model in models.items()]
    table = Table("readings that pass", ("gates", "readings", "number", *LEVELS), rows)
    return Report(f"Gates of {title}", [table], figures, notes, MEANING)


def _within(readings: Readings, low: float, high: float) -> Part:
    return np.asarray((readings.yaw_deg >= low) & (readings.yaw_deg < high))


def _shares(odds: NDArray[np.float64], model: Confidence) -> dict[str, float]:
    return {level: float((odds >= getattr(model, level)).mean()) for level in LEVELS}


MEANING = {
    "usable points": f"inner points off by at most {USABLE_ERROR:.0%} of the root of the face's box; wrong ones by at "
    f"least {WRONG_ERROR:.0%}; half of the pictures, which the fit has not seen",
    "enter": f"passes as a new face: the level that {FALSE_ENTER:.2%} of the fit's readings without a face reach",
    "keep": f"passes as a followed face: {FALSE_KEEP:.1%} of them",
    "clear": "is shown at once and gives its embedding",
}
