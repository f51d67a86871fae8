"""The packs of turned heads: aflw21, aflw2000 and pointing04, with the signs of `types.Pose`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from facetrack.errors import DataError
from facetrack.types import Floats, Image
from facetrain.formats.pack_tables import Row, read_labelled_zip, read_table, require
from facetrain.formats.packs import load_labels, read_pack
from facetrain.formats.reading import NO_POINTS, NO_WEIGHT, Reading, ReadResult
from facetrain.sample import Sample

FIRST_PIXEL: dict[str, str] = {
    "helen_train": "unknown", "helen_test": "unknown", "lfpw_train": "0", "lfpw_test": "0",
    "ytfaces_train": "0", "expressions": "0", "aflw21": "0", "aflw2000": "0",
}  # fmt: skip
"""The coordinate of the first pixel's centre in each pack's labels. Networks predict with 0, the rule of
`facetrack.geometry`. "unknown": the .pts files of HELEN are 1-based by Menpo's reading, and were stored after a scaling
that is not recorded; at the pack's scale this is a shift of up to about .3 px, along x and y alike, which no reader can
take out. It is within `metrics.landmarks.LABELS_RIGHT_300W`, which is measured along x."""
MAX_TABLED_DEG = 99.0
"""AFLW2000's pose figures leave out rows with an angle beyond this (Ruiz et al., CVPRW 2018)."""
LABEL_SETS = ("points", "points_reannotated")


def read_aflw21(path: Path, trim: bool = True) -> ReadResult:
    """AFLW's 21 points by hand; `yaw_deg` positive towards the picture's right (the pack's sign is the opposite)."""
    result = read_pack(path, trim)
    labels = load_labels(path.with_suffix(".npz"), "yaw_deg")
    yaw = {str(n): -float(y) for n, y in zip(labels["names"].tolist(), labels["yaw_deg"].tolist(), strict=True)}
    samples = [replace(s, attributes={**s.attributes, "yaw_deg": yaw[s.name]}) for s in result.samples]
    return ReadResult(samples, result.problems)


def read_aflw2000(path: Path, labels: str = "points") -> list[Sample]:
    """AFLW2000-3D, whole pictures, with one of LABEL_SETS as its points and the head's angles as attributes.

    points: the projection of a fitted 3-D model. points_reannotated: Bulat and Tzimiropoulos (ICCV 2017).
    """
    if labels not in LABEL_SETS:
        raise DataError(f"got the label set '{labels}'; expected one of {', '.join(LABEL_SETS)}")
    arrays = load_labels(path.with_suffix(".npz"), labels)
    rows = {str(name): index for index, name in enumerate(arrays["names"].tolist())}
    samples = []
    for sample in read_pack(path, trim=False).samples:
        index = rows[sample.name]
        pitch, yaw, roll = arrays["pitch_yaw_roll_deg"][index].tolist()
        angles = {"yaw_deg": -yaw, "pitch_deg": pitch, "roll_deg": roll}
        points = arrays[labels][index].astype(np.float32)
        samples.append(replace(sample, points=points, attributes={**sample.attributes, **angles}))
    return samples


def read_pointing04(path: Path) -> ReadResult:
    """Pointing'04 (Gourier et al., 2004): no points; `yaw_deg`, `pitch_deg` and the face's box x0 .. y1 as attributes.

    path: pointing04.csv beside its zip. group: the person. A row's pan is positive towards the picture's left.
    """
    columns, rows = read_table(path)
    require(path, columns, ("image", "person", "tilt_deg", "pan_deg", "x0", "y0", "x1", "y1"))

    def sample_of(where: str, row: Row, image: Image) -> Sample:
        try:
            box = {name: float(row[name]) for name in ("x0", "y0", "x1", "y1")}
            angles = {"yaw_deg": -float(row["pan_deg"]), "pitch_deg": float(row["tilt_deg"])}
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: {error}; expected two angles in degrees and a box in px") from error
        name, person = row["image"], row["person"]
        return Sample(name, person, path.stem, image, NO_POINTS, NO_WEIGHT, "", None, {**angles, **box})

    return read_labelled_zip(path, "image", rows, Reading(path, trim=False), sample_of)


def face_box(sample: Sample) -> Floats:
    """(4,) x0 y0 x1 y1 px of a sample of pointing04."""
    return np.array([float(sample.attributes[name]) for name in ("x0", "y0", "x1", "y1")], np.float32)
