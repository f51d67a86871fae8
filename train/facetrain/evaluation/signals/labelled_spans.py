"""Scores of speech, smiles, yawns, gestures, glances and fatigue in the labelled clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np

from facetrack.signals.eyes.perclos import Perclos
from facetrack.signals.face import P80
from facetrack.signals.fatigue import LEVELS, Fatigue, FatigueWeights
from facetrack.types import Event
from facetrain.evaluation.signals.followed_clips import PredictedEvent, TrackedClip
from facetrain.metrics.events import overlaps

FLAGS = {"talking": ("mouth.speaking", 10), "smile": ("smile.smiling", 3)}
"""Kinds of labelled spans: (the signal that predicts them, margin in frames around the edges, which is excluded).

The margin is the accuracy of an edge according to docs/labels.
"""
LISTED = ("yawn", "nod", "shake", "nod_off", "glance_away", "distraction")
"""Kinds of events that are listed, not scored."""
BETWEEN_CLIPS_S = 1.0
"""Time between two clips in a sequence, so that a state at the end of a clip does not extend into the next."""


@dataclass(frozen=True, slots=True)
class SpanScore:
    """Frame counts where the signal is known.

    inside, predicted_inside: frames inside the labelled spans, and of these the predicted positives
    outside, predicted_outside: frames outside the labelled spans, and of these the predicted positives
    """

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
        """Shares of predicted positives inside and outside (true and false positive rate), NaN without frames."""
        return (
            self.predicted_inside / self.inside if self.inside else float("nan"),
            self.predicted_outside / self.outside if self.outside else float("nan"),
        )


def span_score(tracked: TrackedClip, person: str, kind: str) -> SpanScore:
    """Score one person's spans of a kind; unsure spans and the frames around any edge are excluded."""
    name, margin = FLAGS[kind]
    end = tracked.clip.frames - 1
    inside, uncertain = np.zeros(end + 1, bool), np.zeros(end + 1, bool)
    for label in tracked.clip.of(person, [kind]):
        uncertain[max(0, label.first - margin) : label.last + margin + 1] = True
        if label.sure:
            first = label.first + margin * (label.first > 0)  # the start and end of the clip are no edges
            last = label.last - margin * (label.last < end)
            inside[first : max(first, last + 1)] = True
    for label in tracked.clip.of(person, [kind], sure=False):
        inside[label.first : label.last + 1] = False
    counts = {True: [0, 0], False: [0, 0]}  # [predicted negatives, predicted positives] inside and outside
    for index, signals in tracked.persons[person].signals.items():
        predicted = attrgetter(name)(signals)
        if predicted is not None and (inside[index] or not uncertain[index]):
            counts[bool(inside[index])][bool(predicted)] += 1
    return SpanScore(sum(counts[True]), counts[True][1], sum(counts[False]), counts[False][1])


@dataclass(frozen=True, slots=True)
class Listed:
    """Event of a kind without labels (or a yawn, which is false), and the labels that it overlaps."""

    clip: str
    kind: str
    first: int
    last: int
    amplitude: float | None
    beside: str


def listed(tracked: TrackedClip) -> list[Listed]:
    """List yawns (all of them false: nobody yawns in these clips), gestures and glances."""
    return [
        Listed(
            tracked.clip.name_of(person),
            e.kind,
            e.first,
            e.last,
            e.event.amplitude,
            _overlapping_labels(tracked, person, e),
        )
        for person, series in tracked.persons.items()
        for e in series.events
        if e.kind in LISTED
    ]


def _overlapping_labels(tracked: TrackedClip, person: str, event: PredictedEvent) -> str:
    labels = [label for label in tracked.clip.labels if label.person == person and overlaps(label, event)]
    return ", ".join(f"{label.kind} {label.first}-{label.last}" for label in labels) or "nothing labelled"


@dataclass(frozen=True, slots=True)
class FatigueScore:
    """Fatigue over a sequence of clips; all of it is a false alarm if everybody is awake.

    seconds: time in which a person was tracked
    known_s: time in which fatigue was known
    highest, parts: highest fatigue, and its components
    highest_perclos: highest PERCLOS (P80)
    entered: how often each level above "alert" was entered
    microsleeps: number of detected microsleeps
    """

    seconds: float
    known_s: float
    highest: float
    parts: dict[str, float]
    highest_perclos: float
    entered: dict[str, int]
    microsleeps: int

    def per_hour(self, count: int) -> float:
        """Return the rate of a count per tracked hour; NaN without tracked time."""
        return count * 3600 / self.seconds if self.seconds else float("nan")


def fatigue(clips: Sequence[TrackedClip]) -> FatigueScore:
    """Compute PERCLOS and fatigue over all persons of all clips in sequence, as if they were one person.

    The openness of each person's eyes is normalised by their own baseline.
    """
    perclos, tired = Perclos(P80, (60.0, 180.0)), Fatigue(FatigueWeights.load())
    offset_s = seconds = known_s = highest = highest_perclos = 0.0
    entered, level, microsleeps = dict.fromkeys(LEVELS[1:], 0), 0, 0
    parts: dict[str, float] = {}
    for clip in clips:
        for person, series in clip.persons.items():
            seconds += clip.seconds(person)
            microsleeps += sum(e.kind == "microsleep" for e in series.events)
            pending = sorted((_shifted(e.event, offset_s) for e in series.events), key=lambda event: event.until_s)
            for index, signals in sorted(series.signals.items()):
                now_s = offset_s + float(clip.times[index])
                perclos_60, perclos_180 = perclos.update(now_s, signals.eyes.right.openness, signals.eyes.left.openness)
                share = perclos_60 if perclos_180 is None else perclos_180
                ended = [event for event in pending if event.until_s <= now_s]
                pending = pending[len(ended) :]
                state = tired.update(now_s, share, ended)
                if state.score is None or state.level is None or state.parts is None or share is None:
                    level = 0
                    continue
                known_s += 1 / clip.clip.fps
                highest_perclos = max(highest_perclos, share)
                if state.score > highest:
                    highest, parts = state.score, {name: part for name, part in state.parts.items() if part > 0}
                new_level = LEVELS.index(state.level)
                for passed in range(level + 1, new_level + 1):
                    entered[LEVELS[passed]] += 1
                level = new_level
            offset_s += float(clip.times[-1]) + BETWEEN_CLIPS_S
    return FatigueScore(seconds, known_s, highest, parts, highest_perclos, entered, microsleeps)


def _shifted(event: Event, seconds: float) -> Event:
    start_s, since_s, end_s = (at_s + seconds for at_s in (event.start_s, event.since_s, event.until_s))
    return replace(event, start_s=start_s, since_s=since_s, end_s=end_s)
