"""CSV of a video's events alone: one row each, when it is over."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from facetrack.sinks.inputs import Inputs
from facetrack.sinks.lines import Lines
from facetrack.sinks.record import event_record
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame

EVIDENCE = ("completeness", "fall_s", "pitch_deg", "gaze_down_deg")
"""Of `types.Event.evidence`."""
_OWN = ("id", "kind", "start_s", "since_s", "end_s", "amplitude", "closing_speed_per_s")
COLUMNS = (*_OWN[:5], "duration_s", *_OWN[5:], *EVIDENCE)


class EventsCsvSink(RecordSink):
    """One row per event, in the order in which they ended; what is unknown is empty.

    target, source: as of a `CsvSink`. Raises OutputError.
    """

    def __init__(self, target: str | Path, *, source: Inputs = None) -> None:
        self._lines = Lines(target, source)
        self._write(COLUMNS, is_record=False)

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write the rows of the events that ended with this frame."""
        for event in events:
            if event.is_over:
                found = event_record(event)
                found |= found["evidence"] | {"duration_s": round(event.duration_s, 6)}
                self._write([found.get(name) for name in COLUMNS])

    def _write(self, cells: Sequence[object], is_record: bool = True) -> None:
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(cells)
        self._lines.write(row.getvalue(), is_record)

    def close(self) -> None:
        """Finish the file and put it in its place."""
        self._lines.commit()

    def keep_partial(self) -> Path | None:
        """Leave the rows so far under a name that ends in .partial."""
        return self._lines.keep_partial()

    def discard(self) -> None:
        """Leave no file behind."""
        self._lines.discard()
