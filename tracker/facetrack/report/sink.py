"""The report as a sink: fed frame by frame, written at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from facetrack.errors import OutputError
from facetrack.report.page import Clip, page
from facetrack.report.person import Person
from facetrack.report.scene import MostFaces
from facetrack.sinks.header import Header, source_name
from facetrack.sinks.lines import Lines
from facetrack.sinks.sink import RecordSink
from facetrack.types import Event, Face, Frame

SUFFIXES = (".html", ".htm")


class ReportSink(RecordSink):
    """One HTML page of a video: timelines, events with pictures, totals.

    target: an .html file. source: the video, whose name the page bears, and which must not be overwritten. csv_name: of
    the file with all records, named on the page. Keeps bounded curves and small pictures, never frames.
    Raises OutputError.
    """

    def __init__(self, target: Path, *, source: Path, csv_name: str | None = None, command: str = "") -> None:
        if target.suffix.lower() not in SUFFIXES:
            raise OutputError(f"{target} is no name for a report; give one that ends in {SUFFIXES[0]}.")
        self._source, self._csv_name, self._command = source, csv_name, command
        self._persons: dict[int, Person] = {}
        self._frames = self._with_faces = 0
        self._start_s = self._end_s = 0.0
        self._size = (0, 0)
        self._header, self._scene = Header(), MostFaces()
        self._lines = Lines(target, source)
        self._finished = False

    def begin(self, header: Header) -> None:
        """Take the run's networks and options."""
        self._header = header

    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Take the next frame, its faces, and its events, of which those that ended count."""
        if not self._frames:
            self._start_s, self._size = frame.time_s, (frame.image.shape[1], frame.image.shape[0])
        self._end_s = frame.time_s
        self._scene.add(frame, faces)
        self._frames += 1
        self._with_faces += bool(faces)
        for face in faces:
            self._person(face.track_id).add(frame.time_s, face, frame.image)
        for event in (event for event in events if event.is_over):
            self._person(event.track_id).ended(event)

    def _person(self, track_id: int) -> Person:
        return self._persons.setdefault(track_id, Person(track_id))

    def close(self) -> None:
        """Write the page and put it in its place. Does nothing a second time, or after discard()."""
        if self._finished:
            return
        self._finished = True
        clip = Clip(
            source_name(self._source), self._size, self._frames, self._with_faces, self._start_s, self._end_s,
            None if self._csv_name is None else source_name(self._csv_name), _version(),
            self._scene.scene, datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"), self._command, self._header,
        )  # fmt: skip
        try:
            self._lines.write(page(clip, [self._persons[key] for key in sorted(self._persons)]))
        except BaseException:
            self._lines.discard()
            raise
        self._lines.commit()

    def discard(self) -> None:
        """Leave no file behind."""
        self._finished = True
        self._lines.discard()


def _version() -> str:
    try:
        return version("facetrack")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "of a checkout"
