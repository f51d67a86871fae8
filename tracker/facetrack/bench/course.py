"""Course of a live run: age of the results, CPU time and memory in each sixth of it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from facetrack.bench.figures import PartFigures
from facetrack.bench.memory import resident_mb
from facetrack.bench.stages import Elapsed, now
from facetrack.loops.live import LiveLoop

PARTS = 6
"""Of an hour, ten minutes each."""
SHORTEST_S = 60.0
"""Shortest run with parts: the 99 % of less than ten seconds is that of two or three frames."""


class Mark(NamedTuple):
    """State of the run at the end of a part. results: how many there were."""

    at: Elapsed
    results: int
    memory_mb: float | None


class Course:
    """Context manager that marks the ends of a run's parts, in a thread that sleeps in between.

    seconds: duration of the run; below SHORTEST_S there are no parts.
    """

    def __init__(self, loop: LiveLoop, seconds: float) -> None:
        self._loop, self._part_s = loop, seconds / PARTS if seconds >= SHORTEST_S else 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="facetrack course", daemon=True)
        self.marks: list[Mark] = []

    def __enter__(self) -> Course:
        if self._part_s:
            self._mark()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._part_s:
            self._thread.join()
            self._mark()

    def _run(self) -> None:
        for part in range(1, PARTS):
            began_s = self.marks[0].at.wall_s
            if self._ended.wait(max(began_s + part * self._part_s - now().wall_s, 0.0)):
                return
            self._mark()

    def _mark(self) -> None:
        self.marks.append(Mark(now(), len(self._loop.latency_ms), resident_mb()))


def part_figures(marks: Sequence[Mark], latency_ms: Sequence[float], fps: float) -> tuple[PartFigures, ...]:
    """Return the figures between each two marks. latency_ms: age of each result of the run."""
    parts = []
    for began, ended in itertools.pairwise(marks):
        ages = np.array(latency_ms[began.results : ended.results]) * fps / 1000
        if len(ages):
            median, p99, maximum = (float(value) for value in np.percentile(ages, [50, 99, 100]))
            elapsed = ended.at - began.at
            parts.append(
                PartFigures(
                    ended.at.wall_s - marks[0].at.wall_s, (median, p99, maximum), elapsed.cpu_s / elapsed.wall_s,
                    ended.memory_mb,
                )
            )  # fmt: skip
    return tuple(parts)
