"""CSV: one row per face and frame, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facetrack.sinks.jsonl import SIGNALS, record
from facetrack.sinks.lines import Lines
from facetrack.sinks.sink import Sink
from facetrack.topology import N_POINTS
from facetrack.types import Event, Face, Frame

_BOX = ("x0", "y0", "x1", "y1")
_POSE = ("yaw_deg", "pitch_deg", "roll_deg")

COLUMNS = (
    *("frame", "time_s", "id", *_BOX, "score", *_POSE, *SIGNALS, "events"),
    *(f"{axis}_{index}" for index in range(N_POINTS) for axis in ("px", "py")),
    *(f"sigma_{index}" for index in range(N_POINTS)),
)
"""The header. Values and units are those of schema.json; px_0, py_0 ... px_67, py_67 are the points, sigma_0 ...
sigma_67 their uncertainties. Yes and no are 1 and 0, fatigue_parts reads `perclos 0.35; yawns 0.0833`, events reads
`blink 0.360-0.520 amplitude=0.93 closing_speed_per_s=8.1` with `; ` between several. What is unknown is empty."""


class CsvSink(Sink):
    """One row per face in every frame, sorted as they came; a frame without a face has one row with no id.

    An event of a face that is gone from the frame has a row of its own: its id, and no measurements.
    target: a file, or "-" for standard output. source: a file that must not be overwritten. Raises OutputError.
    """

    def __init__(self, target: str | Path, *, source: str | Path | None = None) -> None:
        self._lines = Lines(target, source)
        self._row = io.StringIO()
        self._writer = csv.DictWriter(self._row, COLUMNS, restval="", lineterminator="\n")
        self._writer.writeheader()
        self._flush_row()

    @property
    def closed(self) -> bool:
        return self._lines.closed

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's rows."""
        self._writer.writerows(_rows(record(frame, faces, events)))
        self._flush_row()

    def _flush_row(self) -> None:
        self._lines.write(self._row.getvalue())
        self._row.seek(0)
        self._row.truncate()

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._lines.commit()

    def discard(self) -> None:
        """Leave no file behind."""
        self._lines.discard()


def _rows(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one frame, from its JSON object: the two outputs cannot disagree."""
    frame = {"frame": line["frame"], "time_s": line["time_s"]}
    present = [face["id"] for face in line["faces"]]
    gone = dict.fromkeys(event["id"] for event in line["events"] if event["id"] not in present)
    for face in line["faces"]:
        yield frame | _measurements(face) | {"events": _events(line, face["id"])}
    for face_id in gone:
        yield frame | {"id": face_id, "events": _events(line, face_id)}
    if not present and not gone:
        yield frame


def _measurements(face: dict[str, Any]) -> dict[str, Any]:
    row = {"id": face["id"], "score": face["score"], **dict(zip(_BOX, face["box"], strict=True))}
    row |= face["pose"] or {}
    row |= {name: _cell(face["signals"][name]) for name in SIGNALS}
    for index, ((x, y), sigma) in enumerate(zip(face["points"], face["sigma"], strict=True)):
        row |= {f"px_{index}": x, f"py_{index}": y, f"sigma_{index}": sigma}
    return row


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {part}" for name, part in value.items())
    return value


def _events(line: dict[str, Any], face_id: int) -> str:
    return "; ".join(_event(event) for event in line["events"] if event["id"] == face_id)


def _event(event: dict[str, Any]) -> str:
    words = [event["kind"], f"{event['start_s']:.3f}-{event['end_s']:.3f}"]
    words += [f"{name}={event[name]}" for name in ("amplitude", "closing_speed_per_s") if event[name] is not None]
    return " ".join(words)
