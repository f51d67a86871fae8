"""Kaggle's Facial Keypoints Detection (2013): training.csv, test.csv, IdLookupTable.csv and the submission.

Pictures are 96x96 greys in a text column; the 15 points are in pixels of them, taken as they stand (the competition
does not say where a pixel's centre is; its tutorials draw them with centres at integers). A missing coordinate is
an empty cell. Rows carry no names: they are numbered from 1, and each is its own group.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology, topology_maps
from facetrack.errors import DataError
from facetrack.geometry import crop_matrix, cut, transform
from facetrack.types import Floats, Image
from facetrain.augment.jittered_crop import jittered_square
from facetrain.formats.pack_tables import read_table, require
from facetrain.formats.reading import Reading, ReadResult
from facetrain.sample import Sample, as_scheme, face_extent

SIDE_PX = 96
COLUMNS: tuple[str, ...] = tuple(f"{name}_{axis}" for name in topology_maps.KAGGLE_NAMES for axis in "xy")
"""The 30 coordinate columns, in Kaggle's order."""
SOURCE = "kaggle"
FRAME_SIZE = 1.12
"""Side of the crop, in extents of the 68 points around the mean of the 15, that makes a labelled face look like
Kaggle's: in its training rows the eyes' centres lie at (66.4, 37.7) and (30.3, 38.0) px on average; HELEN's come to
(65.3, 37.9) and (29.0, 38.5). The box's centre would not do: it moves against the eyes as the head turns."""
FRAME_JITTER = 0.035
"""Unsteadiness of that crop, which gives the eyes' centres Kaggle's standard deviation of about 3 px."""


def read_kaggle(path: Path) -> ReadResult:
    """training.csv, or test.csv (which has no coordinates: points NaN, weight 0). `path` may be the folder, for its
    training.csv.

    A row that cannot be used is listed with its line. Raises DataError where a column is missing.
    """
    path = path / "training.csv" if path.is_dir() else path
    columns, rows = read_table(path)
    require(path, columns, ("Image",))
    labelled = "ImageId" not in columns
    if labelled:
        require(path, columns, COLUMNS)
    reading = Reading(path, trim=False)
    for number, (line, row) in enumerate(rows, 1):
        with reading.row():
            where = f"{path}:{line}"
            if None in row:
                raise DataError(f"{where}: has more cells than the header has columns")
            points = _points(where, row) if labelled else np.full((len(COLUMNS) // 2, 2), np.nan, np.float32)
            name = str(number) if labelled else str(row["ImageId"])
            weight = np.ones(len(points), np.float32)
            sample = Sample(name, name, SOURCE, _image(where, row["Image"]), points, weight, topology_maps.KAGGLE_15)
            reading.add(where, sample, allow_missing=True)
    return reading.result()


def _points(where: str, row: Mapping[str, str | None]) -> Floats:
    """(15, 2), NaN where a cell is empty."""
    values = []
    for column in COLUMNS:
        cell = row[column]
        if cell is None:
            raise DataError(f"{where}: the row ends before the column '{column}'")
        try:
            values.append(float(cell) if cell.strip() else np.nan)
        except ValueError as error:
            raise DataError(f"{where}: '{cell[:20]}' in the column '{column}' is not a number") from error
    return np.array(values, np.float32).reshape(-1, 2)


def _image(where: str, text: str | None) -> Image:
    """96x96 greys as text -> (96, 96, 3) BGR."""
    words = (text or "").split()
    if len(words) != SIDE_PX**2:
        raise DataError(f"{where}: its Image has {len(words)} values; expected {SIDE_PX**2} (96x96 greys)")
    try:
        grey = np.array(words, np.int64)
    except ValueError as error:
        raise DataError(f"{where}: its Image holds something that is not a whole number ({error})") from error
    if grey.min() < 0 or grey.max() > 255:
        raise DataError(f"{where}: its Image holds {grey.min()}..{grey.max()}; expected greys 0..255")
    return np.repeat(grey.astype(np.uint8).reshape(SIDE_PX, SIDE_PX, 1), 3, axis=2)


def as_kaggle(sample: Sample) -> Sample:
    """A sample with 68 points (or another scheme that maps to them) as Kaggle would have it: the face framed as its
    detector did, 96x96 grey, 15 points. One that is so already stays as it is.

    Raises DataError where the points do not map.
    """
    if sample.scheme == topology_maps.KAGGLE_15 and sample.image.shape[:2] == (SIDE_PX, SIDE_PX):
        return sample
    extent = face_extent(as_scheme(sample, topology.SCHEME).points)
    fifteen = as_scheme(sample, topology_maps.KAGGLE_15)
    crop = jittered_square(np.nanmean(fifteen.points, axis=0), extent, FRAME_SIZE, FRAME_JITTER, sample.name)
    grey = cv2.cvtColor(cut(sample.image, crop, SIDE_PX), cv2.COLOR_BGR2GRAY)
    points = transform(fifteen.points, crop_matrix(crop, SIDE_PX))
    return replace(fifteen, points=points, image=np.repeat(np.asarray(grey)[..., None], 3, axis=2))


def write_kaggle(samples: Sequence[Sample], path: Path) -> list[str]:
    """Write training.csv. Samples are framed by `as_kaggle`; what cannot be is returned as a list of problems.

    Raises DataError where not one sample can be written.
    """
    problems, written = [], 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*COLUMNS, "Image"])
        for sample in samples:
            try:
                framed = as_kaggle(sample)
            except DataError as error:
                problems.append(str(error))
                continue
            cells = ["" if np.isnan(value) else f"{value:.4f}" for value in framed.points.ravel()]
            writer.writerow([*cells, " ".join(map(str, framed.image[..., 0].ravel().tolist()))])
            written += 1
    if not written:
        path.unlink()
        first = f"; the first: {problems[0]}" if problems else ""
        raise DataError(f"{path}: none of the {len(samples)} samples can be written as Kaggle's{first}")
    return problems


def write_submission(predicted: Mapping[str, NDArray[np.floating]], lookup: Path, path: Path) -> None:
    """Write the submission that IdLookupTable.csv asks for.

    predicted: ImageId -> (15, 2) px; values are clipped to the picture, 0..96. Raises DataError where the table asks
    for a picture or a column that there is none of, or a value is not a number.
    """
    columns, rows = read_table(lookup)
    require(lookup, columns, ("RowId", "ImageId", "FeatureName"))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = list(_submitted(predicted, lookup, rows))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("RowId", "Location"), *lines])


def _submitted(
    predicted: Mapping[str, NDArray[np.floating]], lookup: Path, rows: Iterable[tuple[int, dict[str, str]]]
) -> Iterable[tuple[str, str]]:
    places = {column: index for index, column in enumerate(COLUMNS)}
    for line, row in rows:
        image, feature = row["ImageId"], row["FeatureName"]
        if feature not in places:
            raise DataError(f"{lookup}:{line}: asks for '{feature}', which is no column of training.csv")
        if image not in predicted:
            raise DataError(f"{lookup}:{line}: asks for picture {image}, for which there is no prediction")
        value = float(np.asarray(predicted[image]).reshape(-1)[places[feature]])
        if not np.isfinite(value):
            raise DataError(f"{lookup}:{line}: the prediction of '{feature}' for picture {image} is {value}")
        yield row["RowId"], f"{min(max(value, 0.0), float(SIDE_PX)):.4f}"
