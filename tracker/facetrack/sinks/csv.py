"""CSV: one row per face and frame, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facetrack.sinks.fields import LEAVES
from facetrack.sinks.inputs import Inputs
from facetrack.sinks.lines import Lines
from facetrack.sinks.record import record
from facetrack.sinks.sink import RecordSink
from facetrack.topology import N_POINTS
from facetrack.types import ENDED, Event, Face, Frame

_BOX = ("box_x0", "box_y0", "box_x1", "box_y1")
_ANGLES = ("yaw", "pitch", "roll")
_POSE = {
    "yaw_deg": ("pose_yaw_deg",),
    "pitch_deg": ("pose_pitch_deg",),
    "roll_deg": ("pose_roll_deg",),
    "translation_mm": tuple(f"pose_translation_mm_{axis}" for axis in "xyz"),
    "quaternion": tuple(f"pose_quaternion_{axis}" for axis in "xyzw"),
    "sigma_deg": tuple(f"pose_sigma_deg_{angle}" for angle in _ANGLES),
}
"""Columns of each field of a pose."""

COLUMNS = (
    *("frame", "time_s", "image", "id", *_BOX, "score"),
    *(column for columns in _POSE.values() for column in columns),
    *(column for leaf in LEAVES for column in leaf.columns),
    "events",
    *(f"{axis}_{index}" for index in range(N_POINTS) for axis in ("px", "py")),
    *(f"{name}_{index}" for name in ("sigma", "visibility") for index in range(N_POINTS)),
)
"""The header. Values and units are those of schema.json; px_0, py_0 ... px_67, py_67 are the points, sigma_0 ...
sigma_67 their uncertainties. Yes and no are 1 and 0; events holds those that ended and reads
`blink 0.360-0.520 amplitude=0.93 closing_speed_per_s=8.1` with `; ` between several. What is unknown is empty."""


class CsvSink(RecordSink):
    """One row per face in every frame, sorted as they came; a frame without a face has one row with no id.

    An event of a face that is gone from the frame has a row of its own: its id, and no measurements.
    target: a file, or "-" for standard output. source: inputs, which must not be overwritten. live: as of a
    JsonLinesSink. Raises OutputError.
    columns: the header.
    """

    columns: tuple[str, ...] = COLUMNS

    def __init__(self, target: str | Path, *, source: Inputs = None, live: bool = False) -> None:
        self._lines = Lines(target, source, live)
        self.is_stream = self._lines.is_stream
        self._row = io.StringIO()
        self._writer = csv.DictWriter(self._row, self.columns, restval="", lineterminator="\n")
        self._writer.writeheader()
        self._flush_row(is_record=False)

    @property
    def closed(self) -> bool:
        return self._lines.closed

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's rows."""
        for row in rows(record(frame, faces, events)):
            self._writer.writerow({name: int(x) if isinstance(x, bool) else x for name, x in row.items()})
        self._flush_row()

    def _flush_row(self, is_record: bool = True) -> None:
        self._lines.write(self._row.getvalue(), is_record)
        self._row.seek(0)
        self._row.truncate()

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._lines.commit()

    def keep_partial(self) -> Path | None:
        """Leave the rows so far under a name that ends in .partial."""
        return self._lines.keep_partial()

    def discard(self) -> None:
        """Leave no file behind."""
        self._lines.discard()


def rows(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of one frame by column, from its JSON object: the two outputs cannot disagree."""
    frame = {"frame": line["frame"], "time_s": line["time_s"], "image": line.get("image")}
    ended = [event for event in line["events"] if event["phase"] == ENDED]
    present = [face["id"] for face in line["faces"]]
    gone = dict.fromkeys(event["id"] for event in ended if event["id"] not in present)
    for face in line["faces"]:
        yield frame | _measurements(face) | {"events": _events(ended, face["id"])}
    for face_id in gone:
        yield frame | {"id": face_id, "events": _events(ended, face_id)}
    if not present and not gone:
        yield frame


def _measurements(face: dict[str, Any]) -> dict[str, Any]:
    row = {"id": face["id"], "score": face["score"], **dict(zip(_BOX, face["box"], strict=True))}
    for name, columns in _POSE.items() if face["pose"] else ():
        value = face["pose"][name]
        if value is not None:
            row |= zip(columns, value if len(columns) > 1 else (value,), strict=True)
    for leaf in LEAVES:
        row |= leaf.cells(face["signals"])
    for index, ((x, y), sigma) in enumerate(zip(face["points"], face["sigma"], strict=True)):
        row |= {f"px_{index}": x, f"py_{index}": y, f"sigma_{index}": sigma}
    for index, share in enumerate(face["visibility"] or ()):
        row[f"visibility_{index}"] = share
    return row


def _events(ended: list[dict[str, Any]], face_id: int) -> str:
    return "; ".join(_event(event) for event in ended if event["id"] == face_id)


def _event(event: dict[str, Any]) -> str:
    words = [event["kind"], f"{event['start_s']:.3f}-{event['end_s']:.3f}"]
    words += [f"{name}={event[name]}" for name in ("amplitude", "closing_speed_per_s") if event[name] is not None]
    words += [f"{name}={value}" for name, value in event.get("evidence", {}).items()]
    return " ".join(words)
