"""What a frame says of the lids; one closing and opening of them, and its measures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from facetrack.signals.windows.lasting import LastingEvent
from facetrack.types import Event

Pair = tuple[float | None, float | None]
"""Values of the person's (right, left) eye; None where unknown."""
Trace = Sequence[tuple[float, float]]
"""(time_s, openness 0..1), in order."""

FALLS_FROM, FALLS_TO = 0.5, 0.2
"""Shares of the way between which the speed is taken: late enough that a squint just before does not count, early
enough that the lids' slow last bit does not either."""
FAST_FROM, FAST_TO = 0.25, 0.65
"""Shares of the way from the level down between which `fall_s` is taken: of lids that shut, from .75 to .35 of the open
gap, which tells a blink (.07 s, 90 % under .40 s) from a look down (1.1 to 1.6 s) in the project's clips."""

SEEN_FROM = 0.65
"""Share of the level from which a fall counts from the highest point seen, where what lies above was not: a face that
has just come into sight."""


@dataclass(frozen=True, slots=True)
class LidFrame:
    """What a frame says of both eyes' lids.

    eyes: openness 0..1 of the person's (right, left) eye, linear in the lids; None where it cannot be seen.
    lowered, shut: the network's mean probabilities over the seen eyes, None where it says nothing (all states alike).
    gaze_down_deg: the eyes in the head against how they usually look, positive down. pitch_deg: the head against how it
        is usually held, positive up. smile: 0..1 as the network reads it.
    """

    time_s: float
    eyes: Pair
    lowered: float | None = None
    shut: float | None = None
    gaze_down_deg: float | None = None
    pitch_deg: float | None = None
    smile: float | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """Measures of one closure.

    start_s, end_s: when the lids passed half of their way, down and up again, which is how a blink's duration is taken
        (Caffier, Erdmann and Ullsperger, Eur. J. Appl. Physiol. 89, 2003; straight lines between frames). Of the
        openness as it is read, that is: half of it is where rendered lids are some 83 % closed (`facetrack eval
        signals`: .90 is read when they are half closed, .73 at 70 %, .26 at 90 %), so durations are some 70 ms shorter
        than between half and half of the lids' own way, 25 ms shorter than of lids 70 % closed.
    amplitude: the way, in openness. closing_s: what the lids took from 50 % to 20 % of it, measured from shut: the part
        in which a lid falls, whatever it did before.
    level: openness before the closing. fall_s: what the lids took from FAST_FROM to FAST_TO of their way, inf where the
        beginning of that was not seen.
    """

    start_s: float
    end_s: float
    amplitude: float
    closing_s: float
    level: float = 1.0
    fall_s: float = math.inf

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def completeness(self) -> float:
        """Share of the way from its level to shut that the lids went, 0..1; under about .8 the blink is incomplete."""
        return min(1.0, self.amplitude / self.level) if self.level > 0.0 else 0.0

    @property
    def closing_speed_per_s(self) -> float:
        """Openness per second over the part of the way that closing_s takes."""
        return (FALLS_FROM - FALLS_TO) * self.amplitude / self.closing_s


def measures(before: Trace, during: Trace, level: float) -> Measures | None:
    """Measure a closure; None where its start was not seen.

    before: what led into it, without a gap. during: its own frames, up to the one that shows the eye open again.
    level: openness before the closing.
    """
    shut = min(x for _, x in during)
    amplitude = level - shut
    if amplitude <= 0.0:
        return None
    half = level - amplitude / 2.0
    last = max(i for i, (_, x) in enumerate(during) if x <= half)
    way = [*before, *during]
    first = len(before) + next(i for i, (_, x) in enumerate(during) if x <= half)
    start_s = _passed(way, first, half)
    low = next(i for i in range(first, len(way)) if way[i][1] <= shut + FALLS_TO * amplitude)
    high_s = _passed(way, low, shut + FALLS_FROM * amplitude)
    low_s = _passed(way, low, shut + FALLS_TO * amplitude)
    if start_s is None or high_s is None or low_s is None:
        return None
    end_s = during[last][0] if last + 1 == len(during) else between(during[last], during[last + 1], half)
    return Measures(start_s, end_s, amplitude, low_s - high_s, level, _fall_s(way, len(before), level, amplitude))


def _fall_s(way: Trace, first: int, level: float, amplitude: float) -> float:
    """Return `Measures.fall_s`; first: index of the closure's own first sample in `way`."""
    under = next(i for i in range(first, len(way)) if way[i][1] <= level - FAST_TO * amplitude)
    from_s, to_s = _passed(way, under, level - FAST_FROM * amplitude), _passed(way, under, level - FAST_TO * amplitude)
    if from_s is None and first > 0:
        highest, at_s = max((x, t) for t, x in way[:first])
        from_s = at_s if highest >= SEEN_FROM * level else None
    return math.inf if from_s is None or to_s is None else to_s - from_s


def ended(
    parts: Iterable[LastingEvent], found: Measures, evidence: Mapping[str, float] | None = None
) -> tuple[Event, ...]:
    """End the events that a closure was, by its measures; evidence: None leaves that of their beginning."""
    speed = found.closing_speed_per_s
    ends = [
        part.end(found.end_s, found.amplitude, start_s=found.start_s, closing_speed_per_s=speed, evidence=evidence)
        for part in parts
    ]
    return tuple(chain.from_iterable(ends))


def time_below(trace: Trace, threshold: float) -> float:
    """Seconds at or under the threshold; a step counts as what it led to."""
    return sum(b[0] - a[0] for a, b in pairwise(trace) if b[1] <= threshold)


def _passed(trace: Trace, index: int, threshold: float) -> float | None:
    """Return when the series last fell through a threshold on its way to the value at index; None if not seen."""
    while index >= 0 and trace[index][1] <= threshold:
        index -= 1
    return None if index < 0 else between(trace[index], trace[index + 1], threshold)


def between(a: tuple[float, float], b: tuple[float, float], threshold: float) -> float:
    """Return when the straight line from a to b passes the threshold, between them."""
    if a[1] == b[1]:
        return b[0]
    return a[0] + (b[0] - a[0]) * min(1.0, max(0.0, (threshold - a[1]) / (b[1] - a[1])))
