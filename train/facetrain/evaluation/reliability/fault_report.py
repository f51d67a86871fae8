"""The table of faults: what was followed, written and said under each of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict

from facetrain.evaluation.reliability import output_faults, stream_faults
from facetrain.evaluation.reliability.follow import Outcome
from facetrain.reporting.report import Report, Table

HEAD = ("fault", "result", "frames", "JSON lines", "CSV rows", "recorded", "outages", "longest gap, s", "stop, s")
MEANING = {
    "result": "ok, or what went wrong",
    "frames": "given to the tracker",
    "outages": "connections that were given up and opened again; one line of log each",
    "longest gap": "between two frames",
    "stop": "from the request to stop until all outputs were closed, in a process that runs several faults at once",
}


def report(
    streams: Sequence[tuple[stream_faults.StreamFault, Outcome]],
    outputs: Sequence[tuple[output_faults.OutputFault, Outcome]],
) -> Report:
    """Return the tables of both kinds of faults."""
    of_streams = [(fault.name, stream_faults.verdict(outcome), outcome) for fault, outcome in streams]
    of_outputs = [(fault.name, output_faults.verdict(fault, outcome), outcome) for fault, outcome in outputs]
    summary = [
        (title, str(len(found)), str(sum(result == "ok" for _, result, _ in found)))
        for title, found in (("streams", of_streams), ("outputs", of_outputs))
    ]
    tables = [Table("faults", ("faults of", "tried", "ok"), summary)]
    details = [
        Table(title, HEAD, [_row(*each) for each in found])
        for title, found in (("faults of the stream", of_streams), ("faults of an output", of_outputs))
        if found
    ]
    wrong = [f"{name}: {result}" for name, result, _ in (*of_streams, *of_outputs) if result != "ok"]
    figures = {
        "load_average": os.getloadavg()[0],
        "streams": {name: {"result": result} | asdict(outcome) for name, result, outcome in of_streams},
        "outputs": {name: {"result": result} | asdict(outcome) for name, result, outcome in of_outputs},
    }
    notes = [*wrong, f"Load average of the machine at the end: {figures['load_average']:.1f}."]
    return Report("Faults of streams and outputs", tables, figures, notes, MEANING, details=details)


def _row(name: str, result: str, outcome: Outcome) -> tuple[str, ...]:
    counts = (outcome.followed, outcome.lines, outcome.rows, outcome.recorded, outcome.outages)
    return (name, result, *map(str, counts), f"{outcome.longest_s:.1f}", f"{outcome.stop_s:.2f}")
