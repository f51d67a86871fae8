"""What the frames before and during a closure say, noise taken off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facetrack.signals.eyes.closure import LidFrame, Measures

BEFORE_S = 0.6
"""Seconds before a closure over which the head and the gaze are taken as its evidence."""
RESTED_S = 0.3
"""Seconds before a closure over which the lids rested where they fell from."""
HEAD_FOLLOWS_S = 1.0
"""A head that goes down within so long of the lids looks down with them; one that nods off follows later."""


def frames_before(frames: Iterable[LidFrame], found: Measures) -> list[LidFrame]:
    """Return the frames that led into a closure."""
    return [f for f in frames if found.start_s - BEFORE_S <= f.time_s < found.start_s - found.closing_s]


def deepest(during: Iterable[LidFrame], part: int = 3) -> float:
    """Return the openness at which the lids rest in a closure: the mean of the eyes, its lower third (2: half)."""
    known = sorted(x for frame in during if (x := mean(frame.eyes)) is not None)
    return known[len(known) // part] if known else 1.0


def rested(frames: Iterable[LidFrame], found: Measures) -> float:
    """Return the openness at which the lids rested just before: the upper quartile of the mean of the eyes, or 0."""
    before = [f for f in frames if found.start_s - RESTED_S <= f.time_s < found.start_s]
    known = sorted(x for frame in before if (x := mean(frame.eyes)) is not None)
    return known[3 * len(known) // 4] if known else 0.0


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what is known; None if nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
