"""Recall on turned faces: held-out crops of aflw21 pasted into frames, and whole pictures of AFLW2000-3D, by yaw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facetrack.geometry import points_box
from facetrain.evaluation.detector import placed_faces as trials
from facetrain.evaluation.detector.placed_faces import Condition
from facetrain.evaluation.detector.rows import Labelled
from facetrain.formats.turned_packs import read_aflw2000
from facetrain.sample import evenly_spaced
from facetrain.samples.detector import turned
from facetrain.samples.pictures import FacePicture

YAW_BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 181.0))
YAW_GROUP = "recall by yaw, held-out crops of aflw21"
BENCHMARK_GROUP = "AFLW2000-3D, recall (IoU .5) by yaw"
BENCHMARK = "aflw2000"
SIZES_PX = (120, 60)


def bin_name(low: float, high: float) -> str:
    """Name a bin of |yaw|."""
    return f"{low:.0f} to {min(high, 90):.0f} degrees"


def in_bins(yaw_deg: np.ndarray) -> list[tuple[str, list[int]]]:
    """Return the bins of |yaw| with the indices of the faces in each."""
    size = np.abs(yaw_deg)
    return [(bin_name(low, high), np.flatnonzero((size >= low) & (size < high)).tolist()) for low, high in YAW_BINS_DEG]


def read_held_out(data: Path, labels: Path) -> list[tuple[str, list[FacePicture]]]:
    """Read aflw21's held-out faces by |yaw|; empty without the pack or its label table."""
    if not (data / f"{turned.TABLED}.zip").is_file() or not (labels / f"{turned.TABLED}.npz").is_file():
        return []
    held_out = turned.read_turned_pictures(data, labels, turned.TABLED)[1]
    yaw = turned.read_yaw_deg(data)
    return [(name, [held_out[i] for i in rows]) for name, rows in in_bins(np.array([yaw[p.name] for p in held_out]))]


def placed(
    bins: list[tuple[str, list[FacePicture]]], empties: list[FacePicture], count: int
) -> Iterator[tuple[Condition, Labelled]]:
    """Yield every condition of YAW_GROUP with its frames."""
    for size in SIZES_PX:
        for name, faces in bins:
            if faces:
                condition = Condition(YAW_GROUP, f"{size} px, {name}", float("nan"), size)
                yield condition, trials.frames(condition, evenly_spaced(faces, count), empties, count)


def benchmark(data: Path, limit: int | None) -> Iterator[tuple[str, int, Labelled]]:
    """Yield (bin, faces, labelled pictures) of AFLW2000-3D; its other faces are not labelled and are ignored.

    A final check: nothing is ever chosen by these rows.
    """
    samples = read_aflw2000(data / BENCHMARK)
    whole_plane = np.array([[-1e6, -1e6, 1e6, 1e6]], np.float32)
    for name, rows in in_bins(np.array([float(sample.attributes["yaw_deg"]) for sample in samples])):
        chosen = evenly_spaced([samples[i] for i in rows], limit)
        labelled = ((sample.image, points_box(sample.points)[None], whole_plane) for sample in chosen)
        yield name, len(chosen), labelled
