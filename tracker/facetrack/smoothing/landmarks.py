"""A One-Euro filter for the points of faces that tells motion from noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facetrack.smoothing.one_euro import Array, Complex, OneEuroOptions, smoothing_factor, step_from
from facetrack.topology import INNER_LIPS, LEFT_EYE, N_POINTS, OUTER_LIPS, RIGHT_EYE
from facetrack.types import Floats

SMOOTHING: dict[str, OneEuroOptions] = {
    "off": OneEuroOptions(min_cutoff_hz=math.inf, beta=0.0),
    "low": OneEuroOptions(min_cutoff_hz=2.0, beta=80.0, d_cutoff_hz=3.0),
    "medium": OneEuroOptions(min_cutoff_hz=1.0, beta=40.0, d_cutoff_hz=3.0),
    "high": OneEuroOptions(min_cutoff_hz=0.5, beta=20.0, d_cutoff_hz=3.0),
}
"""Settings for `FaceSmoother`: delay_at_rest_s 0, 80, 159, 318 ms, for what does not rise above the noise. At one eye
distance per second (a brisk turn) 1, 2 and 4 ms are left; a still face keeps .23, .13 and .07 of its white noise from
frame to frame (both at 30 fps, tests/test_smoothing.py)."""


FAST_POINTS = np.isin(np.arange(N_POINTS), RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS)
_FAST = FAST_POINTS.astype(np.float64)
_OWN_FAST = np.stack([np.zeros(N_POINTS), _FAST])[:, None]
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
    distance of the points from their mean, weighted by how sure each is (about half the distance between the outer eye
    corners), so that one setting serves all distances.

    Delay: 1 / (2 pi (min_cutoff_hz + beta * speed above the noise)), at rest options.delay_at_rest_s. Each output lies
    between the last one and the new points, so it never overshoots.

    noise_px: (68,) standard deviation per coordinate of each point's noise, a running mean over NOISE_S; 0 until three
    frames were seen. White noise shows in how far a point lies from where its last two places lead, which motion hardly
    does: of readings with variance s^2 apart, x - (1 + r) x' + r x'' has s^2 (1 + (1 + r)^2 + r^2), r being the ratio
    of the steps. The face's common motion is taken out of it, and what is over three times the median is cut there: a
    blink is no noise.
    """

    def __init__(self, options: OneEuroOptions = SMOOTHING["medium"]) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """As new."""
        self.time_s: float | None = None
        self.noise_px: Array = np.zeros(N_POINTS)
        self.steps, self.last_step_s = 0, math.nan
        # Each (68,), as complex numbers: the last output, the last reading and its step from the one before; the
        # filtered velocities of the common motion and of each point's own.
        self.state: Complex = np.zeros((5, N_POINTS), np.complex128)

    def __call__(self, points: Floats, sigma: Floats | None, time_s: float) -> Floats:
        """(68, 2) px -> (68, 2) float32 px at time_s seconds; ValueError when time does not increase.

        sigma: (68,) px, each point's uncertainty: the surer a point, the more it says of the face's motion. None, or
        values that are not finite and above 0, for equal weights.
        """
        return smooth_together([self], points[None], None if sigma is None else sigma[None], time_s)[0]

    def step_ratio(self, step_s: float) -> float:
        """Of a step to the last one."""
        return step_s / self.last_step_s if self.steps else 0.0

    def noise_shares(self, step_s: float) -> tuple[float, float]:
        """What the points' new deviations and the noise known so far weigh in the noise."""
        if self.steps == 0:
            return 0.0, 1.0
        ratio = self.step_ratio(step_s)
        share = max(1.0 / self.steps, 1.0 - math.exp(-step_s / NOISE_S))
        return share / (_RAYLEIGH_MEAN * math.sqrt(1.0 + (1.0 + ratio) ** 2 + ratio**2)), 1.0 - share


def smooth_together(smoothers: Sequence[FaceSmoother], points: Floats, sigma: Floats | None, time_s: float) -> Floats:
    """What each of the smoothers, all of one setting, makes of its face's points: (F, 68, 2) px and sigma (F, 68) ->
    (F, 68, 2) float32 px. One pass over arrays, whatever the number of faces."""
    exact = _complex(points)
    result = points.astype(np.float32)
    groups: dict[float, list[int]] = {}
    for i, smoother in enumerate(smoothers):
        if smoother.time_s is None:
            smoother.time_s = time_s
            smoother.state[_VALUE] = smoother.state[_LAST] = exact[i]
        else:
            groups.setdefault(smoother.time_s, []).append(i)
    for last_s, group in groups.items():  # mostly one: all were seen in the last frame
        step_s = step_from(last_s, time_s)
        sigmas = None if sigma is None else sigma[group]
        here = [smoothers[i] for i in group]
        result[group] = _real(_advance(here, exact[group], sigmas, step_s))
        for smoother in here:
            smoother.time_s = time_s
    return result


def _advance(smoothers: list[FaceSmoother], exact: Complex, sigma: Floats | None, step_s: float) -> Complex:
    """The next output of each, (F, 68), step_s after the last. Arrays are stacked wherever two of them go the same way:
    at this size a call costs more than what it computes."""
    options = smoothers[0].options
    state = np.stack([s.state for s in smoothers], axis=1)
    similarity = Similarity(exact, sigma)
    # The steps from the last output, as in the paper (at rest this sums up what several frames say), and from the last
    # reading.
    steps = exact - state[_OUTPUTS]
    readings_step = steps[1].copy()
    steps[1] -= state[_LAST_STEP] * np.array([[s.step_ratio(step_s)] for s in smoothers])
    common = similarity(steps)
    own = steps - common
    noise = _noise(smoothers, np.abs(own[1]), step_s)
    above = _above_noise(options, state, np.stack([common[0], own[0]]), noise, step_s)
    # Face sizes per second: the paper's speed.
    speed = above / (step_s * similarity.size)
    alpha = smoothing_factor(options.min_cutoff_hz + options.beta * speed, step_s)
    # In this order, not as value + alpha * difference, so that alpha = 1 gives the raw points to the last bit.
    state[_VALUE] = alpha * exact + (1.0 - alpha) * state[_VALUE]
    state[_LAST], state[_LAST_STEP] = exact, readings_step
    for i, smoother in enumerate(smoothers):
        smoother.state, smoother.noise_px = state[:, i], noise[i]
        smoother.last_step_s = step_s
        smoother.steps += 1
    return np.asarray(state[_VALUE])


def _noise(smoothers: list[FaceSmoother], off: Array, step_s: float) -> Array:
    """(F, 68) px, as `FaceSmoother.noise_px`; off: how far each point lies from where its last two places lead."""
    middle = N_POINTS // 2
    middles = np.partition(off, (middle - 1, middle), axis=-1)[:, middle - 1 : middle + 1]
    deviation = np.minimum(off, 1.5 * np.add.reduce(middles, axis=-1, keepdims=True))
    new, old = np.array([s.noise_shares(step_s) for s in smoothers]).T[..., None]
    return np.asarray(new * deviation + old * np.stack([s.noise_px for s in smoothers]))


def _above_noise(options: OneEuroOptions, state: Complex, steps: Complex, noise: Array, step_s: float) -> Array:
    """(F, 68) px per step by which each point's motion is above the noise; steps: (2, F, 68) of the common motion and
    of each point's own, by which the state's two are brought up to date."""
    slow, fast = smoothing_factor(options.d_cutoff_hz, step_s), smoothing_factor(FAST_D_CUTOFF_HZ, step_s)
    # A first-order low-pass leaves alpha / (2 - alpha) of the variance of white noise.
    slow_left, fast_left = (NOISE_LEVEL * math.sqrt(alpha / (2.0 - alpha)) for alpha in (slow, fast))
    alpha = slow + (fast - slow) * _OWN_FAST
    # As velocities, so that steps of other lengths go together.
    state[_MOTION] += alpha * (steps / step_s - state[_MOTION])
    rest = np.empty((2, *noise.shape))
    rest[0] = (COMMON_NOISE * slow_left / N_POINTS) * np.add.reduce(noise, axis=-1, keepdims=True)
    rest[1] = (slow_left + (fast_left - slow_left) * _FAST) * noise
    return np.asarray(np.add.reduce(np.maximum(step_s * np.abs(state[_MOTION]) - rest, 0.0), axis=0))


class Similarity:
    """The shift, turn and growth that fit a velocity of each face's points best (weighted least squares; in complex
    numbers v = shift + turn * position). points: (F, 68); sigma as in `FaceSmoother`. size: (F, 1) px, root mean square
    distance of the points from their weighted mean."""

    def __init__(self, points: Complex, sigma: Floats | None) -> None:
        self._weight = _weights(sigma, len(points))
        self._position = position = points - np.add.reduce(self._weight * points, axis=-1, keepdims=True)
        self._pull = self._weight * position.conj()
        square = position.real**2 + position.imag**2
        self._square = np.maximum(np.add.reduce(self._weight * square, axis=-1, keepdims=True), 1e-12)
        self.size = np.sqrt(np.maximum(np.add.reduce(square, axis=-1, keepdims=True) / N_POINTS, 1e-12))

    def __call__(self, velocity: Complex) -> Complex:
        """(..., F, 68) of the points -> the common motion at each."""
        turn = np.add.reduce(self._pull * velocity, axis=-1, keepdims=True) / self._square
        shift = np.add.reduce(self._weight * velocity, axis=-1, keepdims=True)
        return np.asarray(shift + turn * self._position)


def _weights(sigma: Floats | None, faces: int) -> Array:
    """(F, 68), of sum 1."""
    equal = np.full((faces, N_POINTS), 1.0 / N_POINTS)
    if sigma is None:
        return equal
    exact = sigma.astype(np.float64)
    total = np.add.reduce(exact, axis=-1, keepdims=True)
    usable = exact.min(axis=-1, keepdims=True) / total > 0  # False of NaN, of 0 and of anything over infinity
    if not usable.all():
        exact = np.where(usable, exact, 1.0)
    weight = 1.0 / (exact * exact)
    weight /= np.add.reduce(weight, axis=-1, keepdims=True)
    return weight


_VALUE, _LAST, _LAST_STEP = 0, 1, 2
_OUTPUTS, _MOTION = slice(0, 2), slice(3, 5)
"""Rows of `FaceSmoother.state`."""


def _complex(points: Floats) -> Complex:
    """(..., 2) -> (...,) x + iy."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[..., 0]


def _real(points: Complex) -> Array:
    """(...,) x + iy -> (..., 2)."""
    return np.ascontiguousarray(points)[..., None].view(np.float64)


_RAYLEIGH_MEAN = math.sqrt(math.pi / 2.0)
"""Mean length of a vector whose two coordinates have a standard deviation of 1."""
