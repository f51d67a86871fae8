"""Detection interval of a live loop, adapted to the detector's cost; recorded frames at the pace of their times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from facetrack.capture import Source
    from facetrack.types import Frame


class Searches(Protocol):
    """What is needed of a `FaceTracker`, which this module does not import: `FaceTracker.track` leads here."""

    def search(self, frame: Frame) -> None: ...
    def search_is_due(self, time_s: float, interval_s: float | None = None) -> bool: ...


class SearchPacer:
    """Detection interval that keeps the detector's share of the time constant, within limits.

    A step in cost has half its effect after three searches.
    """

    SHARE = 0.05
    """Share of one core's time."""
    MIN_INTERVAL_S, MAX_INTERVAL_S = 0.2, 1.0
    """The shortest is a recorded video's (`TrackerOptions.detect_interval_s`)."""
    WEIGHT_OF_NEWEST = 0.2
    """Weight of the newest search in the exponential moving average of the cost."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._cost_s: float | None = None

    def add_duration(self, cost_s: float) -> None:
        """Update the mean cost. cost_s: wall time of the last search."""
        self._cost_s = (
            cost_s
            if self._cost_s is None
            else self.WEIGHT_OF_NEWEST * cost_s + (1 - self.WEIGHT_OF_NEWEST) * self._cost_s
        )

    def search(self, tracker: Searches, frame: Frame) -> bool:
        """Run a tracker's detector for new faces if it is due, after the frame's result is out: it adds no latency.

        Returns whether it ran.
        """
        if not tracker.search_is_due(frame.time_s, self.interval_s):
            return False
        started_s = time.perf_counter()
        tracker.search(frame)
        self.add_duration(time.perf_counter() - started_s)
        return True

    @property
    def interval_s(self) -> float:
        """Interval between two searches."""
        if self._cost_s is None:
            return self.MIN_INTERVAL_S
        return min(max(self._cost_s / self.SHARE, self.MIN_INTERVAL_S), self.MAX_INTERVAL_S)


class Timed(Protocol):
    """Anything with a time in seconds."""

    @property
    def time_s(self) -> float: ...


AnyTimed = TypeVar("AnyTimed", bound=Timed)


def at_own_pace(items: Iterable[AnyTimed]) -> Iterator[AnyTimed]:
    """Yield the items when their times come, the first at once; one that is late is yielded at once, too."""
    start_s: float | None = None
    for item in items:
        if start_s is None:
            start_s = time.perf_counter() - item.time_s
        time.sleep(max(start_s + item.time_s - time.perf_counter(), 0.0))
        yield item


class OwnPace:
    """A recorded source whose frames come at the pace of their times, as from a camera."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Frame]:
        return at_own_pace(self._source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
