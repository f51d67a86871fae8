"""Measures what the tracker tells of lids, mouth and head: on clips that a person labelled (docs/labels), with all
frames and with some left out, and on rendered heads that blink at known moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from facetrack.tracking.tracker import FaceTracker
from facetrain.evaluation.signals import eyelid_clips, lid_events
from facetrain.evaluation.signals.clip_labels import LabelledClip
from facetrain.evaluation.signals.eyelid_clips import EyelidScore
from facetrain.evaluation.signals.followed_clips import (
    ALL,
    SUBSAMPLINGS,
    FrameSubsampling,
    TrackedClip,
    clip_path,
    follow,
)
from facetrain.evaluation.signals.labelled_spans import (
    FLAGS,
    FatigueScore,
    Listed,
    SpanScore,
    fatigue,
    listed,
    span_score,
)
from facetrain.evaluation.signals.lid_events import Agreement, PersonScore


@dataclass(frozen=True, slots=True, eq=False)
class SubsampledRun:
    """The clips followed once more with frames left out; agreement: with what was told from all frames."""

    name: str
    scores: list[PersonScore]
    agreement: Agreement


@dataclass(frozen=True, slots=True, eq=False)
class SignalsResult:
    """followed, judged: with all frames. spans: by label kind, then clip. fatigue: by the name of what was put in
    a row. eyelids: by frame rate; empty without a head model."""

    followed: list[TrackedClip]
    scores: list[PersonScore]
    subsampled: list[SubsampledRun]
    spans: dict[str, dict[str, SpanScore]]
    listed: list[Listed]
    fatigue: dict[str, FatigueScore]
    eyelids: list[EyelidScore]


def measure(
    tracker: FaceTracker, clips: Sequence[LabelledClip], folder: Path, head_model: Path | None = None,
    subsamplings: Sequence[FrameSubsampling] = SUBSAMPLINGS, seeds: int = 3,
) -> SignalsResult:  # fmt: skip
    """Follow every clip of `folder` once with all frames and once with each thinning. Raises DataError or SourceError
    where a clip is missing, broken or not as labelled."""
    for clip in clips:
        clip_path(folder, clip)  # before minutes are spent on the others
    rendered = seeds * len(eyelid_clips.RATES) if head_model is not None else 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("following", total=len(clips) * (1 + len(subsamplings)) + rendered)

        def run(subsampling: FrameSubsampling) -> list[TrackedClip]:
            found = []
            for clip in clips:
                found.append(follow(tracker, clip, folder, subsampling))
                progress.advance(bar)
            return found

        whole = run(ALL)
        subsampled = [_subsampled_run(subsampling.name, whole, run(subsampling)) for subsampling in subsamplings]
        eyelids = []
        if head_model is not None:
            eyelids = eyelid_clips.measure(tracker, head_model, seeds, lambda: progress.advance(bar))
    return SignalsResult(
        whole,
        [one for clip in whole for one in lid_events.score_people(clip)],
        subsampled,
        {kind: _spans(whole, kind) for kind in FLAGS},
        [one for clip in whole for one in listed(clip)],
        {"all clips": fatigue(whole), "without acted long closures": fatigue(_without_long_closures(whole))},
        eyelids,
    )


def _subsampled_run(name: str, whole: list[TrackedClip], found: list[TrackedClip]) -> SubsampledRun:
    scores = [one for clip in found for one in lid_events.score_people(clip)]
    return SubsampledRun(name, scores, lid_events.event_agreement(whole, found))


def _spans(clips: list[TrackedClip], kind: str) -> dict[str, SpanScore]:
    return {clip.clip.name_of(person): span_score(clip, person, kind) for clip in clips for person in clip.persons}


def _without_long_closures(clips: list[TrackedClip]) -> list[TrackedClip]:
    """People who close their eyes for long on purpose look tired and are not."""
    return [c for c in clips if not any(label.kind == "long" and label.sure for label in c.clip.labels)]
