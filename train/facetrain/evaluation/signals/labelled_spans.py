"""Speech, smiles, yawns, gestures, glances and fatigue in the labelled clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from facetrack.signals.eyes.perclos import Perclos
from facetrack.signals.face import P80
from facetrack.signals.fatigue import LEVELS, Fatigue, FatigueWeights
from facetrack.types import Event
from facetrain.evaluation.signals.followed_clips import PredictedEvent, TrackedClip
from facetrain.metrics.events import overlaps

FLAGS = {"talking": ("speaking", 10), "smile": ("smiling", 3)}
"""Kinds of labelled spans: the signal that tells them, and how many frames beside their edges are left out (what
docs/labels says an edge is good to)."""
LISTED = ("yawn", "nod", "shake", "nod_off", "glance_away", "distraction")
BETWEEN_CLIPS_S = 1.0
"""So that what is on at a clip's end is not carried into the next."""


@dataclass(frozen=True, slots=True)
class SpanScore:
    """In frames where the signal is known: inside the labelled spans, of these told; outside of them, of these told."""

    inside: int = 0
    predicted_inside: int = 0
    outside: int = 0
    predicted_outside: int = 0

    def __add__(self, other: SpanScore) -> SpanScore:
        return SpanScore(
            self.inside + other.inside, self.predicted_inside + other.predicted_inside, self.outside + other.outside,
            self.predicted_outside + other.predicted_outside,
        )  # fmt: skip

    @property
    def shares(self) -> tuple[float, float]:
        """Told inside and told outside, NaN where nothing is known."""
        return (
            self.predicted_inside / self.inside if self.inside else float("nan"),
            self.predicted_outside / self.outside if self.outside else float("nan"),
        )


def span_score(followed: TrackedClip, person: str, kind: str) -> SpanScore:
    """One person's spans of a kind. Unsure ones and the frames beside any edge count neither way."""
    name, margin = FLAGS[kind]
    end = followed.clip.frames - 1
    inside, uncertain = np.zeros(end + 1, bool), np.zeros(end + 1, bool)
    for label in followed.clip.of(person, [kind]):
        uncertain[max(0, label.first - margin) : label.last + margin + 1] = True
        if label.sure:
            first = label.first + margin * (label.first > 0)  # where the clip begins and ends there is no edge
            last = label.last - margin * (label.last < end)
            inside[first : max(first, last + 1)] = True
    for label in followed.clip.of(person, [kind], sure=False):
        inside[label.first : label.last + 1] = False
    cells = {True: [0, 0], False: [0, 0]}
    for index, signals in followed.persons[person].signals.items():
        predicted = getattr(signals, name)
        if predicted is not None and (inside[index] or not uncertain[index]):
            cells[bool(inside[index])][bool(predicted)] += 1
    return SpanScore(sum(cells[True]), cells[True][1], sum(cells[False]), cells[False][1])


@dataclass(frozen=True, slots=True)
class Listed:
    """An event that no label speaks of (or, for a yawn, that is false), and the labels it touches."""

    clip: str
    kind: str
    first: int
    last: int
    amplitude: float | None
    beside: str


def listed(followed: TrackedClip) -> list[Listed]:
    """Yawns (false, all of them: nobody yawns in these clips), gestures and glances."""
    return [
        Listed(
            followed.clip.name_of(person),
            e.kind,
            e.first,
            e.last,
            e.event.amplitude,
            _overlapping_labels(followed, person, e),
        )
        for person, series in followed.persons.items()
        for e in series.events
        if e.kind in LISTED
    ]


def _overlapping_labels(followed: TrackedClip, person: str, event: PredictedEvent) -> str:
    near = [label for label in followed.clip.labels if label.person == person and overlaps(label, event)]
    return ", ".join(f"{label.kind} {label.first}-{label.last}" for label in near) or "nothing labelled"


@dataclass(frozen=True, slots=True)
class FatigueScore:
    """seconds: followed. known_s: in which fatigue was known. highest, parts: the most fatigue, and what it was made
    of; highest_perclos: P80. entered: times that a
    level above "alert" was entered. microsleeps: told. All of it is false alarm where everybody is awake."""

    seconds: float
    known_s: float
    highest: float
    parts: dict[str, float]
    highest_perclos: float
    entered: dict[str, int]
    microsleeps: int

    def per_hour(self, count: int) -> float:
        return count * 3600 / self.seconds if self.seconds else float("nan")


def fatigue(clips: Sequence[TrackedClip]) -> FatigueScore:
    """As if all the clips' persons were one who was followed from clip to clip: PERCLOS and fatigue over the whole row,
    each person's eyes measured by their own levels."""
    perclos, tired = Perclos(P80, (60.0, 180.0)), Fatigue(FatigueWeights.load())
    offset_s = seconds = known_s = highest = highest_perclos = 0.0
    entered, level, microsleeps = dict.fromkeys(LEVELS[1:], 0), 0, 0
    parts: dict[str, float] = {}
    for clip in clips:
        for person, series in clip.persons.items():
            seconds += clip.seconds(person)
            microsleeps += sum(e.kind == "microsleep" for e in series.events)
            waiting = sorted((_shifted(e.event, offset_s) for e in series.events), key=lambda event: event.end_s)
            for index, signals in sorted(series.signals.items()):
                now_s = offset_s + float(clip.times[index])
                one, three = perclos.update(now_s, signals.eye_right_openness, signals.eye_left_openness)
                share = one if three is None else three
                ended = [event for event in waiting if event.end_s <= now_s]
                waiting = waiting[len(ended) :]
                found = tired.update(now_s, share, ended)
                if found is None or share is None:
                    level = 0
                    continue
                known_s += 1 / clip.clip.fps
                highest_perclos = max(highest_perclos, share)
                if found.value > highest:
                    highest, parts = found.value, {name: part for name, part in found.parts.items() if part > 0}
                now = LEVELS.index(found.level)
                for passed in range(level + 1, now + 1):
                    entered[LEVELS[passed]] += 1
                level = now
            offset_s += float(clip.times[-1]) + BETWEEN_CLIPS_S
    return FatigueScore(seconds, known_s, highest, parts, highest_perclos, entered, microsleeps)


def _shifted(event: Event, seconds: float) -> Event:
    return replace(event, start_s=event.start_s + seconds, end_s=event.end_s + seconds)
