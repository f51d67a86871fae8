"""Lowered, shut or open, on people the network did not see: clips and photographs by folds, infrared by subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.engine import Engine
from facetrack.eyes import EYE_WIDTHS
from facetrack.modelfile import EYE_STATES, EYES_COLUMNS
from facetrack.types import Floats
from facetrain.metrics.binary import roc
from facetrain.metrics.eyes import is_shut, shut_log_odds
from facetrain.samples.eyes.cover import CLEAR, HIDDEN, overlay
from facetrain.samples.eyes.crops import PlainEyes
from facetrain.samples.eyes.outputs import single_outputs
from facetrain.samples.eyes.split import held_out, in_fold
from facetrain.samples.eyes.table import EyeTable

SEEN = ("helen_train", "lfpw_train", "scut_eyes", "ytfaces_train")
"""Sources of eyes that are seen, before something is drawn over them."""
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Outputs (N, EYES_SIZE) for rows of the table, each by a network that did not see its person."""

    rows: NDArray[np.intp]
    outputs: Floats


def read_rows(engine: Engine, table: EyeTable, rows: NDArray[np.intp]) -> Floats:
    """Return the (N, EYES_SIZE) outputs for stored eyes, cut where they were placed."""
    columns = engine.spec.input_px
    assert columns is not None
    items = PlainEyes(table, rows, columns)
    return single_outputs(engine, np.stack([items[i]["crop"].numpy() for i in range(len(items))]))


def by_folds(engines: Sequence[Engine], table: EyeTable, chosen: Flags) -> Read:
    """Read the chosen eyes, those of each fold's people by the network trained without them."""
    rows, outputs = [], []
    for fold, engine in enumerate(engines):
        own = np.flatnonzero(chosen & in_fold(table, fold))
        if len(own):
            rows.append(own)
            outputs.append(read_rows(engine, table, own))
    return Read(np.concatenate(rows), np.concatenate(outputs))


def states(table: EyeTable, rows: NDArray[np.intp]) -> NDArray[np.str_]:
    """Return the labelled state of each row."""
    return np.array(EYE_STATES)[table.labels["state"][rows].argmax(axis=1)]


def lid_figures(table: EyeTable, read: Read) -> dict[str, float]:
    """Return ROC areas of shut against lowered by several scores, and the errors of the most probable state, %.

    Areas by eye, and by picture with the mean of its labelled eyes: which of a pair lies nearer to the camera differs.
    """
    state, outputs = states(table, read.rows), read.outputs
    shut, lowered = state == "shut", state == "lowered"
    scores = {
        "state": shut_log_odds(outputs),
        "gap": -outputs[:, EYES_COLUMNS["gap"]][:, 0],
        "contour": -_contour_gap(outputs),
        "state and gap": shut_log_odds(outputs) - 20 * outputs[:, EYES_COLUMNS["gap"]][:, 0],
    }
    most_probable = np.array(EYE_STATES)[outputs[:, EYES_COLUMNS["state"]].argmax(axis=1)]
    either = np.flatnonzero(shut | lowered)
    pictures = [f"{name.rpartition(':')[0]} {state[row]}" for row, name in enumerate(table.names[read.rows])]
    _, first, picture = np.unique(np.array(pictures)[either], return_index=True, return_inverse=True)
    figures = {}
    for name, score in scores.items():
        mean = np.bincount(picture, score[either]) / np.bincount(picture)
        figures[f"area, {name}"] = roc(shut[either], score[either]).auc
        figures[f"area, {name}, both eyes"] = roc(shut[either][first], mean).auc
    figures |= {
        "lowered taken for shut, %": _share(most_probable[lowered] == "shut"),
        "shut not taken for shut, %": _share(most_probable[shut] != "shut"),
        "open taken for shut, %": _share(most_probable[state == "open"] == "shut"),
    }
    return figures | {f"{name} eyes": float((state == name).sum()) for name in EYE_STATES}


def _contour_gap(outputs: Floats) -> Floats:
    points = outputs[:, EYES_COLUMNS["contour"]].reshape(-1, 6, 2)
    lids = np.linalg.norm(points[:, [1, 2]] - points[:, [5, 4]], axis=2).mean(axis=1)
    return np.asarray(lids / np.linalg.norm(points[:, 3] - points[:, 0], axis=1))


def by_clip(table: EyeTable, read: Read) -> list[tuple[str, float, float, float]]:
    """Return of each person of the clips: name, area of the state, and of the gap, number of eyes lowered or shut."""
    out = []
    state, groups = states(table, read.rows), table.groups[read.rows]
    for group in sorted(set(groups.tolist())):
        own = groups == group
        shut, lowered = own & (state == "shut"), own & (state == "lowered")
        odds, gap = shut_log_odds(read.outputs), -read.outputs[:, EYES_COLUMNS["gap"]][:, 0]
        either = shut | lowered
        areas = [roc(shut[either], score[either]).auc for score in (odds, gap)]
        out.append((group, areas[0], areas[1], float(either.sum())))
    return out


def covered(engine: Engine, table: EyeTable) -> dict[str, dict[str, float]]:
    """Return how well eyes that cannot be seen are recognised, on held-out eyes.

    drawn over: eyes of photographs with one thing drawn over them (`samples.eyes.cover`), covered from HIDDEN on and
    clear up to CLEAR. turned away: AFLW's, covered where the labellers could not see a point of the eye.
    """
    out = held_out(table)
    people = np.flatnonzero(out & np.isin(table.sources, SEEN))
    columns = engine.spec.input_px
    assert columns is not None
    items, rng, crops, hidden = PlainEyes(table, people, columns), np.random.default_rng(0), [], []
    for index in range(len(items)):
        image, share = overlay(items[index]["crop"].numpy(), columns / EYE_WIDTHS, rng)
        crops.append(image)
        hidden.append(share)
    shares = np.array(hidden)
    known = (shares >= HIDDEN) | (shares <= CLEAR)
    figures = {}
    if known.any():
        drawn = single_outputs(engine, np.stack(crops))[:, EYES_COLUMNS["covered"]][:, 0]
        figures["drawn over"] = _covered_figures(shares[known] >= HIDDEN, drawn[known])
    rows = np.flatnonzero(out & (table.sources == "aflw21") & (table.labels["covered_weight"] > 0))
    if len(rows):
        logits = read_rows(engine, table, rows)[:, EYES_COLUMNS["covered"]][:, 0]
        figures["turned away"] = _covered_figures(table.labels["covered"][rows] > 0.5, logits)
    return figures


def _covered_figures(truth: Flags, logits: Floats) -> dict[str, float]:
    return {
        "area": roc(truth, logits).auc, "covered and found, %": _share(logits[truth] > 0),
        "seen and called covered, %": _share(logits[~truth] > 0),
        "covered eyes": float(truth.sum()), "seen eyes": float((~truth).sum()),
    }  # fmt: skip


def infrared(engine: Engine, table: EyeTable, glasses: dict[str, bool]) -> dict[str, float]:
    """Return the accuracy, open or closed, in % on infrared eyes of held-out subjects, with glasses apart.

    glasses: by the picture's name.
    """
    rows = np.flatnonzero((table.sources == "eyes_nir") & held_out(table))
    shut = states(table, rows) == "shut"
    predicted = is_shut(read_rows(engine, table, rows))
    worn = np.array([glasses[name.rpartition(":")[0]] for name in table.names[rows]])
    right = predicted == shut
    return {
        "all": _share(right), "without glasses": _share(right[~worn]), "with glasses": _share(right[worn]),
        "open taken for shut": _share(predicted[~shut]), "shut taken for open": _share(~predicted[shut]),
        "eyes": float(len(rows)), "subjects": float(len(set(table.groups[rows].tolist()))),
    }  # fmt: skip


def _share(values: Flags) -> float:
    return 100 * float(values.mean()) if len(values) else float("nan")
