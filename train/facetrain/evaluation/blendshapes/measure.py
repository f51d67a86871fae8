"""R2 of each blendshape on held-out people and on clips over a neutral, cross-talk of blinks, time of a face."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack.blendshapes import Blendshapes, ShapeNetwork
from facetrack.blendshapes.features import features
from facetrack.blendshapes.neutral import Neutral
from facetrack.types import Face, Floats, Frame
from facetrack.types.signals import ARKIT_52
from facetrain.formats.pack_tables import read_table
from facetrain.samples.blendshapes.table import ShapeTable
from facetrain.tasks.blendshapes import TEST_SHARE, r2, rows_of

LEAST_FRAMES = 15
"""A track with fewer labelled frames is left out."""
FPS = 30.0
"""Taken for all clips (25 to 30 a second): it only sets how fast the neutral is learnt."""
NEAR, FAR = 6, 15
"""Frames before and after a blink's first and last closed one between which the eyes are open again."""
BROWS = ("browDown", "browInnerUp", "browOuterUp")

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PersonValues:
    """One track of a clip: frames (N,), ours and the teacher's values, (N, names), each over its own neutral."""

    clip: str
    frames: NDArray[np.int64]
    ours: Floats
    truth: Floats


def held_out(network: ShapeNetwork, table: ShapeTable) -> dict[str, float]:
    """Return R2 by name on the people of the photographs who are held out for good."""
    rows = rows_of(table).of(0.0, TEST_SHARE)
    own = [ARKIT_52.index(name) for name in network.names]
    return dict(zip(network.names, r2(network(rows.features), rows.values[:, own]).tolist(), strict=True))


def on_clips(network: ShapeNetwork, table: ShapeTable) -> list[PersonValues]:
    """Return what both say of each track, frame by frame over the neutral as the tracker learns it."""
    own, people = [ARKIT_52.index(name) for name in network.names], []
    for group in dict.fromkeys(table.group.tolist()):
        rows = np.flatnonzero(table.group == group).tolist()
        known = [(row, seen) for row in rows if (seen := features(table.face(row))) is not None]
        if len(known) < LEAST_FRAMES:
            continue
        frames = table.frame[[row for row, _ in known]]
        ours = _over_rest(frames, network(np.stack([seen for _, seen in known])))
        truth = _over_rest(frames, table.shapes[[row for row, _ in known]][:, own])
        people.append(PersonValues(str(table.source[rows[0]]), frames, ours, truth))
    return people


def _over_rest(frames: NDArray[np.int64], values: Floats) -> Floats:
    neutral = Neutral(values.shape[1])
    return np.stack([neutral.update(frame / FPS, row) for frame, row in zip(frames.tolist(), values, strict=True)])


def r2_within(people: list[PersonValues]) -> Values:
    """Return R2 by column: errors against each person's own spread about the mean, summed over all people."""
    error = sum(((one.ours - one.truth) ** 2).sum(axis=0) for one in people)
    spread = sum(((one.truth - one.truth.mean(axis=0)) ** 2).sum(axis=0) for one in people)
    return np.asarray(1.0 - error / np.maximum(spread, 1e-9), np.float64)


def blink_gains(
    network: ShapeNetwork, people: list[PersonValues], events: Path
) -> tuple[dict[str, tuple[float, float]], int]:
    """Return, by brow, how far it moves in labelled blinks as a share of the lids' way, and the number of blinks.

    events: the table docs/labels/clips.csv. Shares of ours and the teacher's: the median over the
    blinks of the change from the frames around.
    """
    blinks = [
        (row["video"], int(row["first_frame"]), int(row["last_frame"]))
        for _, row in read_table(events)[1]
        if row["kind"] == "blink" and row["sure"] == "1"
    ]
    names = list(network.names)
    lids = [names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
    changes: list[tuple[Floats, Floats]] = []
    for clip, first, last in blinks:
        for one in people:
            inside = (one.frames >= first) & (one.frames <= last)
            outside = ((one.frames >= first - FAR) & (one.frames <= first - NEAR)) | (
                (one.frames >= last + NEAR) & (one.frames <= last + FAR)
            )
            if one.clip == clip and inside.any() and outside.any():
                ours, truth = (v[inside].mean(axis=0) - v[outside].mean(axis=0) for v in (one.ours, one.truth))
                if ours[lids].mean() > 0.1 and truth[lids].mean() > 0.1:
                    changes.append((ours, truth))
    gains = {}
    for stem in BROWS:
        own = [index for index, name in enumerate(names) if name.startswith(stem)]
        if own and changes:
            shares = [[abs(v[own].mean() / v[lids].mean()) for v in pair] for pair in changes]
            ours_gain, truth_gain = np.median(np.array(shares), axis=0).tolist()
            gains[stem] = ours_gain, truth_gain
    return gains, len(changes)


def time_ms(network: ShapeNetwork, face: Face, repeats: int = 2000) -> float:
    """Return the median time of one face in one frame, in ms."""
    shapes, taken = Blendshapes(network), []
    image = np.zeros((8, 8, 3), np.uint8)
    for index in range(repeats):
        frame = Frame(image, time_s=index / FPS, index=index)
        start = time.perf_counter()
        shapes.update(frame, [face])
        taken.append(time.perf_counter() - start)
    return 1000.0 * float(np.median(taken))
