"""Several runners on the same frames in turns, one thread's work at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass

from facetrack.bench.figures import RunnerFigures, runner_figures
from facetrack.bench.frames import FPS, played
from facetrack.bench.stages import Clock, Spent, StageTimer, now, watched
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image

ROUND = 20
"""Frames that each runs before it is the next one's turn."""
WARM_UP = 20
"""Frames of each that do not count: faces are found, runtimes set up their memory."""


@dataclass(frozen=True, slots=True)
class Runner:
    """step: one frame -> the faces in it. images: what it runs on, forward and back. watched: a tracker of its own,
    otherwise like the one behind `step`, on which the stages are timed; None times the whole only. cv_threads:
    OpenCV's, while it runs."""

    name: str
    step: Callable[[Frame], Sized]
    images: list[Image]
    watched: FaceTracker | None = None
    cv_threads: int = 1


def race(
    runners: Sequence[Runner],
    frames: int,
    clock: Clock = now,
    progress: Callable[[int], object] = lambda done: None,
) -> list[RunnerFigures]:
    """Figures of each runner over `frames` frames, in the order given. progress: called with the frames of the round
    that is done."""  # fmt: skip
    entries = [_Entry(runner, clock) for runner in runners]
    for entry in entries:
        entry.run(0, WARM_UP)
        entry.forget()
    for start in range(WARM_UP, WARM_UP + frames, ROUND):
        count = min(ROUND, WARM_UP + frames - start)
        for entry in entries:
            entry.run(start, count)
        progress(count)
    return [runner_figures(entry.runner.name, entry.whole, entry.faces, entry.staged) for entry in entries]


class _Entry:
    """A runner and what it has taken so far."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.runner = runner
        self._clock = clock
        self._timer = StageTimer(clock)
        self.forget()

    def forget(self) -> None:
        self.whole: list[Spent] = []
        self.faces: list[int] = []
        self.staged: list[dict[str, Spent]] = []

    def run(self, start: int, count: int) -> None:
        import cv2

        threads = cv2.getNumThreads()
        cv2.setNumThreads(self.runner.cv_threads)
        try:
            self._run_whole(start, count)
            self._run_watched(start, count)
        finally:
            cv2.setNumThreads(threads)

    def _run_whole(self, start: int, count: int) -> None:
        for frame in played(self.runner.images, start, count, FPS):
            began = self._clock()
            faces = self.runner.step(frame)
            self.whole.append(self._clock() - began)
            self.faces.append(len(faces))

    def _run_watched(self, start: int, count: int) -> None:
        tracker = self.runner.watched
        if tracker is None:
            return
        with watched(tracker, self._timer):
            for frame in played(self.runner.images, start, count, FPS):
                self._timer.begin()
                tracker.update(frame)
                self.staged.append(self._timer.end())
