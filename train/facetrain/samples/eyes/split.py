"""Which eyes a training sees: people held out for good, and a fold of the people of the clips and of the lid labels."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from facetrain.samples.eyes.table import EyeTable

HELD_OUT: dict[str, float] = {"scut_eyes": 0.2, "eyes_nir": 0.25, "eyes": 0.15, "pointing04": 0.2}
"""Share of the people (of pictures, where nobody is named) that is held out for good; of other sources OTHERS."""
OTHERS = 0.05
CLIPS = ("clips", "lids_frames")
PHOTOGRAPHS = ("helen_train", "ytfaces_train", "expressions")
"""Sources with photographs in the table of lid labels."""
READ = 1.0
"""Weight of a state that was read by eye, not derived."""
FOLDS = 4

Flags = NDArray[np.bool_]


def held_out(table: EyeTable, fold: int = -1) -> Flags:
    """Return (N,) whether an eye is held out from training.

    fold: below FOLDS, a part of the people of the clips and of those photographs whose lids were read is held out, too;
        FOLDS for all of them; -1 for none: then all people of the clips are trained on.
    """
    share = np.array([HELD_OUT.get(name, 0.0 if name in CLIPS else OTHERS) for name in table.sources])
    value = np.array([zlib.crc32(group.encode()) / 2**32 for group in table.groups])
    out = value < share
    return out if fold < 0 else out | in_fold(table, fold)


def in_fold(table: EyeTable, fold: int) -> Flags:
    """Return (N,) whether an eye is of the people that this fold holds out; FOLDS: of any fold."""
    if fold == FOLDS:
        return np.asarray(np.logical_or.reduce([in_fold(table, one) for one in range(FOLDS)]))
    clips = np.isin(table.sources, CLIPS)
    people = sorted(set(table.groups[clips].tolist()))
    own = {person for index, person in enumerate(people) if index % FOLDS == fold}
    read = read_photographs(table)
    named = {group for group in table.groups[read] if zlib.crc32(f"lids of {group}".encode()) % FOLDS == fold}
    chosen = np.isin(table.groups, list(own)) & clips
    return np.asarray(chosen | (np.isin(table.groups, list(named)) & np.isin(table.sources, PHOTOGRAPHS)))


def read_photographs(table: EyeTable) -> Flags:
    """Return (N,) whether an eye is of a photograph whose lids were read by eye."""
    single = table.labels["state"].sum(axis=1) == 1
    weight = table.labels["state_weight"]
    return np.asarray(np.isin(table.sources, PHOTOGRAPHS) & single & (weight >= READ))


def read_frames(table: EyeTable) -> Flags:
    """Return (N,) whether an eye is of a clip's frame that was read one by one."""
    return np.asarray((table.sources == CLIPS[1]) & (table.labels["state_weight"] >= READ))
