"""Course of the lid gap and of the states over the frames of the clips, by networks that did not see the person."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facetrack.modelfile import EYE_STATES, EYES_COLUMNS
from facetrain.evaluation.eyes.lids import Read
from facetrain.samples.eyes.split import read_frames
from facetrain.samples.eyes.table import EyeTable

COLOURS = {"open": "tab:green", "lowered": "tab:orange", "shut": "tab:red"}


def save_courses(table: EyeTable, read: Read, path: Path) -> None:
    """Draw each person's mean gap and probability of shut by frame, and the frames read by eye as dots."""
    from matplotlib.figure import Figure

    people = sorted(set(table.groups[read.rows].tolist()))
    figure = Figure(figsize=(11, 1.9 * len(people)), layout="constrained")
    for axes, person in zip(np.atleast_1d(figure.subplots(len(people), 1)), people, strict=True):
        own = table.groups[read.rows] == person
        rows, outputs = read.rows[own], read.outputs[own].astype(np.float64)
        frames = np.array([int(name.partition("/")[2].partition(":")[0]) for name in table.names[rows]])
        logits = outputs[:, EYES_COLUMNS["state"]]
        shut = 1 / np.exp(logits - logits[:, 2:]).sum(axis=1)
        steps = np.unique(frames)
        gap = [outputs[frames == frame, EYES_COLUMNS["gap"].start].mean() for frame in steps]
        axes.plot(steps, gap, color="tab:blue", label="lid gap")
        axes.plot(steps, [0.4 * shut[frames == frame].mean() for frame in steps], color="0.6", label="shut (.4 = 1)")
        for index, state in enumerate(EYE_STATES):
            dots = frames[read_frames(table)[rows] & (table.labels["state"][rows, index] > 0)]
            axes.plot(dots, np.full(len(dots), 0.47), ".", color=COLOURS[state], label=state)
        axes.set(ylim=(-0.05, 0.5), title=person, xlabel="frame")
        axes.legend(loc="upper right", fontsize=7, ncols=5)
    figure.savefig(path, dpi=90)
