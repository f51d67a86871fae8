"""Labels without pictures: one .npz of arrays whose rows name the pictures of a pack that lies elsewhere.

A teacher's labels of a pack of 13,000 pictures are 10 MB beside the pack's own zip, and no picture is encoded twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetrack import topology, topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats
from facetrain.formats.packs import load_labels

SHAPES: dict[str, tuple[int, ...]] = {
    "points": (topology.N_POINTS, 2),
    "weight": (topology.N_POINTS,),
    "visible": (topology.N_POINTS,),
    "rotation": (3, 3),
    "rotation_weight": (),
    "hand": (topology_maps.N_POINTS[topology_maps.AFLW_21], 2),
}
"""Array -> shape of one row."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Labels of N pictures of one pack, in the pixels of the pack's pictures.

    names: the pictures' names in the pack, unique.
    points: (N, 68, 2) float32 px, NaN where unknown.
    weight: (N, 68) float32, how far each point is trusted, 0 where unknown.
    visible: (N, 68) float32, 1 visible, 0 occluded, NaN unknown.
    rotation: (N, 3, 3) float32, head to camera as in `types.Pose`.
    rotation_weight: (N,) float32, how far it is trusted, 0 where unknown.
    hand: (N, 21, 2) float32 px, AFLW's 21 points labelled by hand, NaN where not visible or not labelled.
    """

    names: tuple[str, ...]
    points: Floats
    weight: Floats
    visible: Floats
    rotation: Floats
    rotation_weight: Floats
    hand: Floats

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise DataError(f"{len(self.names) - len(set(self.names))} names of a label table repeat; expected none")
        for name, shape in SHAPES.items():
            got = getattr(self, name).shape
            if got != (len(self.names), *shape):
                raise DataError(f"'{name}' of a label table has shape {got}; expected {(len(self.names), *shape)}")


def empty_table(names: tuple[str, ...]) -> dict[str, Floats]:
    """Make the arrays of a table in which nothing is known yet, for `LabelTable(names, **arrays)`."""
    fills = {"weight": 0.0, "rotation": 0.0, "rotation_weight": 0.0}
    return {name: np.full((len(names), *shape), fills.get(name, np.nan), np.float32) for name, shape in SHAPES.items()}


def write_labels(table: LabelTable, path: Path) -> Path:
    """Write `path` with the ending .npz; returns it."""
    path = path.with_name(f"{path.name.removesuffix('.npz')}.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, names=np.array(table.names), **{name: getattr(table, name) for name in SHAPES})
    return path


def read_labels(path: Path) -> LabelTable:
    """Read what `write_labels` wrote; arrays that the file lacks are unknown. Raises DataError for other files."""
    arrays = load_labels(path, "points")
    names = tuple(str(name) for name in arrays["names"].tolist())
    known = {name: arrays[name].astype(np.float32) for name in SHAPES if name in arrays}
    return LabelTable(names, **{**empty_table(names), **known})
