"""A quantile of what was seen, in which the past fades: for a person's own levels."""

from __future__ import annotations

import math

import numpy as np

from facetrack import compiled

_RESCALE_AT = 1e100
_GAIN, _HEADER = 3, 4
"""Where the gain stands in a quantile's state, and how many numbers stand before the weights."""


class FadingQuantile:
    """Quantile of a series weighted by time, each moment's weight falling by 1/e every memory_s of known time.

    A histogram of equal bins from low to high, values inside a bin taken as spread evenly: the quantile is exact to
    a fraction of a bin, no outlier moves it further than its share, and a step costs one addition. What lies outside
    counts in the outermost bin.

    known_s: seconds added since the start, faded or not.
    """

    __slots__ = ("_bins", "_low", "_memory_s", "_width", "known_s", "state")

    def __init__(self, low: float, high: float, bins: int, memory_s: float) -> None:
        self._low, self._width, self._memory_s = low, (high - low) / bins, memory_s
        self._bins = bins
        self.reset()

    def reset(self) -> None:
        # The gain, last: new values weigh more instead of all the old ones less, the same ratios in one addition.
        header = (self._low, self._width, self._memory_s, 1.0)
        self.state = np.concatenate([header, np.zeros(self._bins)])
        self.known_s = 0.0

    def add(self, value: float, seconds: float) -> None:
        """value held for so many seconds."""
        self.known_s += seconds
        if compiled.kernels is not None:
            compiled.kernels.add_fading(self.state, value, seconds)
            return
        gain, weights = float(self.state[_GAIN]) * math.exp(seconds / self._memory_s), self.state[_HEADER:]
        index = int((value - self._low) // self._width)
        weights[min(max(index, 0), self._bins - 1)] += seconds * gain
        if gain > _RESCALE_AT:
            weights /= gain
            gain = 1.0
        self.state[_GAIN] = gain

    def value(self, share: float) -> float | None:
        """Return the level under which this share (0..1) of the weight lies; None before anything was added."""
        if compiled.kernels is not None:
            return compiled.kernels.fading_quantile(self.state, share)
        weights = self.state[_HEADER:]
        below = weights.cumsum()
        total = float(below[-1])
        if total <= 0.0:
            return None
        index = min(int(below.searchsorted(share * total)), self._bins - 1)
        inside = float(weights[index])
        before = float(below[index]) - inside
        part = (share * total - before) / inside if inside > 0.0 else 0.5
        return self._low + (index + min(max(part, 0.0), 1.0)) * self._width


class Level:
    """A FadingQuantile at one share, read anew every READ_EVERY_S of known time.

    It moves slowly, and reading it costs far more than adding to it.
    """

    __slots__ = ("_quantile", "_read_s", "_share", "value")
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
        quantile = self._quantile
        quantile.add(value, seconds)
        if quantile.known_s - self._read_s < self.READ_EVERY_S:
            return False
        self._read_s, self.value = quantile.known_s, quantile.value(self._share)
        return True
