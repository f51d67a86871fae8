"""Measures blinks, winks and long closures against what a person saw in the test clips (docs/labels)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from facetrack.types import Signals
from facetrain.evaluation.signals.clip_labels import Label
from facetrain.evaluation.signals.followed_clips import PredictedEvent, TrackedClip
from facetrain.metrics.events import Counts, counts, match, overlaps

EVENTS_OF_LABEL = {
    "blink": ("blink",), "long": ("long_closure", "microsleep"),
    "wink_right": ("wink_right",), "wink_left": ("wink_left",),
}  # fmt: skip
"""Kinds of labels, and the events that tell them."""
LID_EVENTS = tuple(kind for kinds in EVENTS_OF_LABEL.values() for kind in kinds)
EYE_LABELS = (*EVENTS_OF_LABEL, "partial", "eyes_hidden", "looking_down")
"""Labels that say something of the lids: an unsure one leaves them open to doubt."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames that the tracker was not given, so many that nothing is known of them."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A miss or a false alarm, and what can be said of it. clip: its name, and the person's."""

    clip: str
    what: str
    kind: str
    first: int
    last: int
    why: str


@dataclass(frozen=True, slots=True)
class PersonScore:
    """Of one person in one clip: counts by label kind, the labels judged as (label, whether told), and findings."""

    name: str
    video: str
    person: str
    counts: dict[str, Counts]
    labels: tuple[tuple[Label, bool], ...]
    findings: tuple[Finding, ...]


def score_people(followed: TrackedClip) -> list[PersonScore]:
    """Every person of a clip."""
    return [_score_person(followed, person) for person in followed.persons]


def total(scores: Iterable[PersonScore], kind: str) -> Counts:
    return sum((one.counts[kind] for one in scores), Counts())


def _score_person(followed: TrackedClip, person: str) -> PersonScore:
    clip, events = followed.clip, followed.persons[person].events
    uncertain: list[Label | Gap] = [*clip.of(person, EYE_LABELS, sure=False), *clip.of(person, ["partial"])]
    gaps = [Gap(first, last) for first, last in followed.gaps]
    seconds, known_s = followed.seconds(person), followed.seconds(person, _any_eye_known)
    found: dict[str, Counts] = {}
    labels: list[tuple[Label, bool]] = []
    findings: list[Finding] = []
    for kind, event_kinds in EVENTS_OF_LABEL.items():
        sure = clip.of(person, [kind], sure=True)
        labelled = [label for label in sure if not any(overlaps(label, gap) for gap in gaps)]
        lost = [label for label in sure if label not in labelled]
        predicted = [event for event in events if event.kind in event_kinds]
        matched = match(labelled, predicted, [*uncertain, *lost, *gaps])
        found[kind] = counts(labelled, predicted, matched, seconds, known_s)
        labels += [(label, index not in matched.missed) for index, label in enumerate(labelled)]
        findings += [_missed(followed, labelled[index]) for index in matched.missed]
        findings += [_false(followed, person, predicted[index]) for index in matched.false]
    findings.sort(key=lambda finding: (finding.first, finding.what))
    return PersonScore(clip.name_of(person), clip.video, person, found, tuple(labels), tuple(findings))


def _any_eye_known(signals: Signals) -> bool:
    return signals.eye_right_openness is not None or signals.eye_left_openness is not None


def _missed(followed: TrackedClip, label: Label) -> Finding:
    """Why: told as something else, or how far the eyes seemed to close."""
    series = followed.persons[label.person]
    others = [e for e in series.events if e.kind in LID_EVENTS and overlaps(e, label)]
    parts = [f"told there: {e.kind} {e.first}-{e.last}" for e in others] or ["nothing told"]
    parts.append(_openness(followed, label.person, label.first, label.last))
    parts += [f"label: {label.note}"] if label.note else []
    clip = followed.clip.name_of(label.person)
    return Finding(clip, "missed", label.kind, label.first, label.last, "; ".join(parts))


def _false(followed: TrackedClip, person: str, event: PredictedEvent) -> Finding:
    near = [label for label in followed.clip.labels if label.person == person and overlaps(label, event)]
    parts = [f"labelled there: {label.kind} {label.first}-{label.last}" for label in near] or ["nothing labelled there"]
    parts.append(_openness(followed, person, event.first, event.last))
    clip = followed.clip.name_of(person)
    return Finding(clip, "false", event.kind, event.first, event.last, "; ".join(parts))


def _openness(followed: TrackedClip, person: str, first: int, last: int) -> str:
    """How far each eye seemed to close, and in how many frames it was unknown."""
    eyes = followed.persons[person].openness(followed.clip.frames)[first : last + 1][followed.used[first : last + 1]]
    words = []
    for name, eye in zip(("right", "left"), eyes.T, strict=True):
        known = eye[np.isfinite(eye)]
        lowest = f"down to {known.min():.2f}" if len(known) else "never known"
        unknown = f" (unknown in {len(eye) - len(known)} of {len(eye)})" if len(known) < len(eye) else ""
        words.append(f"{name} {lowest}{unknown}")
    return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Events of the eyes with all frames given and with some left out, kind by kind and one to one: in both, only with
    all, only with some. lines: those in one only."""

    both: int
    only_all: int
    only_subsampled: int
    lines: tuple[str, ...]


def event_agreement(whole: Sequence[TrackedClip], subsampled: Sequence[TrackedClip]) -> Agreement:
    """The same clips, in the same order. Events beside a gap in the thinned ones are left out."""
    both = missing = more = 0
    lines: list[str] = []
    for one, other in zip(whole, subsampled, strict=True):
        gaps = [Gap(first, last) for first, last in other.gaps]
        for person in one.persons:
            for kind in LID_EVENTS:
                expected, predicted = (_of_kind(f, person, kind, gaps) for f in (one, other))
                matched = match(expected, predicted)
                both, missing = both + len(matched.pairs), missing + len(matched.missed)
                more += len(matched.false)
                alone = [("only with all", expected[i]) for i in matched.missed]
                alone += [("only with some", predicted[i]) for i in matched.false]
                lines += [f"{one.clip.name_of(person)}: {e.kind} {e.first}-{e.last} {what}" for what, e in alone]
    return Agreement(both, missing, more, tuple(lines))


def _of_kind(followed: TrackedClip, person: str, kind: str, gaps: list[Gap]) -> list[PredictedEvent]:
    events = followed.persons[person].events
    return [e for e in events if e.kind == kind and not any(overlaps(e, gap) for gap in gaps)]
