"""Tables: of events, and in the columns of other programs."""

from facetrack.errors import OutputError
from facetrack.sinks.csv import CsvSink
from facetrack.sinks.tables.events import EventsCsvSink
from facetrack.sinks.tables.openface import OpenFaceCsvSink

STYLES: dict[str, type[CsvSink]] = {"facetrack": CsvSink, "openface": OpenFaceCsvSink}


def csv_sink(style: str) -> type[CsvSink]:
    """Return the class of a style of CSV. Raises OutputError for another."""
    if style not in STYLES:
        raise OutputError(f"--csv-style is '{style}'; expected {' or '.join(STYLES)}")
    return STYLES[style]


__all__ = ["STYLES", "EventsCsvSink", "OpenFaceCsvSink", "csv_sink"]
