"""The live loop of `facetrack live` in a process of its own that keeps account of itself, for the soak test.

python -m facetrain.evaluation.reliability.soak_run URL LINES SAMPLES      # until SIGTERM
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TextIO

from facetrack import stopping
from facetrack.capture import Camera, ReconnectingCamera
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output
from facetrack.sinks import JsonLinesSink
from facetrack.tracking.build import make_tracker, tracker_options

SAMPLE_S = 5.0
GROWTH_MB = 2.0
"""Growth between two samples of which the mappings are noted."""


def main() -> None:
    """Follow the stream until a signal; write a sample every SAMPLE_S and one at the end."""
    url, lines, samples = sys.argv[1:]
    stopping.install()
    tracker = make_tracker(None, tracker_options(max_faces=4), 1, engine="onnx")
    camera = Camera(url)
    with (
        Output(JsonLinesSink(lines, live=True), lines) as output,
        ReconnectingCamera(camera, partial(Camera, url), None, partial(print, flush=True)) as source,
        Path(samples).open("w") as file,
    ):
        loop = LiveLoop(source, tracker, [output], None, None, False)
        loop.begin(url)
        stopping.end_with(0)
        account = Account(loop, source, file)
        threading.Thread(target=account.keep, daemon=True).start()
        try:
            loop.run()
        except stopping.Stopped:
            loop.finish()
            account.write_sample()


class Account:
    """Samples of the process, one line each."""

    def __init__(self, loop: LiveLoop, source: ReconnectingCamera, file: TextIO) -> None:
        self._loop, self._source, self._file = loop, source, file
        self._done, self._lock = 0, threading.Lock()
        self._last = mappings_mb()

    def keep(self) -> None:
        """Write a sample every SAMPLE_S, for ever."""
        while True:
            time.sleep(SAMPLE_S)
            self.write_sample()

    def write_sample(self) -> None:
        """Write what the process is like now, and since the last sample."""
        with self._lock:
            followed, mappings = len(self._loop.latency_ms), mappings_mb()
            grown = {name: round(mb - self._last.get(name, 0.0), 1) for name, mb in mappings.items()}
            sample = {
                "time_s": round(time.perf_counter(), 3),
                "memory_mb": round(sum(mappings.values()), 3),
                "threads": len(os.listdir("/proc/self/task")),
                "descriptors": len(os.listdir("/proc/self/fd")),
                "followed": followed,
                "dropped": self._source.dropped,
                "outages": self._source.outages,
                "latencies_ms": [round(value, 2) for value in self._loop.latency_ms[self._done : followed]],
                "grown_mb": {name: mb for name, mb in grown.items() if mb >= GROWTH_MB},
            }
            self._done, self._last = followed, mappings
            self._file.write(json.dumps(sample) + "\n")
            self._file.flush()


def mappings_mb() -> dict[str, float]:
    """Resident memory of this process by mapping, the unnamed ones by the sort of their size; Linux."""
    sizes: dict[str, float] = {}
    name = ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        key, *rest = line.split()
        if not key.endswith(":"):
            name = Path(rest[4]).name if len(rest) > 4 else ""
        elif key == "Size:" and not name:
            name = unnamed(int(rest[0]))
        elif key == "Rss:":
            sizes[name] = sizes.get(name, 0.0) + int(rest[0]) / 1024
    return sizes


def unnamed(kb: int) -> str:
    """Return what a mapping without a name probably is: an arena of malloc, a stack, or one block."""
    if 60_000 <= kb <= 65_536:
        return "malloc arena"
    return "thread stack" if kb == 8192 else "block of 1 MB or more" if kb >= 1024 else "small blocks"


if __name__ == "__main__":
    main()
