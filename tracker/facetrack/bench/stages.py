"""Where a frame's time goes: the tracker's parts, wrapped from outside while they are watched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facetrack.tracking.tracker import FaceTracker

REST = "the rest"
STAGES = ("detect", "crop", "landmarks", "smoothing", "pose", "signals", "identity", "scene cut", REST)
"""In the order of the tables."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Seconds by the clock on the wall, and of processor time."""

    wall_s: float
    cpu_s: float

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __sub__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


Clock = Callable[[], Elapsed]


def now() -> Elapsed:
    """Processor time of all the process's threads: runtimes with workers of their own (MediaPipe) leave the calling
    thread idle, whose own time would flatter them."""
    return Elapsed(time.perf_counter(), time.process_time())


class StageTimer:
    """Charges every moment between `begin` and `end` to one stage: the innermost that runs, else `REST`.

    So the stages of a frame add up to the frame, however they call one another.
    """

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._running: list[str] = []

    def begin(self) -> None:
        self._spent: dict[str, Elapsed] = {}
        self._running = [REST]
        self._last = self._clock()

    def end(self) -> dict[str, Elapsed]:
        """What each stage took since `begin`; a stage that did not run is left out."""
        self._add_elapsed()
        self._running = []
        return self._spent

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same callable, charged to `stage`; a plain function, so that it can also stand in for a method."""

        def run(*args: Any, **options: Any) -> Any:
            if not self._running:
                return call(*args, **options)
            self._add_elapsed()
            self._running.append(stage)
            try:
                return call(*args, **options)
            finally:
                self._add_elapsed()
                self._running.pop()

        return run

    def _add_elapsed(self) -> None:
        at = self._clock()
        stage = self._running[-1]
        self._spent[stage] = self._spent.get(stage, Elapsed(0.0, 0.0)) + (at - self._last)
        self._last = at


@contextmanager
def timed_stages(tracker: FaceTracker, timer: StageTimer) -> Iterator[None]:
    """While open, the tracker's parts are charged to their stages; afterwards all is as it was.

    Parts that a tracker makes by itself are watched in their class: other trackers must not run meanwhile.
    """
    with ExitStack() as stack:
        for stage, owner, name in _parts(tracker):
            original = vars(owner)[name]
            setattr(owner, name, timer.timed(stage, original))
            stack.callback(setattr, owner, name, original)
        yield


def _parts(tracker: FaceTracker) -> list[tuple[str, Any, str]]:
    """(stage, whose attribute, its name)."""
    from facetrack import landmarker
    from facetrack.signals import FaceSignals
    from facetrack.tracking import scene_cut, track
    from facetrack.tracking import tracker as loop
    from facetrack.tracking.reidentification import Reidentifier

    return [
        ("detect", tracker, "detector"),
        ("crop", landmarker, "cut"),
        ("landmarks", landmarker.Landmarker, "__call__"),
        ("smoothing", track, "smooth_together"),
        ("smoothing", track.CropFilter, "__call__"),
        ("pose", loop, "head_pose"),
        ("signals", FaceSignals, "update"),
        ("identity", Reidentifier, "match_lost"),
        ("identity", Reidentifier, "update"),
        ("identity", Reidentifier, "owner_of_duplicate"),
        ("scene cut", scene_cut.SceneCut, "__call__"),
    ]
