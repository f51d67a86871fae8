"""JSON lines: a header, then one object per frame, described in schema.json beside this file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facetrack.sinks.header import Header
from facetrack.sinks.inputs import Inputs
from facetrack.sinks.lines import Lines
from facetrack.sinks.record import record
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame

SCHEMA_FILE = Path(__file__).with_name("schema.json")


class JsonLinesSink(RecordSink):
    """A header line, then one line per frame, also when it shows no face.

    target: a file, or "-" for standard output, flushed after every line. source: inputs, which must not be overwritten.
    live: the file is there from its first frame on, and whatever happens it keeps what was written.
    closed: the reader of standard output has gone; stop, or go on for the other sinks. Without `begin` the header says
    the first frame's size alone. Raises OutputError.
    """

    def __init__(self, target: str | Path, *, source: Inputs = None, live: bool = False) -> None:
        self._lines = Lines(target, source, live)
        self.is_stream = self._lines.is_stream
        self._begun = False

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more."""
        return self._lines.closed

    def begin(self, header: Header) -> None:
        """Write the header line, once, before the first frame."""
        if not self._begun:
            self._begun = True
            self._write(header.to_json(), is_record=False)

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's line."""
        if not self._begun:
            height, width = frame.image.shape[:2]
            self.begin(Header(width=width, height=height))
        self._write(record(frame, faces, events))

    def _write(self, line: dict[str, Any], is_record: bool = True) -> None:
        self._lines.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n", is_record)

    def close(self) -> None:
        """Finish the file and put it in its place."""
        if not self._begun and not self._lines.closed:
            self.begin(Header())
        self._lines.commit()

    def keep_partial(self) -> Path | None:
        """Leave the lines so far under a name that ends in .partial."""
        return self._lines.keep_partial()

    def discard(self) -> None:
        """Leave no file behind."""
        self._lines.discard()
