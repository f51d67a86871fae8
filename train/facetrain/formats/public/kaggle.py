"""Reader and writer of Kaggle's Facial Keypoints Detection (2013): training, test, lookup table, submission.

Images are 96x96 grey values in a text column; the 15 points are in image pixels, used unchanged (the competition does
not define the pixel centre; its tutorials draw with centres at integers). A missing coordinate is an empty cell. Rows
have no names: they are numbered from 1, and each is its own group.
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
"""The 30 coordinate columns in Kaggle's order."""
SOURCE = "kaggle"
FRAME_SIZE = 1.12
"""Side of the crop around the mean of the 15 points, in extents of the 68, that frames a labelled face as Kaggle does.

In Kaggle's training rows the eye centres lie at (66.4, 37.7) and (30.3, 38.0) px on average; HELEN's faces cropped so
have them at (65.3, 37.9) and (29.0, 38.5). The bounding box's centre is no substitute: it shifts relative to the eyes
as the head turns."""
FRAME_JITTER = 0.035
"""Jitter of that crop, in extents, which gives the eye centres Kaggle's standard deviation of about 3 px."""


def read_kaggle(path: Path) -> ReadResult:
    """Read training.csv, or test.csv (no coordinates: points NaN, weight 0).

    path: the file, or the folder for its training.csv. Unusable rows are listed as problems with their line. Raises
    DataError where a column is missing.
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
    """Parse a row's (15, 2) points; empty cells are NaN."""
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
    """Parse 96x96 grey values in text into a (96, 96, 3) BGR image."""
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
    """Convert a sample to Kaggle's form: the face framed as in its data set, 96x96 grey, 15 points.

    sample: with 68 points, or a scheme that maps to them. A sample in Kaggle's form is returned unchanged. Raises
    DataError where the points do not map.
    """
    if sample.scheme == topology_maps.KAGGLE_15 and sample.image.shape[:2] == (SIDE_PX, SIDE_PX):
        return sample
    extent = face_extent(as_scheme(sample, topology.SCHEME).points)
    converted = as_scheme(sample, topology_maps.KAGGLE_15)
    crop = jittered_square(np.nanmean(converted.points, axis=0), extent, FRAME_SIZE, FRAME_JITTER, sample.name)
    grey = cv2.cvtColor(cut(sample.image, crop, SIDE_PX), cv2.COLOR_BGR2GRAY)
    points = transform(converted.points, crop_matrix(crop, SIDE_PX))
    return replace(converted, points=points, image=np.repeat(np.asarray(grey)[..., None], 3, axis=2))


def write_kaggle(samples: Sequence[Sample], path: Path) -> list[str]:
    """Write training.csv from samples converted by `as_kaggle`.

    Returns one problem per sample that cannot be converted. Raises DataError where no sample can be written.
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

    predicted: ImageId -> (15, 2) px; values are clipped to the image, 0..96. Raises DataError where the table asks for
    an image without prediction or an unknown column, or a predicted value is not finite.
    """
    columns, rows = read_table(lookup)
    require(lookup, columns, ("RowId", "ImageId", "FeatureName"))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = list(_submission_rows(predicted, lookup, rows))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("RowId", "Location"), *lines])


def _submission_rows(
    predicted: Mapping[str, NDArray[np.floating]], lookup: Path, rows: Iterable[tuple[int, dict[str, str]]]
) -> Iterable[tuple[str, str]]:
    column_index = {column: index for index, column in enumerate(COLUMNS)}
    for line, row in rows:
        image, feature = row["ImageId"], row["FeatureName"]
        if feature not in column_index:
            raise DataError(f"{lookup}:{line}: asks for '{feature}', which is no column of training.csv")
        if image not in predicted:
            raise DataError(f"{lookup}:{line}: asks for image {image}, for which there is no prediction")
        value = float(np.asarray(predicted[image]).reshape(-1)[column_index[feature]])
        if not np.isfinite(value):
            raise DataError(f"{lookup}:{line}: the prediction of '{feature}' for image {image} is {value}")
        yield row["RowId"], f"{min(max(value, 0.0), float(SIDE_PX)):.4f}"
