"""Matching of predicted events to labelled ones: true positives, misses, false alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

TOLERANCE = 2
"""Tolerance of a match, in frames: where a lid's last third begins and ends is up to the labeller."""


class Span(Protocol):
    """Span of frames: first and last, both included."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Matching:
    """Matched labels and events.

    pairs: (index of the label, index of the event)
    missed: indices of unmatched labels
    false: indices of unmatched events
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of true, missed and false events, and the timing errors of the true ones.

    onset, end: event's first (last) frame minus the label's, of each true event
    missed, false: number of unmatched labels and events
    seconds: time in which the person was tracked
    known_s: part of it in which the openness of an eye was known
    """

    onset: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    missed: int = 0
    false: int = 0
    seconds: float = 0.0
    known_s: float = 0.0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.onset + other.onset, self.end + other.end, self.missed + other.missed, self.false + other.false,
            self.seconds + other.seconds, self.known_s + other.known_s,
        )  # fmt: skip

    @property
    def true(self) -> int:
        return len(self.onset)

    @property
    def precision(self) -> float:
        return _ratio(self.true, self.true + self.false)

    @property
    def recall(self) -> float:
        return _ratio(self.true, self.true + self.missed)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.true, 2 * self.true + self.false + self.missed)

    @property
    def false_per_hour(self) -> float:
        return _ratio(self.false * 3600, self.seconds)

    def figures(self) -> dict[str, float]:
        """Return the figures named in FIGURES; NaN for a ratio over nothing."""
        onset, end = np.array(self.onset or [np.nan], float), np.array(self.end or [np.nan], float)
        return {
            "true": self.true, "missed": self.missed, "false": self.false,
            "precision": self.precision, "recall": self.recall, "f1": self.f1,
            "onset_error": float(onset.mean()), "onset_abs": float(np.abs(onset).mean()),
            "end_error": float(end.mean()), "end_abs": float(np.abs(end).mean()),
            "false_per_hour": self.false_per_hour, "minutes": self.seconds / 60,
            "minutes_known": self.known_s / 60,
        }  # fmt: skip


FIGURES = tuple(Counts().figures())
"""Names of the figures of `Counts`."""


def overlaps(one: Span, other: Span, tolerance: int = TOLERANCE) -> bool:
    """Return whether two spans overlap within `tolerance` frames."""
    return one.first <= other.last + tolerance and other.first <= one.last + tolerance


def match(labels: Sequence[Span], events: Sequence[Span], ignore: Sequence[Span] = ()) -> Matching:
    """Match labels and events one to one: as many pairs as possible, and of those assignments the largest overlap.

    ignore: spans such that an unmatched event that overlaps one of them is not counted as false
    """
    # The constant term makes any additional pair worth more than every overlap together.
    gain = np.zeros((len(labels), len(events)))
    for row, label in enumerate(labels):
        for column, event in enumerate(events):
            if overlaps(label, event):
                gain[row, column] = 2 * min(gain.shape) + _overlap(label, event)
    assigned = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    pairs = tuple((int(row), int(column)) for row, column in assigned if gain[row, column] > 0)
    paired_labels, paired_events = {row for row, _ in pairs}, {column for _, column in pairs}
    return Matching(
        pairs,
        tuple(row for row in range(len(labels)) if row not in paired_labels),
        tuple(
            column for column, event in enumerate(events)
            if column not in paired_events and not any(overlaps(event, span) for span in ignore)
        ),
    )  # fmt: skip


def counts(
    labels: Sequence[Span], events: Sequence[Span], matched: Matching, seconds: float, known_s: float = 0.0
) -> Counts:
    """Return the counts and timing errors of matched labels and events."""
    onset = tuple(events[event].first - labels[label].first for label, event in matched.pairs)
    end = tuple(events[event].last - labels[label].last for label, event in matched.pairs)
    return Counts(onset, end, len(matched.missed), len(matched.false), seconds, known_s)


def _overlap(one: Span, other: Span) -> float:
    """Return the temporal IoU of two spans, 0..1; the union includes the frames between them."""
    common = min(one.last, other.last) - max(one.first, other.first) + 1
    return max(0, common) / (max(one.last, other.last) - min(one.first, other.first) + 1)
