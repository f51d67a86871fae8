"""Records of a run by the names of their options: json, csv, events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from facetrack.sinks.inputs import Inputs
from facetrack.sinks.jsonl import JsonLinesSink
from facetrack.sinks.sink import RecordSink
from facetrack.sinks.tables import EventsCsvSink, csv_sink


def open_records(
    targets: Mapping[str, str | Path | None], csv_style: str, source: Inputs, live: bool = False
) -> Iterator[tuple[str, RecordSink]]:
    """Open those that have a target, one after the other, each with its name.

    targets: files by option; "-" of json is standard output. source: inputs that none may replace. live: the files grow
    in their places. Raises OutputError.
    """
    if (target := targets.get("json")) is not None:
        name = "standard output" if target == "-" else str(target)
        yield name, JsonLinesSink(target, source=source, live=live)
    if (target := targets.get("csv")) is not None:
        yield str(target), csv_sink(csv_style)(Path(target), source=source, live=live)
    if (target := targets.get("events")) is not None:
        yield str(target), EventsCsvSink(Path(target), source=source, live=live)
