"""Forty faults of the outputs of a live run: what the others write, and what is kept of the faulty one."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facetrack.types import Frame
from facetrain.evaluation.reliability.follow import NobodyTracker, Outcome, Outputs, follow
from facetrain.evaluation.reliability.stream_faults import HANG_S as HANGING_S

FRAMES, FPS = 30, 20.0
SIZE = (160, 120)
HANG_S = 3.0
"""Duration of a write that hangs; the run has ended before that."""
LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class OutputFault:
    """One fault. output: json, csv or record. kind: what is wrong. at: number of the frame from which on it is."""

    output: str
    kind: str
    at: int
    video: str = "o.mkv"

    @property
    def name(self) -> str:
        """Name for the table."""
        where = f"{self.output} ({self.video.rpartition('.')[2]})" if self.output == "record" else self.output
        return f"{where}: {self.kind}, frame {self.at}"


def faults() -> list[OutputFault]:
    """Return all output faults."""
    kinds = [
        (kind, at)
        for kind in ("disk full", "input/output error", "crash of the sink")
        for at in (1, 10, 25)
    ] + [("hangs", 10)]  # fmt: skip
    places = (("json", "o.mkv"), ("csv", "o.mkv"), ("record", "o.mkv"), ("record", "o.mp4"))
    return [OutputFault(output, kind, at, video) for output, video in places for kind, at in kinds]


class FiniteCamera:
    """Camera of FRAMES grey pictures at FPS, which then ends like a recording."""

    live, fps, size, source, is_recording, dropped = True, FPS, SIZE, "camera", True, 0

    def __init__(self) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(FRAMES):
            if self._closed.wait(1 / FPS):
                return
            yield Frame(np.full((SIZE[1], SIZE[0], 3), 8 * index, np.uint8), time_s=time.perf_counter(), index=index)

    def close(self) -> None:
        self._closed.set()


def run(fault: OutputFault) -> Outcome:
    """Run the loop to the camera's end with one faulty output."""
    with tempfile.TemporaryDirectory() as folder:
        camera = FiniteCamera()
        outputs = Outputs(Path(folder), fault.video, corrupt=partial(_corrupt, fault))
        try:
            return follow(camera, FiniteCamera, outputs, _is_over, LIMIT_S)  # type: ignore[arg-type]
        except Exception as error:  # a row of the table, not the end of it
            return Outcome(0, 0, 0, 0, 0, 0, 0.0, 0.0, failure=repr(error))


def _is_over(tracker: NobodyTracker) -> bool:
    return len(tracker.times_s) == FRAMES


def _corrupt(fault: OutputFault, sinks: dict[str, Any]) -> None:
    """Make the sink's writes fail below its own code: where the operating system would."""
    sink, count = sinks[fault.output], [0]
    if fault.kind == "crash of the sink":
        sink.write = _failing(sink.write, fault, count)
        return
    if fault.output == "record":
        sink.write = _counting(sink.write, count)
        sink._growing._file = _FailingFile(sink._growing._file, fault, count)
        return
    sink.write = _counting(sink.write, count)
    sink._lines._write = _failing(sink._lines._write, fault, count)


def _counting(write: Callable[..., None], count: list[int]) -> Callable[..., None]:
    def counted(*arguments: Any) -> None:
        count[0] += 1
        write(*arguments)

    return counted


def _failing(write: Callable[..., Any], fault: OutputFault, count: list[int]) -> Callable[..., Any]:
    def fails(*arguments: Any) -> Any:
        if fault.kind == "crash of the sink":
            count[0] += 1
        if count[0] >= fault.at:
            _fail(fault)
        return write(*arguments)

    return fails


def _fail(fault: OutputFault) -> None:
    if fault.kind == "hangs":
        time.sleep(HANG_S)
    elif fault.kind == "crash of the sink":
        raise RuntimeError("a mistake in the sink")
    else:
        number = errno.ENOSPC if fault.kind == "disk full" else errno.EIO
        raise OSError(number, os.strerror(number))


class _FailingFile:
    """File whose writes fail from the fault's frame on."""

    def __init__(self, file: Any, fault: OutputFault, count: list[int]) -> None:
        self._file, self._fault, self._count = file, fault, count

    def write(self, data: bytes) -> Any:
        if self._count[0] >= self._fault.at:
            _fail(self._fault)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def run_all(chosen: Sequence[OutputFault], at_once: int) -> list[Outcome]:
    """Run the faults, several at once."""
    with ThreadPoolExecutor(at_once) as threads:
        return list(threads.map(run, chosen))


def verdict(fault: OutputFault, outcome: Outcome) -> str:
    """Return "ok", or what is wrong: with the other outputs, with what was kept, or with the time."""
    written = {"json": outcome.lines, "csv": outcome.rows, "record": outcome.recorded}
    kept = written.pop(fault.output)
    if outcome.failure:
        return outcome.failure
    if outcome.followed != FRAMES or set(written.values()) != {FRAMES}:
        return f"followed {outcome.followed}, others wrote {sorted(written.values())}"
    # A fragment of the recording that the failed write belongs to is not there.
    least = 0 if fault.output == "record" else fault.at - 1
    if fault.kind != "hangs" and not least <= kept < FRAMES:
        return f"kept {kept} of {fault.at - 1}"
    if kept < FRAMES and not outcome.said:
        return "nothing was said"
    return "ok" if outcome.stop_s <= HANGING_S else f"stopped after {outcome.stop_s:.1f} s"
