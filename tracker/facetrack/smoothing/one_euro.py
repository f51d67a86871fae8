"""One-Euro filter (Casiez, Roussel, Vogel: "1 Euro Filter", CHI 2012) of numbers and arrays.

At rest it is a first-order low-pass at `min_cutoff_hz`; the cutoff rises with the speed, which reduces jitter at rest
and lag in motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class OneEuroOptions:
    """Constants of the paper.

    min_cutoff_hz: cutoff at rest; inf disables the filter.
    beta: slope of the cutoff over the speed, in Hz per (scale unit per second).
    d_cutoff_hz: cutoff of the low-pass on the speed.
    """

    min_cutoff_hz: float = 2.0
    beta: float = 10.0
    d_cutoff_hz: float = 1.0

    def __post_init__(self) -> None:
        if not (self.min_cutoff_hz > 0 and self.d_cutoff_hz > 0 and self.beta >= 0):
            raise ValueError(f"cutoffs must be above 0 and beta at least 0, got {self}")

    @property
    def delay_at_rest_s(self) -> float:
        """Group delay at frequency 0 of a first-order low-pass: its time constant, tau = 1 / (2 pi fc)."""
        return 1.0 / (2.0 * math.pi * self.min_cutoff_hz)


@overload
def smoothing_factor(cutoff_hz: float, step_s: float) -> float: ...
@overload
def smoothing_factor(cutoff_hz: NDArray[np.floating], step_s: float) -> Array: ...
def smoothing_factor(cutoff_hz: NDArray[np.floating] | float, step_s: float) -> Array | float:
    """Return alpha = 1 / (1 + tau / Te) with tau = 1 / (2 pi fc) (equation 5 of the paper)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * step_s * cutoff_hz))  # type: ignore[return-value]


def step_from(last_s: float, time_s: float) -> float:
    """Return time_s - last_s. Raises ValueError unless it is above 0."""
    if not time_s > last_s:
        raise ValueError(f"time_s must increase from call to call, got {time_s} after {last_s}")
    return time_s - last_s


Value = TypeVar("Value", float, complex, Array, Complex)


class OneEuro(Generic[Value]):
    """One-Euro filter of numbers or arrays of them with a common time stamp.

    Real numbers are filtered independently, as in the paper. A point is the complex number x + iy: its coordinates
    share a cutoff, driven by the length of its velocity, so that the result does not depend on the direction of the
    axes.

    Delay: options.delay_at_rest_s at rest, less in motion: 1 / (2 pi (min_cutoff_hz + beta speed)).
    Angles must be unwrapped. Use it for a crop box as OneEuro(options)(x + 1j * y, time_s, scale=size), and on the
    logarithm of the size and the roll with scale 1.
    """

    def __init__(self, options: OneEuroOptions) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state: the next value passes unchanged."""
        self._last: tuple[float, Value, Value] | None = None

    def __call__(self, value: Value, time_s: float, scale: float = 1.0) -> Value:
        """Return the smoothed value, of the same shape.

        scale: unit of length of the speed, in the values' unit (such as the face size in px), so that one beta suits
            all sizes.
        Raises ValueError when time_s is not later than in the last call.
        """
        if self._last is None:
            self._last = time_s, value, 0.0 * value
            return +value
        last_s, last, velocity = self._last
        step_s = step_from(last_s, time_s)
        # The paper's derivative is relative to the last filtered value, not the last raw one (algorithm 1, line 5).
        options, turn_s = self.options, 2.0 * math.pi * step_s  # `smoothing_factor`, spelled out for a frame's filters
        d_alpha = 1.0 / (1.0 + 1.0 / (turn_s * options.d_cutoff_hz))
        velocity = d_alpha / (step_s * scale) * (value - last) + (1.0 - d_alpha) * velocity
        alpha = 1.0 / (1.0 + 1.0 / (turn_s * (options.min_cutoff_hz + options.beta * abs(velocity))))
        # In this order, not as value + alpha * difference, so that alpha = 1 returns the raw value exactly.
        last = alpha * value + (1.0 - alpha) * last
        self._last = time_s, last, velocity
        return +last  # unary plus copies an array
