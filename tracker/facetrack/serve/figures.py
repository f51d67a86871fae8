"""Figures of one camera: counters, rates and histograms."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from facetrack.types import ENDED, Event, Face

BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)
RECENT = 120
"""Frames that rate and latency refer to."""


class Histogram:
    """Counts of durations in buckets, and their sum in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """Return (upper bound, number of durations up to it), the last one "+Inf"."""
        bounds = [*(f"{bound:g}" for bound in BUCKETS_S), "+Inf"]
        return list(zip(bounds, accumulate(self._counts), strict=True))


class Figures:
    """What is counted of one camera; written in its live loop, read by the server's thread."""

    def __init__(self) -> None:
        self.frames = 0
        self.faces = 0
        self.latency, self.stages = Histogram(), {"tracking": Histogram(), "search": Histogram()}
        self.events: Counter[str] = Counter()
        self.perclos: float | None = None
        self.attention: float | None = None
        self._latency_s: deque[float] = deque(maxlen=RECENT)
        self._done_s: deque[float] = deque(maxlen=RECENT)

    def add_frame(self, latency_s: float, faces: Sequence[Face]) -> None:
        """Count a frame with its faces; PERCLOS and attention are those of the face with the lowest ID."""
        self.frames += 1
        self.faces = len(faces)
        self.latency.add(latency_s)
        self._latency_s.append(latency_s)
        self._done_s.append(time.perf_counter())
        main = min(faces, key=lambda face: face.track_id, default=None)
        self.perclos = None if main is None else main.signals.perclos_p80_60s
        self.attention = None if main is None else main.signals.attention.share

    def add_stages(self, stage_s: dict[str, float]) -> None:
        """Count what the stages of the loop took, and empty the dict."""
        for name in tuple(stage_s):
            self.stages[name].add(stage_s.pop(name))

    def add_events(self, events: Iterable[Event]) -> None:
        """Count the events that ended."""
        self.events.update(event.kind for event in events if event.phase == ENDED)

    @property
    def fps(self) -> float:
        """Frames per second of the last RECENT frames, 0 when none has come for 2 s."""
        done = list(self._done_s)
        if len(done) < 2 or time.perf_counter() - done[-1] > 2.0:
            return 0.0
        return (len(done) - 1) / (done[-1] - done[0])

    def latency_ms(self, quantile: float) -> float | None:
        """Return a quantile of the latency of the last RECENT frames; None before the first."""
        recent = list(self._latency_s)
        return 1000.0 * float(np.quantile(recent, quantile)) if recent else None
