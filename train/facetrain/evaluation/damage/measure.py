"""Damaged input by the hundred: what is read, refused in a sentence, or ends otherwise."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facetrain.reporting.report import Report, Table

GOOD = ("read", "refused")
BAD = ("traceback", "crash", "hang", "left over")
CASE_S = 180.0
"""Time after which a case counts as hanging; the slowest takes about two seconds on an idle core."""
NAMES = {"files": "videos and pictures", "networks": "networks", "data_sets": "data sets"}


@dataclass(frozen=True, slots=True)
class Case:
    """What became of one case. said: the message, or where the traceback ended. peak_mb: of its process until then."""

    index: int
    name: str
    outcome: str
    said: str = ""
    seconds: float = 0.0
    peak_mb: int = 0


def measure(kind: str, count: int, seed: int = 0, limit_s: float = CASE_S) -> list[Case]:
    """Read `count` damaged cases of a kind of `worker.KINDS`, in a process that is replaced when it dies or hangs."""
    cases: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        while len(cases) < count:
            part = Path(folder) / f"from{len(cases)}"
            part.mkdir()
            cases += _until_death(kind, seed, len(cases), count - len(cases), part, limit_s)
    return cases


def _until_death(kind: str, seed: int, first: int, count: int, folder: Path, limit_s: float) -> Iterator[Case]:
    """Yield the cases of one process; the last one may be a crash or a hang."""
    arguments = [kind, str(seed), str(first), str(count), str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "facetrain.evaluation.damage.worker", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_forward, args=(process, lines), daemon=True).start()
    index, done = first, 0
    try:
        while done < count:
            try:
                line = lines.get(timeout=limit_s)
            except queue.Empty:
                yield Case(index, f"case {index}", "hang")
                return
            if not line:
                yield Case(index, f"case {index}", "crash", f"exit status {process.wait()}")
                return
            if not line.startswith("{"):  # a library's own words
                continue
            found = json.loads(line)
            if "begun" in found:
                index = found["begun"]
                continue
            done += 1
            yield Case(**found)
    finally:
        process.kill()
        process.wait()


def _forward(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")


def report(found: dict[str, list[Case]], seed: int) -> Report:
    """Describe the outcomes by kind of input, and every bad case."""
    rows, bad = [], []
    for kind, cases in found.items():
        outcomes = Counter(case.outcome for case in cases)
        counts = [str(outcomes[outcome]) for outcome in (*GOOD, *BAD)]
        slowest, largest = max(case.seconds for case in cases), max(case.peak_mb for case in cases)
        rows.append((NAMES[kind], str(len(cases)), *counts, f"{slowest:.1f}", str(largest)))
        bad += [(kind, str(c.index), c.name, c.outcome, c.said) for c in cases if c.outcome in BAD]
    tables = [Table("damaged input", ("input", "cases", *GOOD, *BAD, "slowest_s", "peak_mb"), rows)]
    if bad:
        tables.append(Table("bad outcomes", ("kind", "index", "case", "outcome", "said"), bad))
    figures = {kind: dict(Counter(case.outcome for case in cases)) for kind, cases in found.items()}
    meaning = {
        "read": "read to the end, as far as a player would",
        "refused": "one sentence, exit code 2",
        "left over": "open files, threads or new files after the reading",
        "peak_mb": "largest memory of the reading process, MB",
    }
    return Report("Damaged input", tables, figures, [f"Seed {seed}."], meaning)
