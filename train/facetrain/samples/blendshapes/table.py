"""Table of faces: what the tracker measures of each, and the blendshapes that a teacher gives it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facetrack.errors import DataError
from facetrack.geometry import points_box
from facetrack.types import Face, Floats, Image, Landmarks, Pose, Signals
from facetrack.types.signals import EyeSignals, EyesSignals, MouthSignals, SmileSignals

EYE = ("openness", "open_prob", "gap", "covered_prob", "gaze_yaw_deg", "gaze_pitch_deg", "gaze_sigma_deg")
"""Signals of each eye that are stored, right eye first."""
MOUTH = ("openness", "open_prob")
N_SIGNALS = 2 * len(EYE) + len(MOUTH) + 1
"""The last is the smile's probability."""
LIPS_PX = (48, 32)
"""Width and height of the stored picture of the mouth."""


@dataclass(slots=True)
class ShapeRow:
    """One face.

    name: of the picture, or the frame's number. group: what must not be split, a person. source: the data set.
    frame: its number in a clip, 0 of a photograph. points: (68, 2) px. sigma: (68,) px. pose: (15,) rotation,
    translation in mm, and its angles in degrees. signals: (N_SIGNALS,), NaN where unknown.
    shapes: (52,) the teacher's values in the order of `types.signals.ARKIT_52`, NaN for those that it does not give.
    lips: (32, 48) grey.
    """

    name: str
    group: str
    source: str
    frame: int
    points: Floats
    sigma: Floats
    pose: Floats
    signals: Floats
    shapes: Floats
    lips: Image


ARRAYS = tuple(item.name for item in fields(ShapeRow))


@dataclass(frozen=True, slots=True, eq=False)
class ShapeTable:
    """N faces; the arrays of `ShapeRow`, each with N rows."""

    name: NDArray[np.str_]
    group: NDArray[np.str_]
    source: NDArray[np.str_]
    frame: NDArray[np.int64]
    points: Floats
    sigma: Floats
    pose: Floats
    signals: Floats
    shapes: Floats
    lips: Image

    def __len__(self) -> int:
        return len(self.name)

    def face(self, index: int) -> Face:
        """Return a row as the tracker's face, with the stored signals alone."""
        pose, points = self.pose[index].astype(np.float64), self.points[index]
        head = Pose(pose[:9].reshape(3, 3), pose[9:12], *pose[12:15].tolist())
        return Face(
            1, points_box(points), Landmarks(points, self.sigma[index]), 1.0, head, signals_of(self.signals[index])
        )


def signal_values(signals: Signals) -> Floats:
    """Return (N_SIGNALS,) the stored ones, NaN where unknown."""
    eyes = [getattr(eye, name) for eye in (signals.eyes.right, signals.eyes.left) for name in EYE]
    values = [*eyes, *(getattr(signals.mouth, name) for name in MOUTH), signals.smile.prob]
    return np.array([np.nan if value is None else value for value in values], np.float32)


def signals_of(values: Floats) -> Signals:
    """Return `Signals` with the stored values; the inverse of `signal_values`."""
    known = [None if np.isnan(value) else float(value) for value in values]
    right, left = (EyeSignals(**dict(zip(EYE, known[at : at + len(EYE)], strict=True))) for at in (0, len(EYE)))
    openness, open_prob = known[2 * len(EYE) : -1]
    mouth = MouthSignals(openness=openness, open_prob=open_prob)
    return Signals(EyesSignals(right, left), mouth, SmileSignals(known[-1]))


def pose_values(pose: Pose) -> Floats:
    """Return (15,) rotation, translation and angles."""
    angles = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
    return np.concatenate([pose.rotation.ravel(), pose.translation_mm, angles]).astype(np.float32)


def write_table(rows: Iterable[ShapeRow], path: Path) -> int:
    """Write NAME.npz; returns the number of faces. Raises DataError without any."""
    kept = list(rows)
    if not kept:
        raise DataError(f"no face was found for {path}; expected pictures with faces")
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.array([getattr(row, name) for row in kept]) for name in ARRAYS}
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    return len(kept)


def read_tables(folder: Path, sources: Iterable[str] = ()) -> ShapeTable:
    """Read the tables SOURCE.npz of a folder, all of them without `sources`. Raises DataError where one is missing."""
    paths = [folder / f"{name}.npz" for name in sources] or sorted(folder.glob("*.npz"))
    if not paths:
        raise DataError(f"{folder} holds no table of faces; make one with `facetrack data blendshapes`")
    parts = []
    for path in paths:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                parts.append([arrays[name] for name in ARRAYS])
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{path}: no table of faces ({error}); make one with `facetrack data blendshapes`"
            ) from error
    return ShapeTable(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
