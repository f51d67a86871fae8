"""The live loop on a faulty camera or with faulty outputs, without networks: what is measured is everything else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av

from facetrack.capture import Camera, ReconnectingCamera, Source
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output, Recording, problems
from facetrack.sinks import CsvSink, JsonLinesSink, VideoSink
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Event, Face, Frame


class NobodyTracker:
    """Stand-in for a tracker that sees nobody. times_s: clock of the frames that it was given."""

    events: tuple[Event, ...] = ()

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.outages = 0

    def update(self, frame: Frame, search: bool = True) -> list[Face]:
        self.times_s.append(time.perf_counter())
        return []

    def search_is_due(self, time_s: float, interval_s: float | None = None) -> bool:
        return False

    def finish(self) -> tuple[Event, ...]:
        return ()

    def lose_positions(self) -> None:
        self.outages += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run with a fault.

    followed: frames that the tracker was given. after: of them, those after the fault. lines, rows, recorded: in the
    JSON lines, the CSV and the video. log: lines about the camera. said: sentences about the outputs. stop_s: time from
    the request to stop until everything was closed. longest_s: longest time between two frames. failure: of the run.
    """

    followed: int
    after: int
    lines: int
    rows: int
    recorded: int
    outages: int
    longest_s: float
    stop_s: float
    log: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    failure: str = ""


@dataclass(slots=True)
class Outputs:
    """The three outputs of a run in a folder; `corrupt` is given the sinks before the run."""

    folder: Path
    video: str = "o.mkv"
    json: str = "o.jsonl"
    corrupt: Callable[[dict[str, Any]], None] = lambda sinks: None
    made: dict[str, Any] = field(default_factory=dict)


def follow(
    camera: Camera | Any, reopen: Callable[[], Camera], outputs: Outputs, is_over: Callable[[NobodyTracker], bool],
    limit_s: float,
) -> Outcome:  # fmt: skip
    """Run the live loop until `is_over`, limit_s at most, then ask it to stop as a user does."""
    tracker = NobodyTracker()
    log: list[str] = []
    failure = ""
    with ExitStack() as stack:
        folder = outputs.folder
        sinks = outputs.made
        sinks["json"] = JsonLinesSink(folder / outputs.json, live=True)
        sinks["csv"] = CsvSink(folder / "o.csv", live=True)
        sinks["record"] = VideoSink(folder / outputs.video, camera.size, fps=camera.fps, live=True)
        outputs.corrupt(sinks)
        records = [stack.enter_context(Output(sinks[name], name)) for name in ("json", "csv")]
        recording = stack.enter_context(Recording(sinks["record"], sinks["record"].write, "record"))
        source = ReconnectingCamera(camera, reopen, None, log.append)
        loop = LiveLoop(cast(Source, source), cast(FaceTracker, tracker), records, recording, None, False)
        thread = threading.Thread(target=loop.run, daemon=True)
        thread.start()
        end_s = time.perf_counter() + limit_s
        while thread.is_alive() and not is_over(tracker) and time.perf_counter() < end_s:
            time.sleep(0.05)
        if not is_over(tracker):
            failure = f"not over after {limit_s:.0f} s"
        stopped_s = time.perf_counter()
        source.close()
        thread.join(5)
        if thread.is_alive():
            failure = "the loop hangs"
        loop.finish()
        loop.close_outputs()
    stop_s = time.perf_counter() - stopped_s
    times_s = tracker.times_s
    gaps = [after - before for before, after in pairwise(times_s)]
    return Outcome(
        len(times_s), 0, count_lines(folder / outputs.json), count_rows(folder / "o.csv"),
        count_pictures(folder / outputs.video), source.outages, max(gaps, default=0.0), stop_s, tuple(log),
        tuple(problems(loop.consumers)), failure,
    )  # fmt: skip


def count_lines(path: Path) -> int:
    """Count the frames in a file of JSON lines, each of which must be whole; -1 for a pipe, 0 for no file."""
    if not path.exists():
        return 0
    if not path.is_file():
        return -1
    return len([json.loads(line) for line in path.read_text().splitlines()[1:]])


def count_rows(path: Path) -> int:
    """Count the rows of a CSV, each of which must have all its columns."""
    if not path.exists():
        return 0
    head, *rows = path.read_text().splitlines()
    assert all(row.count(",") == head.count(",") for row in rows)
    return len(rows)


def count_pictures(path: Path) -> int:
    """Count the pictures that can be decoded; 0 for no file."""
    if not path.exists() or not path.stat().st_size:
        return 0
    try:
        with av.open(str(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except av.error.FFmpegError:
        return 0
