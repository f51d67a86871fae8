"""Interleaved timing of several methods on the same frames, in one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass

from facetrack.bench.figures import MethodFigures, method_figures
from facetrack.bench.frames import FPS, loop_frames
from facetrack.bench.stages import Clock, Elapsed, StageTimer, now, timed_stages
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame, Image

ROUND = 20
"""Frames of one method per round."""
WARM_UP = 20
"""Frames of each method that are not counted: faces are detected, runtimes allocate memory."""


@dataclass(frozen=True, slots=True)
class BenchMethod:
    """Method to time.

    step: frame -> its faces.
    images: input images, played forward and backward.
    staged_tracker: second tracker, with the options of the one behind `step`, on which the stages are timed; None times
        whole frames only.
    cv_threads: number of OpenCV threads during the method's rounds.
    """

    name: str
    step: Callable[[Frame], Sized]
    images: list[Image]
    staged_tracker: FaceTracker | None = None
    cv_threads: int = 1


def interleave(
    methods: Sequence[BenchMethod],
    frames: int,
    clock: Clock = now,
    progress: Callable[[int], object] = lambda done: None,
) -> list[MethodFigures]:
    """Time the methods in turns of ROUND frames, so that other load affects all of them alike.

    frames: number of frames of each method.
    progress: called after each round with its number of frames.
    Returns the figures in the order of `methods`.
    """
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
    """Method and its measurements so far."""

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
            self._run_staged(start, count)
        finally:
            cv2.setNumThreads(threads)

    def _run_whole(self, start: int, count: int) -> None:
        for frame in loop_frames(self.method.images, start, count, FPS):
            began = self._clock()
            faces = self.method.step(frame)
            self.whole.append(self._clock() - began)
            self.faces.append(len(faces))

    def _run_staged(self, start: int, count: int) -> None:
        tracker = self.method.staged_tracker
        if tracker is None:
            return
        with timed_stages(tracker, self._timer):
            for frame in loop_frames(self.method.images, start, count, FPS):
                self._timer.begin()
                tracker.update(frame)
                self.staged.append(self._timer.end())
