"""Readers of MTFL with its AFLW part: five landmarks, gender, smile, glasses and pose.

Source: Zhang et al., Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014. Two forms are read: the authors'
text files, and the pack mtfl.zip + mtfl.csv.

Left means image left in MTFL: its left eye is the person's right eye, so the point order equals ours. The text files
have Matlab's 1-based coordinates, from which 1 is subtracted here. The pack's coordinates are used unchanged: its
README states pixel centres at integers.

Attributes: `male` 0/1, `smile` 0/1, `glasses` 0/1, `pose_bin` 1-5 (left profile, left, frontal, right, right profile,
in the authors' words), and `split` training/testing.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError
from facetrack.types import Floats, Image
from facetrain.formats.labelled_pictures import read_labelled
from facetrain.formats.pack_tables import Attributes, Row, read_labelled_zip, read_table, require
from facetrain.formats.packs import person_of
from facetrain.formats.reading import NO_POINTS, NO_WEIGHT, Reading, ReadResult, numbers, read_lines
from facetrain.sample import Sample

SOURCE = "mtfl"
FIRST_PX = np.float32(1)
N = topology_maps.N_POINTS[topology_maps.FIVE]
POINTS = ("leye", "reye", "nose", "lmouth", "rmouth")
COORDINATES = tuple(f"{axis}_{name}" for axis in "xy" for name in POINTS)
LABELS = ("gender_1m_2f", "smile_1y_2n", "glasses_1y_2n", "pose_1..5")
ATTRIBUTES = ("male", "smile", "glasses", "pose_bin")
POSE_BINS = range(1, 6)


def read_mtfl_text(path: Path, images: Path | None = None, trim: bool = True) -> ReadResult:
    """Read the authors' training.txt or testing.txt: path x1..x5 y1..y5 gender smile glasses pose.

    images: the folder that the paths are relative to, by default the text file's folder.
    """
    images = images or path.parent
    split = "testing" if "test" in path.stem.lower() else "training"
    reading = Reading(path, trim)
    for number, line in enumerate(read_lines(path), 1):
        words = line.split()
        if words:
            with reading.row():
                where = f"{path}:{number}"
                file = words[0].replace("\\", "/")
                values = numbers(where, words[1:], 2 * N + len(LABELS))
                points = values[: 2 * N].reshape(2, N).T - FIRST_PX
                attributes = _attributes(where, values[2 * N :].tolist()) | {"split": split}
                picture = read_labelled(images / file)
                points = picture.upright(points)
                sample = Sample(
                    file, person_of(file), SOURCE, picture.image, points, np.ones(N, np.float32), topology_maps.FIVE,
                    None, attributes,
                )  # fmt: skip
                reading.add(where, sample)
    return reading.result()


def read_mtfl_pack(path: Path, trim: bool = True) -> ReadResult:
    """Read mtfl.csv and the mtfl.zip beside it.

    Rows whose table entry marks the points as wrong (pts_ok 0) keep their attributes but have no points; this is not
    reported as a problem.
    """
    columns, rows = read_table(path)
    require(path, columns, ("path", "split", "pts_ok", *COORDINATES, *LABELS))
    reading = Reading(path, trim)

    def sample_of(where: str, row: Row, image: Image) -> Sample:
        name = row["path"]
        attributes = _attributes(where, numbers(where, [row[key] or "nan" for key in LABELS], len(LABELS)).tolist())
        if not attributes and row["pts_ok"] != "1":
            raise DataError(f"{where}: {name} has neither attributes nor good points")
        if not attributes:
            reading.problems.append(f"{where}: {name} has no attributes; kept for its points")
        attributes["split"] = row["split"]
        return Sample(name, person_of(name), SOURCE, image, *_points(where, row), None, attributes)

    return read_labelled_zip(path, "path", rows, reading, sample_of)


def _points(where: str, row: Row) -> tuple[Floats, Floats, str]:
    if row["pts_ok"] != "1":
        return NO_POINTS, NO_WEIGHT, ""
    points = numbers(where, [row[key] or "" for key in COORDINATES], 2 * N).reshape(2, N).T
    return points, np.ones(N, np.float32), topology_maps.FIVE


def _attributes(where: str, values: list[float]) -> Attributes:
    """Convert MTFL's codes: gender 1 male 2 female, smile and glasses 1 yes 2 no, pose 1-5; NaN is omitted."""
    known = {name: value for name, value in zip(ATTRIBUTES, values, strict=True) if not math.isnan(value)}
    for name, value in known.items():
        if value not in (POSE_BINS if name == "pose_bin" else (1, 2)):
            raise DataError(f"{where}: {name} is {value:g}; expected 1 to 5 for the pose and 1 or 2 for the others")
    return {name: value if name == "pose_bin" else float(value == 1) for name, value in known.items()}
