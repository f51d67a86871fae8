"""CSV of a video's events alone: one row each, when it is over."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from facetrack.sinks.inputs import Inputs
from facetrack.sinks.lines import Lines
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame

EVIDENCE = ("completeness", "fall_s", "pitch_deg", "gaze_down_deg")
"""Of `types.Event.evidence`."""
_OWN = ("id", "kind", "start_s", "since_s", "end_s", "amplitude", "closing_speed_per_s")
COLUMNS = (*_OWN[:5], "duration_s", *_OWN[5:], *EVIDENCE)


class EventsCsvSink(RecordSink):
    """One row per event, in the order in which they ended; what is unknown is empty.

    target, source, live: as of a `CsvSink`. Raises OutputError.
    """

    def __init__(self, target: str | Path, *, source: Inputs = None, live: bool = False) -> None:
        self._lines = Lines(target, source, live)
        self.is_stream = self._lines.is_stream
        self._write(COLUMNS, is_record=False)

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more."""
        return self._lines.closed

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write the rows of the events that ended with this frame."""
        for event in events:
            if event.is_over:
                found = event.to_dict()
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
