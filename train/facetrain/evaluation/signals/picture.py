"""Plot of the openness of the eyes in every labelled clip, with labels as bands and predicted events as bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from facetrain.evaluation.signals.followed_clips import TrackedClip
from facetrain.evaluation.signals.lid_events import EYE_LABELS, LID_EVENTS, PersonScore
from facetrain.evaluation.signals.measure import SignalsResult

LABEL_COLOURS = {"blink": "C2", "long": "C4", "wink_right": "C5", "wink_left": "C5"}
"""Colours of detected labels; the colours of the other labels are MISSED and UNSURE."""
MISSED, UNSURE, FALSE = "C3", "0.75", "C3"
EVENT_COLOURS = {"blink": "C2", "long_closure": "C4", "microsleep": "C4", "wink_right": "C5", "wink_left": "C5"}
TOP, HEIGHT = 1.06, 0.12
"""Position and height of the bars of the predicted events."""


def save_picture(result: SignalsResult, path: Path) -> None:
    """Draw a row per clip and person: both eyes' openness, bands of the labels, bars of the predicted events.

    Labels are red if missed, events are red if false.
    """
    clips = {tracked.clip.video: tracked for tracked in result.tracked}
    figure = Figure(figsize=(16, 2.2 * len(result.scores) + 0.6), layout="constrained")
    axes = figure.subplots(len(result.scores), 1, squeeze=False)[:, 0]
    for axis, score in zip(axes, result.scores, strict=True):
        _plot(axis, clips[score.video], score)
    names = {"blink": "C2", "long closure, microsleep": "C4", "wink": "C5", "missed or false": "C3", "ignored": UNSURE}
    figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in names.items()], loc="outside lower center",
        ncols=len(names),
    )  # fmt: skip
    figure.savefig(path, dpi=90)


def _plot(axis: Axes, tracked: TrackedClip, score: PersonScore) -> None:
    series, end = tracked.persons[score.person], tracked.clip.frames - 1
    eyes = series.openness(tracked.clip.frames)
    for column, colour in enumerate(("C0", "C1")):
        axis.plot(np.arange(end + 1), eyes[:, column], colour, lw=0.9, label=("right", "left")[column])
    predicted = {label for label, was_predicted in score.labels if was_predicted}
    scored_labels = {label for label, _ in score.labels}
    for label in tracked.clip.of(score.person, EYE_LABELS):
        if label in scored_labels:
            colour = LABEL_COLOURS[label.kind] if label in predicted else MISSED
            axis.axvspan(label.first - 0.5, label.last + 0.5, color=colour, alpha=0.3, lw=0)
        elif not label.sure or label.kind == "partial":
            axis.axvspan(label.first - 0.5, label.last + 0.5, color=UNSURE, alpha=0.3, lw=0)
    false = {(f.kind, f.first, f.last) for f in score.findings if f.what == "false"}
    for event in series.events:
        if event.kind in LID_EVENTS:
            colour = FALSE if (event.kind, event.first, event.last) in false else EVENT_COLOURS[event.kind]
            axis.broken_barh([(event.first - 0.5, event.last - event.first + 1)], (TOP, HEIGHT), color=colour)
    counts = score.counts["blink"]
    title = f"{score.name}: blinks {counts.true} detected, {counts.missed} missed, {counts.false} false"
    axis.set_title(title + " (bars on top: predicted; bands: labelled)", loc="left", fontsize="medium")
    axis.set(ylim=(-0.03, TOP + HEIGHT + 0.03), xlim=(0, max(1, end)), ylabel="openness")
    axis.legend(loc="lower right", fontsize="x-small", ncols=2)
