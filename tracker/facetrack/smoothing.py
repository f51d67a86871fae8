"""The One-Euro filter (Casiez, Roussel, Vogel: "1 Euro Filter", CHI 2012) over whole arrays, and its use on a face.

At rest it is a first-order low-pass at `min_cutoff_hz`; the faster a value moves, the higher the cutoff, so that
jitter goes where it is seen and lag where it is felt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack.topology import INNER_LIPS, LEFT_EYE, N_POINTS, OUTER_LIPS, RIGHT_EYE
from facetrack.types import Floats

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OneEuroOptions:
    """The three constants of the paper.

    min_cutoff_hz: cutoff at rest; inf passes everything through.
    beta: how much the cutoff rises with speed, in Hz per (scale unit per second).
    d_cutoff_hz: cutoff of the filter on the speed itself.
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


SMOOTHING: dict[str, OneEuroOptions] = {
    "off": OneEuroOptions(min_cutoff_hz=math.inf, beta=0.0),
    "low": OneEuroOptions(min_cutoff_hz=3.0, beta=20.0, d_cutoff_hz=2.0),
    "medium": OneEuroOptions(min_cutoff_hz=1.5, beta=12.0, d_cutoff_hz=2.0),
    "high": OneEuroOptions(min_cutoff_hz=0.7, beta=6.0, d_cutoff_hz=2.0),
}
"""Settings for `FaceSmoother`: delay_at_rest_s 0, 53, 106, 227 ms, and a FAST_GAIN-th of it for eyelids and lips. At
one eye distance per second (a brisk turn) 4, 6 and 10 ms are left, at 30 fps (measured in tests/test_smoothing.py).
Under independent noise a resting face keeps .33, .20, .11 of its jitter, its eyelids and lips .72, .57, .38."""


def smoothing_factor(cutoff_hz: Array | float, step_s: float) -> Array | float:
    """alpha = 1 / (1 + tau / Te) with tau = 1 / (2 pi fc) (equation 5 of the paper)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))


class OneEuro:
    """One-Euro filter over an array of scalars (N,) or of points (N, D), all at one time stamp.

    The last axis of a 2-D array is taken as one point's coordinates: they share a cutoff, driven by the length of the
    point's velocity, so that the result does not depend on how the axes lie. On (N,) it is the paper's filter N times.

    gain: factor on min_cutoff_hz, one or (N,).
    Delay: options.delay_at_rest_s / gain at rest, less in motion: 1 / (2 pi (min_cutoff gain + beta speed)).
    Angles must come unwrapped. Use it for a crop box as OneEuro(options)(centre[None], time_s, scale=size), and on the
    size's logarithm and the roll with scale 1.
    """

    def __init__(self, options: OneEuroOptions, gain: Array | float = 1.0) -> None:
        self.options = options
        self.gain = np.asarray(gain, dtype=np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next value is taken as it is."""
        self._time_s: float | None = None
        self._value: Array = np.empty(0)
        self._velocity: Array = np.empty(0)

    def __call__(self, values: NDArray[np.floating], time_s: float, scale: float = 1.0) -> Array:
        """(N,) or (N, D) -> the same shape, float64.

        scale: size of one unit of speed in the values' unit (px per face size, say), so that one beta serves all sizes.
        Raises ValueError when time_s is not later than in the last call.
        """
        exact: Array = np.asarray(values, dtype=np.float64)
        if self._time_s is None:
            self._time_s, self._value, self._velocity = time_s, exact, np.zeros_like(exact)
            return exact.copy()
        step_s = time_s - self._time_s
        if not step_s > 0:
            raise ValueError(f"time_s must increase from call to call, got {time_s} after {self._time_s}")
        # The paper's derivative is taken against the last filtered value, not the last raw one (algorithm 1, line 5).
        velocity = (exact - self._value) / (step_s * scale)
        d_alpha = smoothing_factor(self.options.d_cutoff_hz, step_s)
        self._velocity = d_alpha * velocity + (1.0 - d_alpha) * self._velocity
        cutoff_hz = self.options.min_cutoff_hz * self.gain + self.options.beta * self._speed(exact)
        alpha = np.asarray(smoothing_factor(cutoff_hz, step_s))
        alpha = alpha[:, None] if exact.ndim == 2 else alpha
        # In this order, not as value + alpha * difference, so that alpha = 1 gives the raw value to the last bit.
        self._value = alpha * exact + (1.0 - alpha) * self._value
        self._time_s = time_s
        return self._value.copy()

    def _speed(self, values: Array) -> Array:
        """(N,) scale units per second."""
        return np.linalg.norm(self._velocity, axis=1) if values.ndim == 2 else np.abs(self._velocity)


FAST_GAIN = 5.0
"""How much higher the cutoff at rest is for eyelids and lips. A blink lasts 100-400 ms, so some 4 frames at 30 fps: to
keep four fifths of a 150 ms dip a first-order low-pass needs a cutoff near 10 Hz (see tests/test_smoothing.py)."""


def _point_gains() -> Array:
    gains = np.ones(N_POINTS)
    gains[list(RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS)] = FAST_GAIN
    return gains


class _FaceOneEuro(OneEuro):
    """One-Euro whose speed is that of the face as a whole plus what each point does beyond it.

    The common motion is the similarity (shift, turn, growth) that fits all points' velocities best. Being a mean over
    68 points it has next to no noise, so a moving head opens all filters alike and the shape does not wobble.
    """

    def _speed(self, values: Array) -> Array:
        position = (values - values.mean(axis=0)) @ _TO_COMPLEX  # (68,) complex
        velocity = self._velocity @ _TO_COMPLEX
        shift = velocity.mean()
        turn = np.vdot(position, velocity) / np.vdot(position, position).real
        common = shift + turn * position
        own = np.abs(velocity - common)
        return np.abs(common) + np.where(self.gain > 1.0, own, 0.0)


_TO_COMPLEX = np.array([1.0, 1.0j])


class FaceSmoother:
    """Smooths the 68 points of one track.

    Speeds are measured in face sizes per second, where the size is the root mean square distance of the points from
    their mean (about half the distance between the outer eye corners), so one setting serves all distances.
    Eyelids and lips start from FAST_GAIN times the cutoff and also follow their own motion, or blinks would vanish;
    the other points move with the head only, so their own speed counts as noise.
    Delay: at rest options.delay_at_rest_s, for eyelids and lips a FAST_GAIN-th of it; it falls as the face moves.
    """

    def __init__(self, options: OneEuroOptions = SMOOTHING["medium"]) -> None:
        self.options = options
        self._filter = _FaceOneEuro(options, _point_gains())

    def reset(self) -> None:
        """As new."""
        self._filter.reset()

    def __call__(self, points: Floats, sigma: Floats | None, time_s: float) -> Floats:
        """(68, 2) px -> (68, 2) float32 px at time_s seconds; ValueError when time does not increase.

        sigma: (68,) px, each point's uncertainty; accepted for filters that weigh by it, and not used by this one.
        """
        size_px = float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))
        return self._filter(points, time_s, scale=max(size_px, 1e-6)).astype(np.float32)
