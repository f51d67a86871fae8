"""Reader of packs with a label table (`NAME.zip` + `NAME.csv`): genki4k, and the classes eyes, mouths, yawn_faces.

Attributes only, no points. (The mtfl pack has points too: see `mtfl`.)
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

from facetrack.errors import DataError
from facetrack.types import Image
from facetrain.formats.reading import NO_POINTS, NO_WEIGHT, Reading, ReadResult
from facetrain.formats.zips import decode, read_zip_bytes
from facetrain.sample import Sample

SHOWN_COLUMNS = 6
Row = dict[str, str]
Attributes = dict[str, float | str]

CLASS_ATTRIBUTES: dict[tuple[str, str], tuple[str, float]] = {
    ("eyes", "open"): ("eyes_open", 1.0),
    ("eyes", "closed"): ("eyes_open", 0.0),
    ("mouths", "open"): ("mouth_open", 1.0),
    ("mouths", "closed"): ("mouth_open", 0.0),
    ("yawn_faces", "yawn"): ("yawn", 1.0),
    ("yawn_faces", "no_yawn"): ("yawn", 0.0),
}
"""(data set, class) -> attribute and value; a class of any other data set becomes the attribute `class`."""


def read_table(path: Path) -> tuple[list[str], list[tuple[int, Row]]]:
    """Read (columns, list of (line number, row)) of a CSV with header. Raises DataError where it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = list(reader.fieldnames or ())
            rows = _rows(path, reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV: {error}; check the path") from error
    if not columns:
        raise DataError(f"{path} is empty; expected a header with the columns' names")
    return columns, rows


def _rows(path: Path, reader: csv.DictReader[str]) -> list[tuple[int, Row]]:
    rows = []
    try:
        for row in reader:
            rows.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: is no row of a CSV ({error})") from error
    return rows


def by_name(path: Path, key: str, rows: list[tuple[int, Row]], problems: list[str]) -> dict[str, tuple[int, Row]]:
    """Index rows by image name; of a duplicate name the first row is kept, the others are listed in `problems`."""
    first_row: dict[str, tuple[int, Row]] = {}
    for number, row in rows:
        name = row[key] or ""
        if name in first_row:
            problems.append(f"{path}:{number}: {name} has a row already, line {first_row[name][0]}; left out")
        else:
            first_row[name] = number, row
    return first_row


def require(path: Path, columns: list[str], needed: tuple[str, ...]) -> None:
    """Raise DataError where a column is missing."""
    missing = [name for name in needed if name not in columns]
    if missing:
        shown = ", ".join(columns[:SHOWN_COLUMNS]) + (" ..." if len(columns) > SHOWN_COLUMNS else "")
        raise DataError(f"{path} lacks the column '{missing[0]}'; of its {len(columns)} the first are {shown}")


def read_labelled_zip(
    path: Path, key: str, rows: list[tuple[int, Row]], reading: Reading, sample_of: Callable[[str, Row, Image], Sample]
) -> ReadResult:
    """Read every image of the zip beside the table, joined with its row.

    key: the column with the image's name in the zip.
    sample_of: (where, row, image) -> sample; `where` is the table's path and line, for messages.
    Images without a row and rows without an image are listed as problems.
    """
    archive = path.with_suffix(".zip")
    labelled = by_name(path, key, rows, reading.problems)
    for name, encoded in read_zip_bytes(archive):
        with reading.row():
            if name not in labelled:
                raise DataError(f"{archive}: {name} has no row in {path.name}")
            number, row = labelled.pop(name)
            where = f"{path}:{number}"
            reading.add(where, sample_of(where, row, decode(archive, name, encoded)))
    reading.problems += [f"{path}:{number}: {name} is not in {archive.name}" for name, (number, _) in labelled.items()]
    return reading.result()


def read_table_pack(path: Path) -> ReadResult:
    """Read genki4k.csv (file, smile, yaw_rad, pitch_rad, roll_rad) or a class table (file, label), with its zip.

    genki4k: `smile` 0/1 and `yaw_deg`, `pitch_deg`, `roll_deg` with the signs of the data set (MPLab GENKI-4K), which
    gives radians.
    Classes: see CLASS_ATTRIBUTES.
    """
    columns, rows = read_table(path)
    if "label" in columns:
        require(path, columns, ("file", "label"))
    else:
        require(path, columns, ("file", "smile", "yaw_rad", "pitch_rad", "roll_rad"))

    def sample_of(where: str, row: Row, image: Image) -> Sample:
        attributes = _class(path.stem, where, row) if "label" in columns else _genki(where, row)
        name = row["file"]
        return Sample(name, name, path.stem, image, NO_POINTS, NO_WEIGHT, "", None, attributes)

    return read_labelled_zip(path, "file", rows, Reading(path), sample_of)


def _class(source: str, where: str, row: Row) -> Attributes:
    label = row["label"]
    if not label:
        raise DataError(f"{where}: its label is empty")
    name, value = CLASS_ATTRIBUTES.get((source, label), ("class", label))
    return {name: value}


def _genki(where: str, row: Row) -> Attributes:
    try:
        angles = {f"{name}_deg": math.degrees(float(row[f"{name}_rad"])) for name in ("yaw", "pitch", "roll")}
        return {"smile": float(row["smile"]), **angles}
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: {error}; expected smile 0/1 and three angles in radians") from error
