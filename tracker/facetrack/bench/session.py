"""Benchmark of the loop of `facetrack live` in a separate process: age of results, dropped frames, CPU time, memory.

The source is a camera or a simulated one.

    python -m facetrack.bench.session    # the task as JSON on standard input, the figures on standard output
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facetrack.bench.figures import LiveFigures, PartFigures
from facetrack.bench.frames import FPS
from facetrack.bench.memory import peak_mb
from facetrack.bench.stages import now
from facetrack.capture.camera import Camera
from facetrack.errors import FacetrackError
from facetrack.types import Image

SETTLE = 30
"""First results, whose age is not counted: runtimes allocate memory, the face is being detected."""
_LOAD_SCRIPT = "import sys, time\nend = time.time() + float(sys.argv[1])\nwhile time.time() < end: pass"


@dataclass(frozen=True, slots=True)
class SessionTask:
    """Task of one session.

    seconds: duration.
    frames: file of raw images, height x width x 3 each, to play forward and backward at 30 fps.
    camera: used instead of `frames` if not empty; as for `facetrack live --camera`.
    model, detector_model: files; empty for the bundled.
    burners: number of concurrent processes that keep a core busy each.
    """

    seconds: float
    frames: str = ""
    height: int = 0
    width: int = 0
    camera: str = ""
    model: str = ""
    engine: str = "onnx"
    threads: int = 1
    burners: int = 0
    detector: str = "own"
    detector_model: str = ""
    max_faces: int = 16
    provider: str = "cpu"


class PacedGrabber:
    """Simulated camera: endless images at a constant rate, with the nominal time as timestamp.

    A camera's sensor does not wait for a busy CPU: overdue frames are returned at once, oldest first, as from a
    driver's queue, with the time at which they were due.

    read_image: frame number -> image.
    clock, sleep: in seconds.
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
        """Do nothing: there are no resources."""


class RawImageFile:
    """Reader of a file of raw images by frame number, forward and backward.

    Only one image is in memory at a time, so that the images do not count as the tracker's memory.
    """

    def __init__(self, path: Path, height: int, width: int) -> None:
        self._path, self._shape, self._bytes = path, (height, width, 3), height * width * 3
        n_frames = path.stat().st_size // self._bytes
        self._order = [*range(n_frames), *range(n_frames - 2, 0, -1)]

    def __call__(self, number: int) -> Image:
        offset = self._order[number % len(self._order)] * self._bytes
        return np.fromfile(self._path, np.uint8, self._bytes, offset=offset).reshape(self._shape)


def run(task: SessionTask) -> LiveFigures:
    """Run the live loop for the task's duration, in this process. Raises FacetrackError as `facetrack live`."""
    from facetrack.bench.course import Course, part_figures
    from facetrack.loops.live import LiveLoop
    from facetrack.tracking.build import make_tracker, tracker_options

    model, detector_model = (Path(name) if name else None for name in (task.model, task.detector_model))
    tracker = make_tracker(
        model, tracker_options(max_faces=task.max_faces), task.threads, detector=task.detector,
        detector_model=detector_model, engine=task.engine, provider=task.provider,
    )  # fmt: skip
    with _open(task) as camera:
        loop = LiveLoop(camera, tracker, [], None, None, False)
        stop = threading.Timer(task.seconds, camera.close)
        began = now()
        stop.start()
        with Course(loop, task.seconds) as course:
            loop.run()
        elapsed = now() - began
        stop.cancel()
    fps = camera.fps or FPS
    ages = np.array(loop.latency_ms[SETTLE:] or loop.latency_ms) * fps / 1000
    median, p95, maximum = (float(value) for value in np.percentile(ages, [50, 95, 100]))
    processed = len(loop.latency_ms)
    return LiveFigures(
        task.burners, fps, processed + camera.dropped, processed, camera.dropped,
        (median, p95, maximum), elapsed.cpu_s / elapsed.wall_s, peak_mb(),
        part_figures(course.marks, loop.latency_ms, fps),
    )  # fmt: skip


def _open(task: SessionTask) -> Camera:
    if task.camera:
        return Camera(task.camera)
    images = RawImageFile(Path(task.frames), task.height, task.width)
    return Camera("simulated camera", grabber=PacedGrabber(images))


def run_in_process(task: SessionTask) -> LiveFigures:
    """Run the task in a new process, under the load of `burners` others. Raises FacetrackError if it fails."""
    with cpu_load(task.burners, task.seconds + 60):
        process = subprocess.run(
            [sys.executable, "-m", "facetrack.bench.session"],
            input=json.dumps(asdict(task)), capture_output=True, text=True, check=False,
        )  # fmt: skip
    if process.returncode:
        error = process.stderr.strip()
        raise FacetrackError(error.splitlines()[-1] if error else "the live session failed")
    values = json.loads(process.stdout)
    parts = [PartFigures(**{**part, "age_frames": tuple(part["age_frames"])}) for part in values.pop("parts")]
    return LiveFigures(**{**values, "age_frames": tuple(values["age_frames"]), "parts": tuple(parts)})


@contextmanager
def cpu_load(count: int, at_most_s: float) -> Iterator[None]:
    """Run `count` processes that keep a core busy each. at_most_s: time limit after which they end by themselves."""
    burners = [subprocess.Popen([sys.executable, "-c", _LOAD_SCRIPT, str(at_most_s)]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
        for burner in burners:
            burner.wait()


def main() -> None:
    """Run the task from standard input and print its figures as JSON."""
    try:
        figures = run(SessionTask(**json.load(sys.stdin)))
    except FacetrackError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    json.dump(asdict(figures), sys.stdout)


if __name__ == "__main__":
    main()
