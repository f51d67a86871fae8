"""Stage timing of a frame: the tracker's parts are wrapped from outside during the measurement."""

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
"""Stages in the order of the tables."""


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Wall time and CPU time in seconds."""

    wall_s: float
    cpu_s: float

    def __add__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s + other.wall_s, self.cpu_s + other.cpu_s)

    def __sub__(self, other: Elapsed) -> Elapsed:
        return Elapsed(self.wall_s - other.wall_s, self.cpu_s - other.cpu_s)


Clock = Callable[[], Elapsed]


def now() -> Elapsed:
    """Return the current wall and CPU time, the latter of all threads of the process.

    The CPU time of the calling thread alone would be too low for runtimes with worker threads (MediaPipe).
    """
    return Elapsed(time.perf_counter(), time.process_time())


class StageTimer:
    """Timer that attributes the time between `begin` and `end` to the innermost running stage, else to `REST`.

    The durations of nested stages thus add up to the frame's.
    """

    def __init__(self, clock: Clock = now) -> None:
        self._clock = clock
        self._running: list[str] = []

    def begin(self) -> None:
        self._durations: dict[str, Elapsed] = {}
        self._running = [REST]
        self._last = self._clock()

    def end(self) -> dict[str, Elapsed]:
        """Return the duration of each stage since `begin`, without stages that did not run."""
        self._add_elapsed()
        self._running = []
        return self._durations

    def timed(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a callable so that its time counts for `stage`; a plain function, so that it can replace a method."""

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
        current = self._clock()
        stage = self._running[-1]
        self._durations[stage] = self._durations.get(stage, Elapsed(0.0, 0.0)) + (current - self._last)
        self._last = current


@contextmanager
def timed_stages(tracker: FaceTracker, timer: StageTimer) -> Iterator[None]:
    """Time the tracker's stages within the context; the original functions are restored at its end.

    Parts that the tracker creates itself are patched in their class: no other tracker must run meanwhile.
    """
    with ExitStack() as stack:
        for stage, owner, name in _parts(tracker):
            original = vars(owner)[name]
            setattr(owner, name, timer.timed(stage, original))
            stack.callback(setattr, owner, name, original)
        yield


def _parts(tracker: FaceTracker) -> list[tuple[str, Any, str]]:
    """Return (stage, owner of the attribute, name of the attribute) of all timed functions."""
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
        ("pose", loop, "fused_pose"),
        ("signals", FaceSignals, "update"),
        ("identity", Reidentifier, "match_lost"),
        ("identity", Reidentifier, "update"),
        ("identity", Reidentifier, "owner_of_duplicate"),
        ("scene cut", scene_cut.SceneCut, "__call__"),
    ]
