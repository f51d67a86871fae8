"""One closing and opening of the lids, sample by sample, and its measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[float | None, float | None]
"""Of the person's (right, left) eye; None where unknown."""


FALLS_FROM, FALLS_TO = 0.5, 0.2
"""Shares of the way between which the speed is taken: late enough that a squint just before does not count, early
enough that the lids' slow last bit does not either."""


@dataclass(frozen=True, slots=True)
class Sample:
    """eyes: openness 0..1."""

    time_s: float
    eyes: Pair


@dataclass(frozen=True, slots=True)
class Measures:
    """start_s, end_s: when the lids passed half of their way, down and up again, which is how a blink's duration is
    taken (Caffier, Erdmann and Ullsperger, Eur. J. Appl. Physiol. 89, 2003; straight lines between frames).
    amplitude: the way, in openness. closing_s: what the lids took from 50 % to 20 % of it, measured from shut: the part
        in which a lid falls, whatever it did before.
    """

    start_s: float
    end_s: float
    amplitude: float
    closing_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def closing_speed_per_s(self) -> float:
        """Openness per second over the part of the way that closing_s takes."""
        return (FALLS_FROM - FALLS_TO) * self.amplitude / self.closing_s


def mean_openness(eyes: Pair, used: Sequence[int]) -> float | None:
    """Of the eyes with these indices; None unless all are known."""
    known = [value for index in used if (value := eyes[index]) is not None]
    return sum(known) / len(known) if len(known) == len(used) > 0 else None


def measures(before: Sequence[Sample], during: Sequence[Sample], used: Sequence[int], level: float) -> Measures | None:
    """A closure's measures from the samples that led into it and its own, up to the one that shows the eyes open again.

    used: indices of the eyes that took part, whose mean is measured; each must be known in all samples of `during`.
    level: that mean before the closing. None where the start was not seen.
    """
    trace = [(s.time_s, x) for s in during if (x := mean_openness(s.eyes, used)) is not None]
    shut = min(x for _, x in trace)
    amplitude = level - shut
    if amplitude <= 0.0:
        return None
    half = level - amplitude / 2.0
    first = next(i for i, (_, x) in enumerate(trace) if x <= half)
    last = max(i for i, (_, x) in enumerate(trace) if x <= half)
    way_in = _way_in(before, used) + trace
    first += len(way_in) - len(trace)
    start_s = _passed(way_in, first, half)
    low = next(i for i in range(first, len(way_in)) if way_in[i][1] <= shut + FALLS_TO * amplitude)
    high_s = _passed(way_in, low, shut + FALLS_FROM * amplitude)
    low_s = _passed(way_in, low, shut + FALLS_TO * amplitude)
    if start_s is None or high_s is None or low_s is None:
        return None
    end_s = trace[last][0] if last + 1 == len(trace) else _between(trace[last], trace[last + 1], half)
    return Measures(start_s, end_s, amplitude, low_s - high_s)


def time_below(samples: Sequence[Sample], used: Sequence[int], threshold: float) -> float:
    """Seconds for which the mean of these eyes was at or under the threshold; a step counts as what it led to."""
    return sum(
        b.time_s - a.time_s
        for a, b in pairwise(samples)
        if (x := mean_openness(b.eyes, used)) is not None and x <= threshold
    )


def last_index(samples: Sequence[Sample], fits: Callable[[Sample], bool]) -> int | None:
    """Of the last sample that fits."""
    return next((i for i in range(len(samples) - 1, -1, -1) if fits(samples[i])), None)


def _way_in(before: Sequence[Sample], used: Sequence[int]) -> list[tuple[float, float]]:
    """The unbroken run of known values at the end of `before`."""
    found: list[tuple[float, float]] = []
    for sample in reversed(before):
        value = mean_openness(sample.eyes, used)
        if value is None:
            break
        found.append((sample.time_s, value))
    return found[::-1]


def _passed(trace: Sequence[tuple[float, float]], index: int, threshold: float) -> float | None:
    """When the series last fell through a threshold on its way to the value at index; None if that was not seen."""
    while index >= 0 and trace[index][1] <= threshold:
        index -= 1
    return None if index < 0 else _between(trace[index], trace[index + 1], threshold)


def _between(a: tuple[float, float], b: tuple[float, float], threshold: float) -> float:
    """When the straight line from a to b passes the threshold."""
    return a[0] + (b[0] - a[0]) * (threshold - a[1]) / (b[1] - a[1])
