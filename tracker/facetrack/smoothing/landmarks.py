"""One-Euro filter for the landmarks of faces, driven by motion above the estimated noise."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from facetrack import compiled
from facetrack.smoothing.one_euro import Array, Complex, OneEuroOptions, smoothing_factor, step_from
from facetrack.topology import INNER_LIPS, LEFT_EYE, N_POINTS, OUTER_LIPS, RIGHT_EYE
from facetrack.types import Floats

SMOOTHING: dict[str, OneEuroOptions] = {
    "off": OneEuroOptions(min_cutoff_hz=math.inf, beta=0.0),
    "low": OneEuroOptions(min_cutoff_hz=2.0, beta=80.0, d_cutoff_hz=3.0),
    "medium": OneEuroOptions(min_cutoff_hz=1.0, beta=40.0, d_cutoff_hz=3.0),
    "high": OneEuroOptions(min_cutoff_hz=0.5, beta=20.0, d_cutoff_hz=3.0),
}
"""Settings of `FaceSmoother`: delay_at_rest_s 0, 80, 159, 318 ms, for motion below the noise level.

At one eye distance per second (a brisk turn) the delay is 1, 2 and 4 ms; on a still face .23, .13 and .07 of the
frame-to-frame white noise remain (both at 30 fps, tests/facetrack/smoothing/test_smoothing.py).
"""


FAST_POINTS = np.isin(np.arange(N_POINTS), RIGHT_EYE + LEFT_EYE + OUTER_LIPS + INNER_LIPS)
_FAST = FAST_POINTS.astype(np.float64)
_OWN_FAST = np.stack([np.zeros(N_POINTS), _FAST])
FAST_D_CUTOFF_HZ = 8.0
"""d_cutoff_hz of eyelids and lips: a blink of 150 ms closes in two frames, too fast for the head's d_cutoff_hz."""
NOISE_LEVEL = 3.0
"""Dead band of the speed, in standard deviations of the speed that noise alone causes.

.011 of a still face's points exceed it (Rayleigh: exp(-3^2 / 2)).
"""
COMMON_NOISE = 0.5
"""Noise of the common motion as a share of one point's.

For 68 independent points it would be sqrt(2 / 68) = .17, but a network's errors are correlated: .4 on the bundled
photograph.
"""
NOISE_S = 1.0
"""Time constant of the noise's running mean."""


class FaceSmoother:
    """Smoother of the 68 points of one track: One-Euro filter whose speed is reduced by a dead band from the noise.

    The speed of a point is that of the face's common motion plus the point's own relative to it, each reduced by
    NOISE_LEVEL times the speed that this track's noise causes. So a still face is filtered at min_cutoff_hz whatever
    the camera's noise, beta can be high, and a moving face is hardly smoothed. Speeds are in face sizes per second, the
    face size being the root mean square distance of the points from their mean, weighted by their confidence (about
    half the distance between the outer eye corners), so that one setting suits faces of all sizes.

    Delay: 1 / (2 pi (min_cutoff_hz + beta * speed above the noise)), at rest options.delay_at_rest_s. Each output lies
    between the last one and the new points, so it never overshoots.

    share: mean weight of the newest points in the last output, 1 for the first.
    noise_px: (68,) standard deviation per coordinate of each point's noise, a running mean over NOISE_S; 0 for the
    first two frames. White noise is estimated from each point's deviation from the linear extrapolation of its last two
    positions, in which smooth motion nearly cancels: for measurements of variance s^2, x - (1 + r) x' + r x'' has the
    variance s^2 (1 + (1 + r)^2 + r^2), r being the ratio of the time steps. The face's common motion is subtracted
    first, and deviations are clipped at three times the median, so that a blink does not count as noise.
    """

    def __init__(self, options: OneEuroOptions = SMOOTHING["medium"]) -> None:
        self.options = options
        self.reset()

    def reset(self) -> None:
        """Reset to the initial state."""
        self.time_s: float | None = None
        self.noise_px: Array = np.zeros(N_POINTS)
        self.share = 1.0
        self.steps, self.last_step_s = 0, math.nan
        # Rows of (68,) complex numbers x + iy: the last output; the last measurement and its step from the one before;
        # the filtered velocities of the common motion and of each point's own motion.
        self.state: Complex = np.zeros((5, N_POINTS), np.complex128)

    def __call__(self, points: Floats, sigma: Floats | None, time_s: float) -> Floats:
        """Smooth the points of one frame, (68, 2) px -> (68, 2) float32 px.

        sigma: (68,) px, each point's uncertainty, for the weights of the common motion. None, or values that are not
            finite and above 0, for equal weights.
        time_s: must increase, else ValueError.
        """
        return smooth_together([self], points[None], None if sigma is None else sigma[None], time_s)[0]

    def step_ratio(self, step_s: float) -> float:
        """Return the ratio of a time step to the last one; 0 before the second step."""
        return step_s / self.last_step_s if self.steps else 0.0

    def noise_shares(self, step_s: float) -> tuple[float, float]:
        """Return the weights of the new deviations and of the previous noise in the updated noise."""
        if self.steps == 0:
            return 0.0, 1.0
        ratio = self.step_ratio(step_s)
        share = max(1.0 / self.steps, 1.0 - math.exp(-step_s / NOISE_S))
        return share / (_RAYLEIGH_MEAN * math.sqrt(1.0 + (1.0 + ratio) ** 2 + ratio**2)), 1.0 - share


def smooth_together(
    smoothers: Sequence[FaceSmoother], points: Sequence[Floats] | Floats, sigma: Sequence[Floats] | Floats | None,
    time_s: float,
) -> Floats:  # fmt: skip
    """Smooth the points of several faces in one pass over arrays.

    smoothers: one per face, all of one setting.
    points: (F, 68, 2) px, or each face's own.
    sigma: (F, 68) px, or None, as for `FaceSmoother`.
    Returns (F, 68, 2) float32 px.
    """
    if compiled.kernels is not None:
        return _smooth_each(smoothers, points, sigma, time_s)
    points, sigma = np.asarray(points), None if sigma is None else np.asarray(sigma)
    exact = _complex(points)
    result = points.astype(np.float32)
    groups: dict[float, list[int]] = {}
    for i, smoother in enumerate(smoothers):
        if smoother.time_s is None:
            smoother.time_s = time_s
            smoother.state[_VALUE] = smoother.state[_LAST] = exact[i]
        else:
            groups.setdefault(smoother.time_s, []).append(i)
    for last_s, group in groups.items():  # usually one group: all faces were tracked in the last frame
        step_s = step_from(last_s, time_s)
        rows = slice(None) if len(group) == len(smoothers) else group
        group_smoothers = [smoothers[i] for i in group]
        result[rows] = _real(_advance(group_smoothers, exact[rows], None if sigma is None else sigma[rows], step_s))
        for smoother in group_smoothers:
            smoother.time_s = time_s
    return result


def _smooth_each(
    smoothers: Sequence[FaceSmoother], points: Sequence[Floats] | Floats, sigma: Sequence[Floats] | Floats | None,
    time_s: float,
) -> Floats:  # fmt: skip
    """Smooth as `smooth_together` does, by the compiled kernel."""
    result = np.empty((len(smoothers), N_POINTS, 2), np.float32)
    for i, smoother in enumerate(smoothers):
        if smoother.time_s is None:
            smoother.state[_VALUE] = smoother.state[_LAST] = _complex(points[i])
            result[i] = points[i]
        else:
            step_s, options = step_from(smoother.time_s, time_s), smoother.options
            smoother.share = compiled.kernels.smooth(
                smoother.state, smoother.noise_px, points[i], None if sigma is None else sigma[i], FAST_POINTS,
                result[i], step_s, smoother.step_ratio(step_s), *smoother.noise_shares(step_s), options.min_cutoff_hz,
                options.beta, options.d_cutoff_hz, FAST_D_CUTOFF_HZ, NOISE_LEVEL, COMMON_NOISE,
            )  # fmt: skip
            smoother.last_step_s = step_s
            smoother.steps += 1
        smoother.time_s = time_s
    return result


def _advance(smoothers: list[FaceSmoother], exact: Complex, sigma: Floats | None, step_s: float) -> Complex:
    """Return the next output of each smoother, (F, 68), step_s after the last.

    Arrays with the same operations are stacked: at this size the overhead of NumPy calls dominates.
    """
    options = smoothers[0].options
    state = np.array([s.state for s in smoothers])
    similarity = Similarity(exact, sigma)
    # (F, 2, 68): the steps from the last output, as in the paper (at rest this accumulates over frames), and from the
    # last measurement; the latter less its linear extrapolation, for the noise.
    steps = exact[:, None] - state[:, _OUTPUTS]
    measured_step = steps[:, 1].copy()
    steps[:, 1] -= state[:, _LAST_STEP] * np.array([[s.step_ratio(step_s)] for s in smoothers])
    common = similarity(steps)
    own = steps - common
    noise = _noise(smoothers, np.abs(own[:, 1]), step_s)
    common[:, 1] = own[:, 0]  # both of the steps from the last output
    above = _above_noise(options, state, common, noise, step_s)
    # In face sizes per second.
    speed = above / (step_s * similarity.size)
    alpha = smoothing_factor(options.min_cutoff_hz + options.beta * speed, step_s)
    # In this order, not as value + alpha * difference, so that alpha = 1 returns the raw points exactly.
    value = alpha * exact + (1.0 - alpha) * state[:, _VALUE]
    state[:, _VALUE], state[:, _LAST], state[:, _LAST_STEP] = value, exact, measured_step
    shares = (np.add.reduce(alpha, axis=-1) / N_POINTS).tolist()
    for i, smoother in enumerate(smoothers):
        smoother.state, smoother.noise_px, smoother.share = state[i], noise[i], shares[i]
        smoother.last_step_s = step_s
        smoother.steps += 1
    return value


def _noise(smoothers: list[FaceSmoother], residual: Array, step_s: float) -> Array:
    """Return the updated noise, (F, 68) px, as `FaceSmoother.noise_px`.

    residual: (F, 68) px, distance of each point from the linear extrapolation of its last two positions.
    """
    middle = N_POINTS // 2
    # The two middle values: their mean is the median, so 1.5 times their sum is three medians.
    middles = np.partition(residual, (middle - 1, middle), axis=-1)[:, middle - 1 : middle + 1]
    deviation = np.minimum(residual, 1.5 * np.add.reduce(middles, axis=-1, keepdims=True))
    new, old = np.array([s.noise_shares(step_s) for s in smoothers]).T[..., None]
    return np.asarray(new * deviation + old * np.array([s.noise_px for s in smoothers]))


def _above_noise(options: OneEuroOptions, state: Complex, steps: Complex, noise: Array, step_s: float) -> Array:
    """Update the filtered velocities in `state` and return each point's motion above the noise, (F, 68) px per step.

    steps: (F, 2, 68) px, steps of the common motion and of each point's own motion.
    noise: (F, 68) px.
    """
    slow, fast = smoothing_factor(options.d_cutoff_hz, step_s), smoothing_factor(FAST_D_CUTOFF_HZ, step_s)
    # A first-order low-pass leaves alpha / (2 - alpha) of the variance of white noise.
    slow_left, fast_left = (NOISE_LEVEL * math.sqrt(alpha / (2.0 - alpha)) for alpha in (slow, fast))
    alpha = slow + (fast - slow) * _OWN_FAST
    # Filtered as velocities, so that time steps may differ.
    motion = state[:, _MOTION]
    motion += alpha * (steps / step_s - motion)
    length = np.abs(motion)
    length *= step_s
    length[:, 0] -= (COMMON_NOISE * slow_left / N_POINTS) * np.add.reduce(noise, axis=-1, keepdims=True)
    length[:, 1] -= (slow_left + (fast_left - slow_left) * _FAST) * noise
    return np.asarray(np.add.reduce(np.maximum(length, 0.0), axis=1))


class Similarity:
    """Weighted least-squares fit of a similarity motion (translation, rotation, scaling) to each face's velocities.

    In complex numbers v = shift + turn * position.

    points: (F, 68).
    sigma: (F, 68) or None, as in `FaceSmoother`.
    size: (F, 1) px, root mean square distance of the points from their weighted mean.
    """

    def __init__(self, points: Complex, sigma: Floats | None) -> None:
        weight = _weights(sigma, len(points))
        position = points - np.add.reduce(weight * points, axis=-1, keepdims=True)
        square = position.real**2 + position.imag**2
        self.size = np.sqrt(np.maximum(np.add.reduce(square, axis=-1, keepdims=True) / N_POINTS, 1e-12))
        # Of two motions that are orthogonal under the weights, a shift and a turn: (F, 2, 68), and their duals.
        self._motions = motions = np.empty((len(points), 2, N_POINTS), np.complex128)
        motions[:, 0], motions[:, 1] = 1.0, position
        self._duals = duals = weight[:, None] * motions.conj()
        duals[:, 1] /= np.maximum(np.add.reduce(weight * square, axis=-1, keepdims=True), 1e-12)

    def __call__(self, velocity: Complex) -> Complex:
        """Return the common motion at each point, (F, N, 68), that fits the points' velocities (F, N, 68)."""
        return np.asarray(velocity @ self._duals.swapaxes(1, 2) @ self._motions)


def _weights(sigma: Floats | None, faces: int) -> Array:
    """Return inverse-variance weights, (F, 68), of sum 1 per face."""
    if sigma is None:
        return np.full((faces, N_POINTS), 1.0 / N_POINTS)
    exact = sigma.astype(np.float64)
    if not 0.0 < np.min(exact) <= np.max(exact) < math.inf:  # also where one is NaN
        usable = (np.isfinite(exact) & (exact > 0.0)).all(axis=-1, keepdims=True)
        exact = np.where(usable, exact, 1.0)
    weight = exact**-2.0
    weight /= np.add.reduce(weight, axis=-1, keepdims=True)
    return weight


_VALUE, _LAST, _LAST_STEP = 0, 1, 2
_OUTPUTS, _MOTION = slice(0, 2), slice(3, 5)
"""Rows of `FaceSmoother.state`."""


def _complex(points: Floats) -> Complex:
    """Convert (..., 2) to complex numbers (...,) x + iy."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128)[..., 0]


def _real(points: Complex) -> Array:
    """Convert complex numbers (...,) x + iy to (..., 2)."""
    return np.ascontiguousarray(points)[..., None].view(np.float64)


_RAYLEIGH_MEAN = math.sqrt(math.pi / 2.0)
"""Mean length of a 2-D Gaussian vector with a standard deviation of 1 per coordinate."""
