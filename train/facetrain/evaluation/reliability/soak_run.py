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

import numpy as np

from facetrack import stopping
from facetrack.capture import Camera, ReconnectingCamera
from facetrack.loops.live import LiveLoop
from facetrack.loops.outputs import Output
from facetrack.sinks import JsonLinesSink
from facetrack.tracking.build import make_tracker, tracker_options

SAMPLE_S = 5.0


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
        threading.Thread(target=_sample_for_ever, args=(loop, source, file), daemon=True).start()
        try:
            loop.run()
        except stopping.Stopped:
            loop.finish()
            _write_sample(loop, source, file, len(loop.latency_ms))


def _sample_for_ever(loop: LiveLoop, source: ReconnectingCamera, file: TextIO) -> None:
    done = 0
    while True:
        time.sleep(SAMPLE_S)
        done = _write_sample(loop, source, file, done)


def _write_sample(loop: LiveLoop, source: ReconnectingCamera, file: TextIO, done: int) -> int:
    """Write one line about the process; returns the number of frames followed until now."""
    followed = len(loop.latency_ms)
    latencies = np.array(loop.latency_ms[done:followed])
    sample = {
        "time_s": round(time.perf_counter(), 3),
        "memory_mb": resident_mb(),
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "followed": followed,
        "dropped": source.dropped,
        "outages": source.outages,
        "latencies_ms": [round(float(value), 2) for value in latencies],
    }
    file.write(json.dumps(sample) + "\n")
    file.flush()
    return followed


def resident_mb() -> float:
    """Resident memory of this process; Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
