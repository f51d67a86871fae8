"""Just enough SVG for timelines: a linear scale, paths of curves and bands, round ticks, times as text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from low to high onto pixels from `start` to `end`; values beyond are cut."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.0
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))


def line_path(runs: Iterable[Sequence[Point]]) -> str:
    """Return the `d` of a path through the points of each run; a run of one point is a dot (with round line caps)."""
    return "".join(f"M{_pair(run[0])}" + ("".join(f"L{_pair(p)}" for p in run[1:]) or "h0") for run in runs if run)


def band_path(upper: Sequence[Point], lower: Sequence[Point]) -> str:
    """Return the `d` of the closed area between two lines."""
    return "M" + "L".join(_pair(point) for point in (*upper, *reversed(lower))) + "Z"


def time_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most `most` round times in s: steps of 1, 2, 5 times a power of ten, of clock time from 30 s on."""
    if high <= low:
        return [low]
    step = next(s for s in _steps(high - low) if math.floor(high / s + 1e-9) - math.ceil(low / s - 1e-9) + 1 <= most)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def clock(time_s: float) -> str:
    """`12.5 s` below a minute, `3:07` from there on, `1:03:07` from an hour on."""
    if time_s < 60:
        return f"{time_s:.3g} s"
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(time_s: float) -> str:
    """`12.50 s` below a minute, `1:15.3` from there on: when in a clip something begins."""
    if time_s < 60:
        return f"{time_s:.2f} s"
    minutes, tenths = divmod(round(10 * time_s), 600)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}:{minutes:02}" if hours else f"{minutes}") + f":{tenths // 10:02}.{tenths % 10}"


def _steps(extent: float) -> Iterable[float]:
    smallest = math.floor(math.log10(extent)) - 2
    steps = [m * 10.0**e for e in range(smallest, smallest + 5) for m in (1, 2, 5)]
    doublings = max(3, math.ceil(math.log2(max(1.0, extent / 3600))) + 1)
    if extent >= 30:  # seconds: minutes and hours are round, hundreds are not
        steps = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, *(3600.0 * 2**k for k in range(2, doublings))]
    return sorted(steps)


def _number(value: float) -> str:
    """Two decimals are finer than any screen."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _pair(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"
