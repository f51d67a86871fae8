"""A quantile of what was seen, in which the past fades: for a person's own levels."""

from __future__ import annotations

import math

import numpy as np

from facetrack import compiled

_RESCALE_AT = 1e100


class FadingQuantile:
    """Quantile of a series weighted by time, each moment's weight falling by 1/e every memory_s of known time.

    A histogram of equal bins from low to high, values inside a bin taken as spread evenly: the quantile is exact to
    a fraction of a bin, no outlier moves it further than its share, and a step costs one addition. What lies outside
    counts in the outermost bin.

    known_s: seconds added since the start, faded or not.
    """

    def __init__(self, low: float, high: float, bins: int, memory_s: float) -> None:
        self._low, self._width, self._memory_s = low, (high - low) / bins, memory_s
        self._bins = bins
        self.reset()

    def reset(self) -> None:
        self._weights = np.zeros(self._bins)
        self._gain = 1.0  # new values weigh more instead of all the old ones less: the same ratios in one addition
        self.known_s = 0.0

    def add(self, value: float, seconds: float) -> None:
        """value held for so many seconds."""
        if compiled.kernels is not None:
            self._gain = compiled.kernels.add_fading(
                self._weights, self._low, self._width, self._memory_s, self._gain, value, seconds
            )
            self.known_s += seconds
            return
        self._gain *= math.exp(seconds / self._memory_s)
        index = int((value - self._low) // self._width)
        self._weights[min(max(index, 0), self._bins - 1)] += seconds * self._gain
        self.known_s += seconds
        if self._gain > _RESCALE_AT:
            self._weights /= self._gain
            self._gain = 1.0

    def value(self, share: float) -> float | None:
        """Return the level under which this share (0..1) of the weight lies; None before anything was added."""
        if compiled.kernels is not None:
            return compiled.kernels.fading_quantile(self._weights, self._low, self._width, share)
        below = self._weights.cumsum()
        total = float(below[-1])
        if total <= 0.0:
            return None
        index = min(int(below.searchsorted(share * total)), self._bins - 1)
        inside = float(self._weights[index])
        before = float(below[index]) - inside
        part = (share * total - before) / inside if inside > 0.0 else 0.5
        return self._low + (index + min(max(part, 0.0), 1.0)) * self._width


class Level:
    """A FadingQuantile at one share, read anew every READ_EVERY_S of known time.

    It moves slowly, and reading it costs far more than adding to it.
    """

    READ_EVERY_S = 0.1

    def __init__(self, quantile: FadingQuantile, share: float) -> None:
        self._quantile, self._share = quantile, share
        self.reset()

    def reset(self) -> None:
        self._quantile.reset()
        self._read_s = -self.READ_EVERY_S
        self.value: float | None = None

    @property
    def known_s(self) -> float:
        return self._quantile.known_s

    def add(self, value: float, seconds: float) -> bool:
        """value held for so many seconds. Returns whether `value` was read anew."""
        self._quantile.add(value, seconds)
        if self._quantile.known_s - self._read_s < self.READ_EVERY_S:
            return False
        self._read_s, self.value = self._quantile.known_s, self._quantile.value(self._share)
        return True
