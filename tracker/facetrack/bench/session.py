"""The loop of `facetrack live` on a camera or a simulated one, in a process of its own: how old its results are, how
many frames it drops, what it costs.

    python -m facetrack.bench.session    # the task as JSON on standard input, the figures on standard output
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facetrack.bench.figures import LiveFigures
from facetrack.bench.frames import FPS
from facetrack.bench.memory import peak_mb
from facetrack.bench.stages import now
from facetrack.capture.camera import Camera
from facetrack.errors import FacetrackError
from facetrack.types import Image

SETTLE = 30
"""Results whose age does not count: the first ones, while runtimes set up their memory and the face is found."""
_LOAD_SCRIPT = "import sys, time\nend = time.time() + float(sys.argv[1])\nwhile time.time() < end: pass"


@dataclass(frozen=True, slots=True)
class SessionTask:
    """seconds: how long. frames: a file of raw pictures to play forward and back at 30 fps, each height x width x 3;
    or camera: what `facetrack live --camera` takes, and `frames` is not read."""

    seconds: float
    frames: str = ""
    height: int = 0
    width: int = 0
    camera: str = ""
    model: str = ""
    engine: str = "onnx"
    threads: int = 1
    burners: int = 0


class PacedGrabber:
    """Pictures at the pace of a camera, without end, each stamped with the time at which it was due, not at which the
    thread came round to it: a camera's sensor does not wait for a busy processor. What is overdue comes at once, the
    oldest first, as out of a driver's queue.

    read_image: picture of that number. clock, sleep: seconds.
    """

    def __init__(
        self, read_image: Callable[[int], Image], fps: float = FPS,
        clock: Callable[[], float] = time.perf_counter, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.fps: float | None = fps
        self._step_s = 1 / fps
        self._read_image, self._clock, self._sleep = read_image, clock, sleep
        self._next = 0
        self._start_s: float | None = None

    def read(self) -> tuple[Image, float]:
        self._start_s = self._clock() if self._start_s is None else self._start_s
        due_s = self._start_s + self._next * self._step_s
        if (wait_s := due_s - self._clock()) > 0:
            self._sleep(wait_s)
        image = self._read_image(self._next)
        self._next += 1
        return image, due_s

    def close(self) -> None:
        """Nothing is held."""


class PictureFile:
    """Raw pictures of a file by number, forward and back, one in memory at a time: those that wait do not count as the
    tracker's memory."""

    def __init__(self, path: Path, height: int, width: int) -> None:
        self._path, self._shape, self._bytes = path, (height, width, 3), height * width * 3
        n_frames = path.stat().st_size // self._bytes
        self._order = [*range(n_frames), *range(n_frames - 2, 0, -1)]

    def __call__(self, number: int) -> Image:
        offset = self._order[number % len(self._order)] * self._bytes
        return np.fromfile(self._path, np.uint8, self._bytes, offset=offset).reshape(self._shape)


def run(task: SessionTask) -> LiveFigures:
    """Follow for as long as the task says, in this process. Raises FacetrackError as `facetrack live` would."""
    from facetrack.loops.live import LiveLoop  # the very loop that is to be measured
    from facetrack.tracking.build import make_tracker, tracker_options

    model = Path(task.model) if task.model else None
    tracker = make_tracker(model, tracker_options(), task.threads, engine=task.engine)
    with _open(task) as camera:
        loop = LiveLoop(camera, tracker, [], None, None, False)
        stop = threading.Timer(task.seconds, camera.close)
        began = now()
        stop.start()
        loop.run()
        spent = now() - began
        stop.cancel()
    fps = camera.fps or FPS
    ages = np.array(loop.latency_ms[SETTLE:] or loop.latency_ms) * fps / 1000
    middle, most, largest = (float(value) for value in np.percentile(ages, [50, 95, 100]))
    followed = len(loop.latency_ms)
    return LiveFigures(
        task.burners, fps, followed + camera.dropped, followed, camera.dropped,
        (middle, most, largest), spent.cpu_s / spent.wall_s, peak_mb(),
    )  # fmt: skip


def _open(task: SessionTask) -> Camera:
    if task.camera:
        return Camera(task.camera)
    pictures = PictureFile(Path(task.frames), task.height, task.width)
    return Camera("simulated camera", grabber=PacedGrabber(pictures))


def run_in_process(task: SessionTask) -> LiveFigures:
    """The same in a fresh process, while `burners` others burn a core each. Raises FacetrackError where it fails."""
    with cpu_load(task.burners, task.seconds + 60):
        done = subprocess.run(
            [sys.executable, "-m", "facetrack.bench.session"],
            input=json.dumps(asdict(task)), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode:
        raise FacetrackError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "the live session failed")
    values = json.loads(done.stdout)
    return LiveFigures(**{**values, "age_frames": tuple(values["age_frames"])})


@contextmanager
def cpu_load(count: int, at_most_s: float) -> Iterator[None]:
    """As many processes that burn a core each. at_most_s: when they stop by themselves, should nobody stop them."""
    burners = [subprocess.Popen([sys.executable, "-c", _LOAD_SCRIPT, str(at_most_s)]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
        for burner in burners:
            burner.wait()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main() -> None:
    """What the process of its own does."""
    try:
        figures = run(SessionTask(**json.load(sys.stdin)))
    except FacetrackError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    json.dump(asdict(figures), sys.stdout)


if __name__ == "__main__":
    main()
