"""Reader of files of JSON lines: the same faces and events as were written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from facetrack.angles import rotation_from_quaternion
from facetrack.errors import DataError
from facetrack.sinks.csv import rows
from facetrack.sinks.fields import signals_from_json
from facetrack.sinks.header import SCHEMA_VERSION, Header
from facetrack.sinks.tables.dataframe import dataframe, need_pandas
from facetrack.topology import N_POINTS
from facetrack.types import Event, Face, Floats, Landmarks, Pose

if TYPE_CHECKING:
    import pandas


BROKEN = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
"""Errors of values that are not those of a frame."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameRecord:
    """One frame's line: what `FaceTracker.update` and `events` gave for it.

    index, time_s: the frame's, see `types.Frame`. image: the picture's file name where the source was a folder.
    """

    index: int
    time_s: float
    faces: tuple[Face, ...]
    events: tuple[Event, ...]
    image: str | None = None


def read_jsonl(path: str | Path) -> JsonLines:
    """Open a file of JSON lines that `facetrack` wrote.

    Raises DataError where it is not there, is of another schema, or does not begin with a header.
    """
    return JsonLines(path)


class JsonLines:
    """The header and, frame by frame, the records of a file; each iteration reads it anew from its beginning.

    Numbers are those that were written: coordinates to .01 px, angles to .01 degrees, signals to four decimals. Raises
    DataError out of the iteration where a line is no frame; the frames before it have been given out by then.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.header = self._read_header()

    def _read_header(self) -> Header:
        number, found = next(self._objects(), (1, None))
        if found is None:
            raise DataError(f"{self.path}: the file is empty; expected JSON lines as by `facetrack video --json`")
        schema = found.get("schema")
        if schema == 1:
            raise DataError(
                f"{self.path}: written in schema 1 by an older facetrack, expected schema {SCHEMA_VERSION}; run "
                "`facetrack video --json` on the video again, or read the lines with the json module"
            )
        if schema != SCHEMA_VERSION:
            raise DataError(
                f"{self.path}: the first line says schema {schema!r}, expected a header with schema {SCHEMA_VERSION}; "
                "give a file by `facetrack video --json`, or upgrade facetrack"
            )
        try:
            return Header(**{name: found[name] for name in Header.__slots__})
        except KeyError as error:
            raise self._broken(number, f"a header without {error}") from error

    def __iter__(self) -> Iterator[FrameRecord]:
        for number, line in self._frames():
            try:
                yield _frame(line)
            except BROKEN as error:
                reason = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise self._broken(number, f"a line that is no frame ({reason})") from error

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a pandas DataFrame of one row per face and frame, with the columns and rows of the CSV.

        Unknown is NaN or None. Raises MissingExtraError without pandas.
        """
        need_pandas()
        return dataframe(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for number, line in self._frames():
            try:
                yield from list(rows(line))
            except BROKEN as error:
                raise self._broken(number, f"a line that is no frame ({error})") from error

    def _frames(self) -> Iterator[tuple[int, dict[str, Any]]]:
        objects = self._objects()
        next(objects, None)  # the header
        return objects

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Line numbers from 1 and their objects."""
        try:
            with self.path.open(encoding="utf-8") as file:
                for number, text in enumerate(file, 1):
                    if text.strip():
                        yield number, self._object(number, text)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read ({error.strerror}); give a file of JSON lines") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{self.path} is no text file; expected JSON lines by `facetrack video --json`") from error

    def _object(self, number: int, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._broken(number, f"no JSON: {text.strip()[:40]!r}") from error
        if not isinstance(found, dict):
            raise self._broken(number, f"{text.strip()[:40]!r}")
        return found

    def _broken(self, number: int, got: str) -> DataError:
        return DataError(
            f"{self.path}, line {number}: got {got}; expected the JSON object of a frame: the file was cut off or "
            "changed, so write it again"
        )


def _frame(line: Mapping[str, Any]) -> FrameRecord:
    faces, events = tuple(_face(face) for face in line["faces"]), tuple(_event(event) for event in line["events"])
    return FrameRecord(int(line["frame"]), float(line["time_s"]), faces, events, line.get("image"))


def _face(found: Mapping[str, Any]) -> Face:
    visibility = found.get("visibility")
    marks = Landmarks(
        _array(found["points"], (N_POINTS, 2)),
        _array(found["sigma"], (N_POINTS,)),
        None if visibility is None else _array(visibility, (N_POINTS,)),
    )
    pose = None if found["pose"] is None else _pose(found["pose"])
    score = float("nan") if found["score"] is None else float(found["score"])
    return Face(int(found["id"]), _array(found["box"], (4,)), marks, score, pose, signals_from_json(found["signals"]))


def _pose(found: Mapping[str, Any]) -> Pose:
    sigma = found.get("sigma_deg")
    return Pose(
        rotation_from_quaternion(*found["quaternion"]),
        np.array(found["translation_mm"], np.float64),
        found["yaw_deg"],
        found["pitch_deg"],
        found["roll_deg"],
        None if sigma is None else (sigma[0], sigma[1], sigma[2]),
    )


def _event(found: Mapping[str, Any]) -> Event:
    return Event(
        found["kind"], int(found["id"]), found["phase"], found["start_s"], found["since_s"], found["end_s"],
        found.get("amplitude"), found.get("closing_speed_per_s"), found.get("evidence", {}),
    )  # fmt: skip


def _array(values: Any, shape: tuple[int, ...]) -> Floats:
    """Numbers as float32, None as NaN. Raises ValueError for another shape."""
    array = np.array(values, np.float32)
    if array.shape != shape:
        raise ValueError(f"numbers of shape {array.shape}, expected {shape}")
    return array
