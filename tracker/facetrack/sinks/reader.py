"""Reader of files of JSON lines: the same faces and events as were written."""

from __future__ import annotations

import json
import math
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
from facetrack.types.frame import MAX_SIDE_PX

if TYPE_CHECKING:
    import pandas


BROKEN = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)
"""Errors of values that are not those of a frame."""
MAX_TIME_S = 1e9
"""Latest time of a frame or event, either side of zero: 31 years, still exact to a microsecond in float64."""


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
            header = Header(**{name: found[name] for name in Header.__slots__})
            _check_header(header)
        except KeyError as error:
            raise self._broken(number, f"a header without {error}") from error
        except BROKEN as error:
            raise self._broken(number, f"a header with {error}") from error
        return header

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


def _check_header(header: Header) -> None:
    """Raise ValueError for a picture that no frame has, or a rate that is none."""
    for name, side in (("width", header.width), ("height", header.height)):
        if side is not None and (not isinstance(side, int) or not 0 < side <= MAX_SIDE_PX):
            raise ValueError(f"the {name} {side!r}, expected 1 to {MAX_SIDE_PX} px")
    if header.fps is not None and not 0 < _number(header.fps) < math.inf:
        raise ValueError(f"{header.fps!r} frames per second")


def _frame(line: Mapping[str, Any]) -> FrameRecord:
    faces, events = tuple(_face(face) for face in line["faces"]), tuple(_event(event) for event in line["events"])
    return FrameRecord(int(line["frame"]), _time(line["time_s"]), faces, events, line.get("image"))


def _number(value: Any) -> float:
    """Return a JSON number. Raises ValueError for anything else, also NaN and Infinity, which Python's JSON has."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r}, expected a finite number")
    return float(value)


def _time(value: Any) -> float:
    time_s = _number(value)
    if abs(time_s) > MAX_TIME_S:
        raise ValueError(f"the time {value!r} s, expected {MAX_TIME_S:.0e} s at most")
    return time_s


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
        _number(found["yaw_deg"]),
        _number(found["pitch_deg"]),
        _number(found["roll_deg"]),
        None if sigma is None else (sigma[0], sigma[1], sigma[2]),
    )


def _event(found: Mapping[str, Any]) -> Event:
    return Event(
        found["kind"], int(found["id"]), found["phase"], _time(found["start_s"]), _time(found["since_s"]),
        None if found["end_s"] is None else _time(found["end_s"]), found.get("amplitude"),
        found.get("closing_speed_per_s"), found.get("evidence", {}),
    )  # fmt: skip


def _array(values: Any, shape: tuple[int, ...]) -> Floats:
    """Numbers as float32, None as NaN. Raises ValueError for another shape, and for infinite ones."""
    with np.errstate(over="ignore"):
        array = np.array(values, np.float32)
    if array.shape != shape:
        raise ValueError(f"numbers of shape {array.shape}, expected {shape}")
    if np.isinf(array).any():
        raise ValueError("infinite coordinates")
    return array
