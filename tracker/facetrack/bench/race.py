"""Several methods on the same frames in turns, one thread's work at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass

from facetrack.bench.figures import MethodFigures, method_figures
from facetrack.bench.frames import FPS, loop_frames
from facetrack.bench.stages import Clock, Elapsed, StageTimer, now, timed_stages
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image

ROUND = 20
"""Frames that each runs before it is the next one's turn."""
WARM_UP = 20
"""Frames of each that do not count: faces are found, runtimes set up their memory."""


@dataclass(frozen=True, slots=True)
class BenchMethod:
    """step: one frame -> the faces in it. images: what it runs on, forward and back. watched: a tracker of its own,
    otherwise like the one behind `step`, on which the stages are timed; None times the whole only. cv_threads:
    OpenCV's, while it runs."""

    name: str
    step: Callable[[Frame], Sized]
    images: list[Image]
    watched: FaceTracker | None = None
    cv_threads: int = 1


def interleave(
    methods: Sequence[BenchMethod],
    frames: int,
    clock: Clock = now,
    progress: Callable[[int], object] = lambda done: None,
) -> list[MethodFigures]:
    """Figures of each method over `frames` frames, in the order given. progress: called with the frames of the round
    that is done."""  # fmt: skip
    entries = [_TimedMethod(method, clock) for method in methods]
    for entry in entries:
        entry.run(0, WARM_UP)
        entry.reset()
    for start in range(WARM_UP, WARM_UP + frames, ROUND):
        count = min(ROUND, WARM_UP + frames - start)
        for entry in entries:
            entry.run(start, count)
        progress(count)
    return [method_figures(entry.method.name, entry.whole, entry.faces, entry.staged) for entry in entries]


class _TimedMethod:
    """A method and what it has taken so far."""

    def __init__(self, method: BenchMethod, clock: Clock) -> None:
        self.method = method
        self._clock = clock
        self._timer = StageTimer(clock)
        self.reset()

    def reset(self) -> None:
        self.whole: list[Elapsed] = []
        self.faces: list[int] = []
        self.staged: list[dict[str, Elapsed]] = []

    def run(self, start: int, count: int) -> None:
        import cv2

        threads = cv2.getNumThreads()
        cv2.setNumThreads(self.method.cv_threads)
        try:
            self._run_whole(start, count)
            self._run_watched(start, count)
        finally:
            cv2.setNumThreads(threads)

    def _run_whole(self, start: int, count: int) -> None:
        for frame in loop_frames(self.method.images, start, count, FPS):
            began = self._clock()
            faces = self.method.step(frame)
            self.whole.append(self._clock() - began)
            self.faces.append(len(faces))

    def _run_watched(self, start: int, count: int) -> None:
        tracker = self.method.watched
        if tracker is None:
            return
        with timed_stages(tracker, self._timer):
            for frame in loop_frames(self.method.images, start, count, FPS):
                self._timer.begin()
                tracker.update(frame)
                self.staged.append(self._timer.end())
