"""Measure the tracker's signals of lids, mouth and head.

On manually labelled clips (docs/labels), with all frames and with frames dropped, and on rendered heads that blink at
known times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    track_clip,
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
from facetrain.reporting.progress import with_progress


@dataclass(frozen=True, slots=True, eq=False)
class SubsampledRun:
    """Scores of the clips with frames dropped, and their agreement with the events predicted from all frames."""

    name: str
    scores: list[PersonScore]
    agreement: Agreement


@dataclass(frozen=True, slots=True, eq=False)
class SignalsResult:
    """Result of all measurements.

    tracked, scores: predictions and scores with all frames
    subsampled: scores with frames dropped
    spans: by kind of label, then clip
    listed: events that are not scored
    fatigue: by name of the selection of clips
    eyelids: by frame rate; empty without a head model
    """

    tracked: list[TrackedClip]
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
    """Track every clip of `folder` once with all frames and once with each subsampling.

    Raises DataError or SourceError if a clip is missing, broken or not as labelled.
    """
    for clip in clips:
        clip_path(folder, clip)  # first, so that a missing clip fails early

    def run(subsampling: FrameSubsampling) -> list[TrackedClip]:
        title = f"tracking, {subsampling.name}"
        return [track_clip(tracker, clip, folder, subsampling) for clip in with_progress(clips, title)]

    whole = run(ALL)
    subsampled = [_subsampled_run(subsampling.name, whole, run(subsampling)) for subsampling in subsamplings]
    return SignalsResult(
        whole,
        [score for clip in whole for score in lid_events.score_people(clip)],
        subsampled,
        {kind: _spans(whole, kind) for kind in FLAGS},
        [event for clip in whole for event in listed(clip)],
        {"all clips": fatigue(whole), "without acted long closures": fatigue(_without_long_closures(whole))},
        [] if head_model is None else eyelid_clips.measure(tracker, head_model, seeds),
    )


def _subsampled_run(name: str, whole: list[TrackedClip], subsampled: list[TrackedClip]) -> SubsampledRun:
    scores = [score for clip in subsampled for score in lid_events.score_people(clip)]
    return SubsampledRun(name, scores, lid_events.event_agreement(whole, subsampled))


def _spans(clips: list[TrackedClip], kind: str) -> dict[str, SpanScore]:
    return {clip.clip.name_of(person): span_score(clip, person, kind) for clip in clips for person in clip.persons}


def _without_long_closures(clips: list[TrackedClip]) -> list[TrackedClip]:
    """Return the clips without long closures, which are acted and would count as fatigue."""
    return [c for c in clips if not any(label.kind == "long" and label.sure for label in c.clip.labels)]
