"""Told events beside labelled ones: which are right, which are missed, which are false."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

TOLERANCE = 2
"""Frames by which an event may miss a label and still be it: a lid's last third is a judgement."""


class Span(Protocol):
    """First and last frame, both included."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Matching:
    """pairs: (index of the label, index of the event). missed: indices of labels. false: indices of events."""

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@dataclass(frozen=True, slots=True)
class Counts:
    """onset, end: event's first (last) frame minus the label's, of each true one. seconds: of followed time; known_s:
    of these, in which an eye was known."""

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
        """By the names of FIGURES; NaN for a ratio over nothing."""
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
    """Whether two spans have a frame in common, or would if one were that much longer at both ends."""
    return one.first <= other.last + tolerance and other.first <= one.last + tolerance


def match(labels: Sequence[Span], events: Sequence[Span], ignore: Sequence[Span] = ()) -> Matching:
    """Pair each label with at most one event that touches it: as many pairs as there can be, and of these choices the
    one that overlaps most. An event without a label is false unless it touches one of `neither`."""
    gain = np.zeros((len(labels), len(events)))
    for row, label in enumerate(labels):
        for column, event in enumerate(events):
            if overlaps(label, event):
                gain[row, column] = 2 * min(gain.shape) + _overlap(label, event)
    found = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    pairs = tuple((int(row), int(column)) for row, column in found if gain[row, column] > 0)
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
    onset = tuple(events[event].first - labels[label].first for label, event in matched.pairs)
    end = tuple(events[event].last - labels[label].last for label, event in matched.pairs)
    return Counts(onset, end, len(matched.missed), len(matched.false), seconds, known_s)


def _overlap(one: Span, other: Span) -> float:
    """Common frames over those of both, 0..1."""
    common = min(one.last, other.last) - max(one.first, other.first) + 1
    return max(0, common) / (max(one.last, other.last) - min(one.first, other.first) + 1)
