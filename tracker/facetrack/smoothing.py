"""The One-Euro filter (Casiez, Roussel, Vogel: "1 Euro Filter", CHI 2012) over whole arrays, and one for the points of
a face that tells motion from noise.

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
Complex = NDArray[np.complex128]


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
    "low": OneEuroOptions(min_cutoff_hz=2.0, beta=80.0, d_cutoff_hz=3.0),
    "medium": OneEuroOptions(min_cutoff_hz=1.0, beta=40.0, d_cutoff_hz=3.0),
    "high": OneEuroOptions(min_cutoff_hz=0.5, beta=20.0, d_cutoff_hz=3.0),
}
"""Settings for `FaceSmoother`: delay_at_rest_s 0, 80, 159, 318 ms, for what does not rise above the noise. At one eye
distance per second (a brisk turn) 1, 2 and 4 ms are left; a still face keeps .23, .13 and .07 of its white noise from
frame to frame (both at 30 fps, tests/test_smoothing.py)."""


def smoothing_factor(cutoff_hz: Array | float, step_s: float) -> Array | float:
    """alpha = 1 / (1 + tau / Te) with tau = 1 / (2 pi fc) (equation 5 of the paper)."""
    return 1.0 / (1.0 + 1.0 / (2.0 * math.pi * cutoff_hz * step_s))


def _step_s(last_s: float, time_s: float) -> float:
    if not time_s > last_s:
        raise ValueError(f"time_s must increase from call to call, got {time_s} after {last_s}")
    return time_s - last_s


class OneEuro:
    """One-Euro filter over an array of scalars (N,) or of points (N, D), all at one time stamp.

    The last axis of a 2-D array is taken as one point's coordinates: they share a cutoff, driven by the length of the
    point's velocity, so that the result does not depend on how the axes lie. On (N,) it is the paper's filter N times.

    Delay: options.delay_at_rest_s at rest, less in motion: 1 / (2 pi (min_cutoff_hz + beta speed)).
    Angles must come unwrapped. Use it for a crop box as OneEuro(options)(centre[None], time_s, scale=size), and on the
    size's logarithm and the roll with scale 1.
    """

    def __init__(self, options: OneEuroOptions) -> None:
        self.options = options
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
        step_s = _step_s(self._time_s, time_s)
        # The paper's derivative is taken against the last filtered value, not the last raw one (algorithm 1, line 5).
        velocity = (exact - self._value) / (step_s * scale)
        d_alpha = smoothing_factor(self.options.d_cutoff_hz, step_s)
        self._velocity = d_alpha * velocity + (1.0 - d_alpha) * self._velocity
        speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) if exact.ndim == 2 else np.abs(self._velocity)
        alpha = smoothing_factor(self.options.min_cutoff_hz + self.options.beta * speed, step_s)
        # In this order, not as value + alpha * difference, so that alpha = 1 gives the raw value to the last bit.
        self._value = alpha * exact + (1.0 - alpha) * self._value
        self._time_s = time_s
        return self._value.copy()


FAST_POINTS = np.isin(np.arange(N_POINTS), RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS)
FAST_D_CUTOFF_HZ = 8.0
"""Of the speed of eyelids and lips: a blink of 150 ms closes in two frames, too soon for the head's d_cutoff_hz."""
NOISE_LEVEL = 3.0
"""What counts as rest: speeds up to so many standard deviations of what noise alone makes. .011 of a still face's
points exceed it (Rayleigh: exp(-3^2 / 2))."""
COMMON_NOISE = 0.5
"""Noise of the common motion as a share of one point's. For 68 independent points it would be sqrt(2 / 68) = .17, but a
network's errors go together: .4 on the bundled photograph."""
NOISE_S = 1.0
"""Time constant of the noise's running mean."""


class FaceSmoother:
    """Smooths the 68 points of one track: a One-Euro filter whose speed counts only as far as it rises above the noise.

    The speed of a point is that of the face as a whole plus what the point does beyond it, each less NOISE_LEVEL times
    what this very track's noise makes of it. So a still face rests at min_cutoff_hz whatever the camera, beta can be
    high, and a moving face is hardly smoothed. Speeds are in face sizes per second, the size being the root mean square
    distance of the points from their mean (about half the distance between the outer eye corners), so that one setting
    serves all distances.

    Delay: 1 / (2 pi (min_cutoff_hz + beta * speed above the noise)), at rest options.delay_at_rest_s. Each output lies
    between the last one and the new points, so it never overshoots.
    """

    def __init__(self, options: OneEuroOptions = SMOOTHING["medium"]) -> None:
        self.options = options
        self._noise = NoiseMeter()
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._noise.reset()
        self._time_s: float | None = None
        self._value = np.zeros(N_POINTS, np.complex128)
        self._common = np.zeros(N_POINTS, np.complex128)
        self._own = np.zeros(N_POINTS, np.complex128)

    def __call__(self, points: Floats, sigma: Floats | None, time_s: float) -> Floats:
        """(68, 2) px -> (68, 2) float32 px at time_s seconds; ValueError when time does not increase.

        sigma: (68,) px, each point's uncertainty: the surer a point, the more it says of the face's motion. None, or
        values that are not finite and above 0, for equal weights.
        """
        exact = points.astype(np.float64) @ _TO_COMPLEX
        if self._time_s is None:
            self._noise.begin(exact)
            self._value, self._time_s = exact, time_s
            return points.astype(np.float32)
        step_s = _step_s(self._time_s, time_s)
        similarity = Similarity(exact, sigma)
        noise = self._noise(exact, similarity, step_s)
        # Against the last output, as in the paper: at rest this sums up what several frames say.
        speed = self._speed((exact - self._value) / step_s, similarity, noise / step_s, step_s)
        cutoff_hz = self.options.min_cutoff_hz + self.options.beta * speed / similarity.size
        alpha = smoothing_factor(cutoff_hz, step_s)
        # In this order, not as value + alpha * difference, so that alpha = 1 gives the raw points to the last bit.
        self._value, self._time_s = alpha * exact + (1.0 - alpha) * self._value, time_s
        return np.column_stack([self._value.real, self._value.imag]).astype(np.float32)

    def _speed(self, velocity: Complex, similarity: Similarity, noise: Array, step_s: float) -> Array:
        """(68,) px/s by which each point's speed is above the noise, given its velocity and the standard deviation of
        that velocity's noise per coordinate."""
        common = similarity(velocity)
        slow = smoothing_factor(self.options.d_cutoff_hz, step_s)
        fast = np.where(FAST_POINTS, smoothing_factor(FAST_D_CUTOFF_HZ, step_s), slow)
        self._common = slow * common + (1.0 - slow) * self._common
        self._own = fast * (velocity - common) + (1.0 - fast) * self._own
        # A first-order low-pass leaves alpha / (2 - alpha) of the variance of white noise.
        common_rest = NOISE_LEVEL * COMMON_NOISE * noise.mean() * np.sqrt(slow / (2.0 - slow))
        own_rest = NOISE_LEVEL * noise * np.sqrt(fast / (2.0 - fast))
        above = np.maximum(np.abs(self._common) - common_rest, 0.0)
        return np.asarray(above + np.maximum(np.abs(self._own) - own_rest, 0.0))


class Similarity:
    """The shift, turn and growth that fit a velocity of the face's points best (weighted least squares; in complex
    numbers v = shift + turn * position). size: px, root mean square distance of the points from their mean."""

    def __init__(self, points: Complex, sigma: Floats | None) -> None:
        weight = np.ones(N_POINTS)
        if sigma is not None and np.isfinite(sigma).all() and sigma.min() > 0:
            weight = 1.0 / sigma.astype(np.float64) ** 2
        self._weight = weight / weight.sum()
        self._position = points - self._weight @ points
        self._square = max(float(self._weight @ np.abs(self._position) ** 2), 1e-12)
        self.size = max(float(np.sqrt(np.mean(np.abs(points - points.mean()) ** 2))), 1e-6)

    def __call__(self, velocity: Complex) -> Complex:
        """(68,) of the points -> (68,) of the common motion at each."""
        turn = (self._weight * self._position.conj()) @ velocity / self._square
        return np.asarray(self._weight @ velocity + turn * self._position)


class NoiseMeter:
    """The standard deviation per coordinate of each point's noise in px: a running mean over NOISE_S.

    White noise shows in how far a point lies from where its last two places lead, which motion hardly does: of readings
    with variance s^2 apart, x - (1 + r) x' + r x'' has s^2 (1 + (1 + r)^2 + r^2), r being the ratio of the steps. The
    face's common motion is taken out of it, and what is over three times the median is cut there: a blink is no noise.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """As new."""
        self._frames = 0
        self._points = np.zeros(N_POINTS, np.complex128)
        self._velocity = np.zeros(N_POINTS, np.complex128)
        self._last_step_s = math.nan
        self._noise = np.zeros(N_POINTS)

    def begin(self, points: Complex) -> None:
        """The first frame."""
        self._points = points

    def __call__(self, points: Complex, similarity: Similarity, step_s: float) -> Array:
        """(68,) px, given the next frame's points (68,), step_s after the last; 0 until three frames were seen."""
        velocity = (points - self._points) / step_s
        if self._frames > 0:
            ratio = step_s / self._last_step_s
            off = (velocity - self._velocity) * step_s
            distance = np.abs(off - similarity(off)) / math.sqrt(1.0 + (1.0 + ratio) ** 2 + ratio**2)
            deviation = np.minimum(distance, 3.0 * np.median(distance)) / _RAYLEIGH_MEAN
            share = max(1.0 / self._frames, 1.0 - math.exp(-step_s / NOISE_S))
            self._noise = share * deviation + (1.0 - share) * self._noise
        self._frames += 1
        self._points, self._velocity, self._last_step_s = points, velocity, step_s
        return self._noise


_TO_COMPLEX = np.array([1.0, 1.0j])
_RAYLEIGH_MEAN = math.sqrt(math.pi / 2.0)
"""Mean length of a vector whose two coordinates have a standard deviation of 1."""
