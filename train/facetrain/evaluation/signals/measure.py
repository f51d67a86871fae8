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
from facetrain.evaluation.signals.followed_clips import ALL, THINNED, Followed, Thinning, clip_path, follow
from facetrain.evaluation.signals.labelled_spans import (
    FLAGS,
    FatigueScore,
    Listed,
    SpanScore,
    fatigue,
    listed,
    span_score,
)
from facetrain.evaluation.signals.lid_events import Agreement, Judged


@dataclass(frozen=True, slots=True, eq=False)
class Thinned:
    """The clips followed once more with frames left out; agreement: with what was told from all frames."""

    name: str
    judged: list[Judged]
    agreement: Agreement


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """followed, judged: with all frames. spans: by label kind, then clip. fatigue: by the name of what was put in
    a row. eyelids: by frame rate; empty without a head model."""

    followed: list[Followed]
    judged: list[Judged]
    thinned: list[Thinned]
    spans: dict[str, dict[str, SpanScore]]
    listed: list[Listed]
    fatigue: dict[str, FatigueScore]
    eyelids: list[EyelidScore]


def measure(
    tracker: FaceTracker, clips: Sequence[LabelledClip], folder: Path, head_model: Path | None = None,
    thinnings: Sequence[Thinning] = THINNED, seeds: int = 3,
) -> Found:  # fmt: skip
    """Follow every clip of `folder` once with all frames and once with each thinning. Raises DataError or SourceError
    where a clip is missing, broken or not as labelled."""
    for clip in clips:
        clip_path(folder, clip)  # before minutes are spent on the others
    rendered = seeds * len(eyelid_clips.RATES) if head_model is not None else 0
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("following", total=len(clips) * (1 + len(thinnings)) + rendered)

        def run(thinning: Thinning) -> list[Followed]:
            found = []
            for clip in clips:
                found.append(follow(tracker, clip, folder, thinning))
                progress.advance(bar)
            return found

        whole = run(ALL)
        thinned = [_thinned(thinning.name, whole, run(thinning)) for thinning in thinnings]
        eyelids = []
        if head_model is not None:
            eyelids = eyelid_clips.measure(tracker, head_model, seeds, lambda: progress.advance(bar))
    return Found(
        whole,
        [one for clip in whole for one in lid_events.judge(clip)],
        thinned,
        {kind: _spans(whole, kind) for kind in FLAGS},
        [one for clip in whole for one in listed(clip)],
        {"all clips": fatigue(whole), "without acted long closures": fatigue(_without_long_closures(whole))},
        eyelids,
    )


def _thinned(name: str, whole: list[Followed], found: list[Followed]) -> Thinned:
    judged = [one for clip in found for one in lid_events.judge(clip)]
    return Thinned(name, judged, lid_events.agree(whole, found))


def _spans(clips: list[Followed], kind: str) -> dict[str, SpanScore]:
    return {clip.clip.name_of(person): span_score(clip, person, kind) for clip in clips for person in clip.persons}


def _without_long_closures(clips: list[Followed]) -> list[Followed]:
    """People who close their eyes for long on purpose look tired and are not."""
    return [c for c in clips if not any(label.kind == "long" and label.sure for label in c.clip.labels)]
