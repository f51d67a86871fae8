"""One frame of a live run after the other through the tracker, for commands, benchmark and Python alike."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from facetrack.loops.pacing import SearchPacer
from facetrack.loops.result import Result, Tracker
from facetrack.types import Frame


class LiveSteps:
    """The tracker's part of a live run.

    live: whether new faces are searched for after a frame's result is out (`search`), where it adds no latency; a file
    is searched at once. first_s: the first frame's own time. last: the last frame.
    stage_s: seconds that tracking and search took when they ran last; for whoever takes them out.
    """

    def __init__(self, tracker: Tracker, live: bool = True) -> None:
        self.tracker, self._live, self._pacer = tracker, live, SearchPacer()
        self.first_s: float | None = None
        self.last: Frame | None = None
        self.stage_s: dict[str, float] = {}

    def take_tracker(self, tracker: Tracker) -> None:
        """Go on with another tracker."""
        self.tracker = tracker
        self._pacer.reset()

    def follow(self, grabbed: Frame) -> Result:
        """Track one frame."""
        if self.first_s is None:
            self.first_s = grabbed.time_s
        frame = replace(grabbed, time_s=grabbed.time_s - self.first_s)
        began_s = time.perf_counter()
        faces = tuple(self.tracker.update(frame, search=not self._live))
        self.stage_s["tracking"] = time.perf_counter() - began_s
        self.last = frame
        return Result(frame, faces, tuple(self.tracker.events))

    def search(self) -> None:
        """Search the last frame for new faces, if that is due and not done."""
        if self._live and self.last is not None:
            began_s = time.perf_counter()
            if self._pacer.search(self.tracker, self.last):
                self.stage_s["search"] = time.perf_counter() - began_s

    def finish(self) -> Result | None:
        """End what still lasts, with the last frame and without faces; None if nothing does."""
        events = self.tracker.finish()
        return Result(self.last, (), tuple(events)) if events and self.last is not None else None


def results(frames: Iterable[Frame], tracker: Tracker, live: bool) -> Iterator[Result]:
    """Yield the result of each frame, then that of what ended with the last one. live: as in `LiveSteps`."""
    steps = LiveSteps(tracker, live)
    for frame in frames:
        if not isinstance(frame, Frame):
            raise TypeError(
                f"the source yields {type(frame).__name__}, not frames; make them with facetrack.Frame(image, time_s=, "
                "index=), or give the video's path"
            )
        yield steps.follow(frame)
        steps.search()
    if (end := steps.finish()) is not None:
        yield end
