"""Score blinks, winks and long closures against the manual labels of the test clips (docs/labels)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facetrack.types import Signals
from facetrain.evaluation.signals.clip_labels import Label
from facetrain.evaluation.signals.followed_clips import PredictedEvent, TrackedClip
from facetrain.metrics.events import Counts, counts, match, overlaps

EVENTS_OF_LABEL = {
    "blink": ("blink",), "long": ("long_closure",),
    "wink_right": ("wink_right",), "wink_left": ("wink_left",),
}  # fmt: skip
"""Kinds of labels, and the kinds of events that match them."""
LID_EVENTS = tuple(kind for kinds in EVENTS_OF_LABEL.values() for kind in kinds)
"""A microsleep is a long closure as well, and is counted as that."""
EYE_LABELS = (*EVENTS_OF_LABEL, "partial", "eyes_hidden", "looking_down")
"""Kinds of labels of the lids: where one of these is unsure, events are ignored."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Span of dropped frames that is too long to be bridged by the tracker."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Miss or false alarm, with an explanation.

    clip: name of the clip, and of the person
    what: "missed" or "false"
    kind: of the label or event
    """

    clip: str
    what: str
    kind: str
    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class PersonScore:
    """Scores of one person in one clip.

    counts: by kind of label
    labels: scored labels as (label, whether detected)
    findings: misses and false alarms
    """

    name: str
    video: str
    person: str
    counts: dict[str, Counts]
    labels: tuple[tuple[Label, bool], ...]
    findings: tuple[Finding, ...]


def score_people(tracked: TrackedClip) -> list[PersonScore]:
    """Score every person of a clip."""
    return [_score_person(tracked, person) for person in tracked.persons]


def total(scores: Iterable[PersonScore], kind: str) -> Counts:
    """Return the sum of the counts of a kind of label."""
    return sum((score.counts[kind] for score in scores), Counts())


def _score_person(tracked: TrackedClip, person: str) -> PersonScore:
    clip, events = tracked.clip, tracked.persons[person].events
    uncertain: list[Label | Gap] = [*clip.of(person, EYE_LABELS, sure=False), *clip.of(person, ["partial"])]
    gaps = [Gap(first, last) for first, last in tracked.gaps]
    seconds, known_s = tracked.seconds(person), tracked.seconds(person, _any_eye_known)
    counts_by_kind: dict[str, Counts] = {}
    labels: list[tuple[Label, bool]] = []
    findings: list[Finding] = []
    for kind, event_kinds in EVENTS_OF_LABEL.items():
        sure = clip.of(person, [kind], sure=True)
        labelled = [label for label in sure if not any(overlaps(label, gap) for gap in gaps)]
        in_gap = [label for label in sure if label not in labelled]
        predicted = [event for event in events if event.kind in event_kinds]
        matched = match(labelled, predicted, [*uncertain, *in_gap, *gaps])
        counts_by_kind[kind] = counts(labelled, predicted, matched, seconds, known_s)
        labels += [(label, index not in matched.missed) for index, label in enumerate(labelled)]
        findings += [_missed(tracked, labelled[index]) for index in matched.missed]
        findings += [_false(tracked, person, predicted[index]) for index in matched.false]
    findings.sort(key=lambda finding: (finding.first, finding.what))
    return PersonScore(clip.name_of(person), clip.video, person, counts_by_kind, tuple(labels), tuple(findings))


def _any_eye_known(signals: Signals) -> bool:
    return signals.eyes.right.openness is not None or signals.eyes.left.openness is not None


def _missed(tracked: TrackedClip, label: Label) -> Finding:
    """Return the finding of a missed label: other predicted events there, and the predicted openness of the eyes."""
    series = tracked.persons[label.person]
    others = [e for e in series.events if e.kind in LID_EVENTS and overlaps(e, label)]
    parts = [f"predicted there: {e.kind} {e.first}-{e.last}" for e in others] or ["nothing predicted"]
    parts.append(_openness(tracked, label.person, label.first, label.last))
    parts += [f"label: {label.note}"] if label.note else []
    clip = tracked.clip.name_of(label.person)
    return Finding(clip, "missed", label.kind, label.first, label.last, "; ".join(parts))


def _false(tracked: TrackedClip, person: str, event: PredictedEvent) -> Finding:
    """Return the finding of a false alarm: labels there, and the predicted openness of the eyes."""
    labels = [label for label in tracked.clip.labels if label.person == person and overlaps(label, event)]
    parts = [f"labelled there: {label.kind} {label.first}-{label.last}" for label in labels]
    parts = parts or ["nothing labelled there"]
    parts.append(_openness(tracked, person, event.first, event.last))
    clip = tracked.clip.name_of(person)
    return Finding(clip, "false", event.kind, event.first, event.last, "; ".join(parts))


def _openness(tracked: TrackedClip, person: str, first: int, last: int) -> str:
    """Return in words each eye's lowest predicted openness, and the number of frames in which it was unknown."""
    eyes = tracked.persons[person].openness(tracked.clip.frames)[first : last + 1][tracked.used[first : last + 1]]
    words = []
    for name, eye in zip(("right", "left"), eyes.T, strict=True):
        known = eye[np.isfinite(eye)]
        lowest = f"down to {known.min():.2f}" if len(known) else "never known"
        unknown = f" (unknown in {len(eye) - len(known)} of {len(eye)})" if len(known) < len(eye) else ""
        words.append(f"{name} {lowest}{unknown}")
    return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Lid events with all frames and with frames dropped, matched one to one by kind.

    both: number of events in both runs
    only_all: number of events with all frames only
    only_subsampled: number of events with frames dropped only
    lines: descriptions of the events in one run only
    """

    both: int
    only_all: int
    only_subsampled: int
    lines: tuple[str, ...]


def event_agreement(whole: Sequence[TrackedClip], subsampled: Sequence[TrackedClip]) -> Agreement:
    """Compare two runs on the same clips in the same order; events that overlap a gap are excluded."""
    both = only_all = only_subsampled = 0
    lines: list[str] = []
    for reference, other in zip(whole, subsampled, strict=True):
        gaps = [Gap(first, last) for first, last in other.gaps]
        for person in reference.persons:
            for kind in LID_EVENTS:
                expected, predicted = (_of_kind(clip, person, kind, gaps) for clip in (reference, other))
                matched = match(expected, predicted)
                both, only_all = both + len(matched.pairs), only_all + len(matched.missed)
                only_subsampled += len(matched.false)
                unmatched = [("only with all frames", expected[i]) for i in matched.missed]
                unmatched += [("only with frames dropped", predicted[i]) for i in matched.false]
                name = reference.clip.name_of(person)
                lines += [f"{name}: {e.kind} {e.first}-{e.last} {where}" for where, e in unmatched]
    return Agreement(both, only_all, only_subsampled, tuple(lines))


def _of_kind(tracked: TrackedClip, person: str, kind: str, gaps: list[Gap]) -> list[PredictedEvent]:
    events = tracked.persons[person].events
    return [e for e in events if e.kind == kind and not any(overlaps(e, gap) for gap in gaps)]
