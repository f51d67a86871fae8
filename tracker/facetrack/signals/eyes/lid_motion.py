"""Lids on their way: what moves over an iris moves what a network reads of it."""

from __future__ import annotations

import math
from collections import deque

from facetrack.signals.eyes.closure import Pair
from facetrack.signals.windows.observed_time import ROUNDING_S

WITHIN_S, MOVED = 0.1, 0.1
"""Lids move if their openness changed by so much within so long. In a blink they fall from .75 to .35 in .07 s (median
of the labelled ones), in a slow look down in 1.1 to 1.6 s (.03 in .1 s); lids at rest vary by .05."""
OPEN = 0.9
"""Openness from which lids leave the iris alone, however fast they got there."""


class LidMotion:
    """Whether the lids of either eye move, or did a moment ago.

    In a blink the iris is half covered before the openness says so, and behind glasses each eye seems to look another
    way: frames from the closure's first one until the lids rest again, or are open, say nothing of the gaze. Delay:
    none; lids count as at rest WITHIN_S after they came to it.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Pair]] = deque()

    def reset(self) -> None:
        """Equal to a new one."""
        self._seen.clear()

    def update(self, time_s: float, openness: Pair) -> bool:
        """Follow the next frame. openness: of the right and the left eye, 0..1, None where unknown."""
        seen = self._seen
        seen.append((time_s, openness))
        while time_s - seen[0][0] > WITHIN_S + ROUNDING_S:
            seen.popleft()
        for side, now in enumerate(openness):
            if now is None or now >= OPEN:
                continue
            low, high = math.inf, -math.inf
            for _, both in seen:
                value = both[side]
                if value is None:
                    continue
                if value < low:
                    low = value
                if value > high:
                    high = value
            if high - low > MOVED:
                return True
        return False
