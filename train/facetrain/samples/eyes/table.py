"""Crops of single eyes with their labels, as one array each, cached on disk.

An eye is cut once, larger than the network's crop and at a higher resolution, and augmented from there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack.errors import DataError
from facetrack.eyes import ORDER, eye_matrices
from facetrack.geometry import cut_by, transform
from facetrack.modelfile import EYE_STATES
from facetrack.types import Floats, Image
from facetrain.models.eyes.labels import SHAPES

COLUMNS, ROWS = 112, 68
"""Size of a stored crop, px."""
WIDTHS = 3.5
"""Its width in widths of the eye."""


@dataclass(slots=True)
class Eye:
    """One eye: its stored crop, (ROWS, COLUMNS, 3), the left one mirrored, and its labels.

    name: of the picture or frame, with `:right` or `:left`. group: what must not be split. source: the data set.
    """

    crop: Image
    name: str
    group: str
    source: str
    labels: dict[str, Floats] = field(default_factory=dict)

    def set(self, name: str, value: object, weight: object) -> None:
        """Set a label, such as "gap", and its weight; NaN becomes weight 0."""
        array, weights = np.asarray(value, np.float32), np.asarray(weight, np.float32)
        known = np.isfinite(array) if array.ndim < 2 else np.isfinite(array).all(axis=-1)
        if array.ndim and not weights.ndim:
            known = known.all(axis=-1)
        self.labels[name] = np.nan_to_num(array)
        self.labels[f"{name}_weight"] = np.broadcast_to(weights * known, SHAPES[f"{name}_weight"]).astype(np.float32)

    def set_state(self, *possible: str, weight: float = 1.0) -> None:
        """Set the states that are possible."""
        self.set("state", [float(name in possible) for name in EYE_STATES], weight)


def stored_matrices(points: Floats) -> NDArray[np.float64]:
    """Return (2, 2, 3) maps from px to stored px of the right and left eye of (68, 2) points."""
    matrices = eye_matrices(points[None], COLUMNS, WIDTHS)[0]
    matrices[:, 1, 2] += (ROWS - COLUMNS // 2) / 2
    return matrices


def eyes_of(image: Image, points: Floats, name: str, group: str, source: str) -> list[tuple[Eye, NDArray[np.float64]]]:
    """Cut the right and the left eye where (68, 2) points lie; also returns the maps from px to stored px."""
    out = []
    for side, matrix in zip(("right", "left"), stored_matrices(points), strict=True):
        crop = np.empty((ROWS, COLUMNS, 3), np.uint8)
        cut_by(image, matrix, crop)
        out.append((Eye(crop, f"{name}:{side}", group, source), matrix))
    return out


def contour_of(points: Floats, side: int, matrix: NDArray[np.float64]) -> Floats:
    """Return the (6, 2) points of an eye of the 68 in stored px. side: 0 right, 1 left."""
    return transform(points[list(ORDER[side])], matrix)


def gap_of(contour: Floats) -> float:
    """Return the mean lid gap over the eye's width from (6, 2) points (Soukupova and Cech, 2016, eq. 1)."""
    lids = np.linalg.norm(contour[[1, 2]] - contour[[5, 4]], axis=1).mean()
    return float(lids / max(float(np.linalg.norm(contour[3] - contour[0])), 1e-6))


@dataclass(frozen=True, slots=True, eq=False)
class EyeTable:
    """N eyes. crops: (N, ROWS, COLUMNS, 3) uint8, mapped from disk. labels: by SHAPES, (N, ...)."""

    crops: Image
    names: NDArray[np.str_]
    groups: NDArray[np.str_]
    sources: NDArray[np.str_]
    labels: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.names)


def write_table(eyes: Iterable[Eye], folder: Path) -> EyeTable:
    """Write crops.npy and labels.npz into the folder; the eyes may come from a generator."""
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[Eye] = []
    raw = folder / "crops.part"
    with raw.open("wb") as file:
        for eye in eyes:
            file.write(eye.crop.tobytes())
            eye.crop = eye.crop[:0]
            kept.append(eye)
    if not kept:
        raise DataError(f"no eye was found for {folder}; expected packs with faces or eyes")
    shape = (len(kept), ROWS, COLUMNS, 3)
    stored = np.lib.format.open_memmap(folder / "crops.npy", mode="w+", dtype=np.uint8, shape=shape)
    stored[:] = np.memmap(raw, np.uint8, "r", shape=shape)
    stored.flush()
    raw.unlink()
    labels = {
        name: np.stack([eye.labels.get(name, np.zeros(size, np.float32)) for eye in kept])
        for name, size in SHAPES.items()
    }
    fields = {f"{name}s": np.array([getattr(eye, name) for eye in kept]) for name in ("name", "group", "source")}
    np.savez_compressed(folder / "labels.npz", **fields, **labels)  # type: ignore[arg-type]
    return read_table(folder)


def read_table(folder: Path) -> EyeTable:
    """Read what `write_table` wrote. Raises DataError where the folder holds none."""
    try:
        crops = np.load(folder / "crops.npy", mmap_mode="r")
        with np.load(folder / "labels.npz") as arrays:
            values = {name: arrays[name] for name in arrays.files}
        # Tables of November 2026 have no gaze.
        absent = {name: np.zeros((len(crops), *SHAPES[name]), np.float32) for name in ("gaze", "gaze_weight")}
        labels = {name: (absent | values)[name].astype(np.float32) for name in SHAPES}
        table = EyeTable(crops, values["names"], values["groups"], values["sources"], labels)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{folder}: no table of eyes ({error}); make one with `facetrack data eyes` and give it with --set eyes=.."
        ) from error
    if len(table.crops) != len(table):
        raise DataError(f"{folder}: {len(table.crops)} crops but {len(table)} labels; make the table anew")
    return table
