"""Smoothing of landmarks: One-Euro against its paper's equations, jitter and lag on synthetic trajectories.

Also the noise estimate against noise of known strength.
"""

import math

import numpy as np
import pytest

from facetrack import topology
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, Similarity, smooth_together
from facetrack.smoothing.one_euro import OneEuro, OneEuroOptions

FPS = 30.0
# An eye's six points in order: corner, two of the upper lid, corner, two of the lower.
LID_PAIRS = [(eye[a], eye[b]) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE) for a, b in ((1, 5), (2, 4))]
LIDS = [index for pair in LID_PAIRS for index in pair]


class PaperOneEuro:
    """Algorithm 1 of Casiez, Roussel and Vogel (CHI 2012) for one scalar, in plain floats."""

    def __init__(self, min_cutoff, beta, d_cutoff):
        self.min_cutoff, self.beta, self.d_cutoff = min_cutoff, beta, d_cutoff
        self.x_hat = self.dx_hat = self.time = None

    def __call__(self, x, time):
        def alpha(cutoff, rate):
            tau = 1.0 / (2 * math.pi * cutoff)
            te = 1.0 / rate
            return 1.0 / (1.0 + tau / te)

        if self.time is None:
            self.time, self.x_hat, self.dx_hat = time, x, 0.0
            return x
        rate = 1.0 / (time - self.time)
        dx = (x - self.x_hat) * rate
        a = alpha(self.d_cutoff, rate)
        self.dx_hat = a * dx + (1 - a) * self.dx_hat
        a = alpha(self.min_cutoff + self.beta * abs(self.dx_hat), rate)
        self.x_hat = a * x + (1 - a) * self.x_hat
        self.time = time
        return self.x_hat


def face():
    """Return a simple frontal face of 68 points, outer eye corners 100 px apart; only its rough shape matters."""
    points = np.zeros((68, 2))
    angle = np.linspace(np.pi, 0, 17)
    points[list(topology.JAW)] = np.column_stack([80 * np.cos(angle), 110 * np.sin(angle)])
    points[list(topology.RIGHT_BROW + topology.LEFT_BROW)] = np.column_stack([np.linspace(-60, 60, 10), [-22.0] * 10])
    points[list(topology.NOSE_BRIDGE)] = [(0, 0), (0, 12), (0, 24), (0, 35)]
    points[list(topology.NOSE_BASE)] = [(-15, 42), (-7, 44), (0, 46), (7, 44), (15, 42)]
    eye = np.array([(-16, 0), (-6, -5), (6, -5), (16, 0), (6, 5), (-6, 5)], float)
    points[list(topology.RIGHT_EYE)], points[list(topology.LEFT_EYE)] = (
        eye - np.array([34.0, 0.0]),
        eye + np.array([34.0, 0.0]),
    )
    for lips, width, height in ((topology.OUTER_LIPS, 30, 10), (topology.INNER_LIPS, 22, 4)):
        angle = np.linspace(np.pi, -np.pi, len(lips), endpoint=False)
        points[list(lips)] = np.column_stack([width * np.cos(angle), 70 - height * np.sin(angle)])
    return points + np.array([320.0, 240.0])


def blinking(times, start, length=0.15):
    """Return faces (T, 68, 2) whose lids close and reopen as a raised cosine."""
    phase = (np.asarray(times) - start) / length
    depth = np.where((phase > 0) & (phase < 1), 0.5 - 0.5 * np.cos(2 * np.pi * phase), 0.0)
    points = np.repeat(face()[None], len(depth), axis=0)
    for upper, lower in LID_PAIRS:
        points[:, upper] += 0.9 * depth[:, None] * (points[:, lower] - points[:, upper])
    return points


def eye_gap(points):
    return np.linalg.norm(points[:, LID_PAIRS[0][0]] - points[:, LID_PAIRS[0][1]], axis=-1)


def smoothed(points, times, options):
    smoother = FaceSmoother(options)
    return np.stack([smoother(p.astype(np.float32), None, t) for p, t in zip(points, times, strict=True)])


@pytest.mark.parametrize("options", [OneEuroOptions(), OneEuroOptions(0.3, 0.0, 2.0), OneEuroOptions(1.0, 50.0, 0.5)])
def test_scalars_follow_the_paper_at_uneven_steps(options):
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.005, 0.08, 200)) - 1.0  # from negative to positive times
    values = np.cumsum(rng.normal(0, 0.3, (200, 5)), axis=0)
    ours = OneEuro(options)
    oracle = [PaperOneEuro(options.min_cutoff_hz, options.beta, options.d_cutoff_hz) for _ in range(5)]
    for row, time in zip(values, times, strict=True):
        expected = [paper(float(x), float(time)) for paper, x in zip(oracle, row, strict=True)]
        np.testing.assert_allclose(ours(row, float(time)), expected, rtol=1e-9)


def test_scale_divides_speed():
    ours, paper = OneEuro(OneEuroOptions(1.5, 4.0, 1.0)), PaperOneEuro(1.5, 4.0 / 20.0, 1.0)
    rng = np.random.default_rng(2)
    for index in range(60):
        value = rng.normal(0, 10, 1)
        expected = paper(float(value[0]), index / FPS)
        np.testing.assert_allclose(ours(value, index / FPS, scale=20.0), [expected], rtol=1e-9)


def test_points_do_not_depend_on_the_direction_of_the_axes():
    rotation = complex(math.cos(0.7), math.sin(0.7))
    original, rotated = OneEuro(OneEuroOptions()), OneEuro(OneEuroOptions())
    rng = np.random.default_rng(3)
    for index in range(40):
        points = rng.normal(0, 5, 4) + 1j * rng.normal(0, 5, 4)
        a, b = original(points, index / FPS), rotated(points * rotation, index / FPS)
        np.testing.assert_allclose(a * rotation, b, atol=1e-9)


def test_constant_input_is_a_fixed_point():
    points = face().astype(np.float32)
    smoother = FaceSmoother(SMOOTHING["high"])
    for index in range(30):
        np.testing.assert_allclose(smoother(points, None, index / FPS), points, atol=1e-4)


def test_off_passes_through_unchanged():
    points = np.random.default_rng(4).normal(300, 40, (20, 68, 2)).astype(np.float32)
    np.testing.assert_array_equal(smoothed(points, np.arange(20) / FPS, SMOOTHING["off"]), points)


@pytest.mark.parametrize("start_s", [0.0, 7.5])
def test_reset_equals_fresh(start_s):
    points = np.random.default_rng(5).normal(300, 5, (30, 68, 2)).astype(np.float32)
    used, fresh = FaceSmoother(), FaceSmoother()
    for index in range(15):
        used(points[index], None, 100.0 + index / FPS)
    used.reset()
    for index in range(15, 30):
        time_s = start_s + (index - 15) / FPS  # 0.0 is a valid time, and times may restart after a reset
        np.testing.assert_array_equal(used(points[index], None, time_s), fresh(points[index], None, time_s))


@pytest.mark.parametrize("time_s", [0.0, -0.1, math.nan])
def test_time_must_increase(time_s):
    smoother = FaceSmoother()
    smoother(face(), None, 0.0)
    with pytest.raises(ValueError, match="must increase"):
        smoother(face(), None, time_s)


@pytest.mark.parametrize("options", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 0.0)])
def test_invalid_options_are_refused(options):
    with pytest.raises(ValueError, match="cutoffs must be above 0"):
        OneEuroOptions(*options)


def test_results_are_not_views_of_the_state():
    one_euro = OneEuro(OneEuroOptions())
    first = np.array([1.0])
    one_euro(first, 0.0)[0] = 99.0
    one_euro(np.array([1.0]), 0.1)[0] = 99.0
    assert one_euro(np.array([1.0]), 0.2)[0] == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["low", "medium", "high"])
def test_lag_at_rest_is_the_stated_one(name):
    """A slow ramp lags by the time constant, and a step response reaches 1 - 1/e after it (both with beta 0)."""
    options = OneEuroOptions(SMOOTHING[name].min_cutoff_hz, 0.0)
    delay_s = 1.0 / (2 * math.pi * SMOOTHING[name].min_cutoff_hz)
    assert SMOOTHING[name].delay_at_rest_s == pytest.approx(delay_s)
    ramp, step, rate = OneEuro(options), OneEuro(options), 1000.0
    reached_s = None
    step(np.array([0.0]), -1 / rate)
    for index in range(3000):
        time_s = index / rate
        lag_s = time_s - ramp(np.array([time_s]), time_s)[0]
        if step(np.array([1.0]), time_s)[0] >= 1 - math.exp(-1) and reached_s is None:
            reached_s = time_s
    assert lag_s == pytest.approx(delay_s, rel=0.01)
    assert reached_s == pytest.approx(delay_s, abs=0.002)


@pytest.mark.parametrize(("name", "limit_ms"), [("off", 0.01), ("low", 2.0), ("medium", 3.0), ("high", 5.0)])
def test_lag_in_motion(name, limit_ms):
    """A face moves across the frame at one eye distance (100 px) per second."""
    times = np.arange(90) / FPS
    speed_px_s = 100.0
    moving = face()[None] + np.column_stack([speed_px_s * times, np.zeros(90)])[:, None]
    lag_ms = (moving - smoothed(moving, times, SMOOTHING[name]))[60:, :, 0].mean() / speed_px_s * 1e3
    print(f"{name}: lag {lag_ms:.1f} ms at one eye distance per second")
    assert lag_ms < limit_ms


@pytest.mark.parametrize(("name", "limit_ms"), [("low", 6.0), ("medium", 10.0), ("high", 16.0)])
def test_lag_of_a_head_that_turns_about_its_centre(name, limit_ms):
    """30 degrees/s, orthographic projection, axis at the points' mean depth: no common motion, opposite own motions.

    The nose moves at .27 eye distances per second, the chin at .12, for which twice the lag is allowed.
    """
    depth = np.zeros(68)
    depth[list(topology.NOSE_BRIDGE)], depth[list(topology.JAW)] = 45.0, -30.0  # px: 100 between the eye corners
    depth -= depth.mean()
    times = np.arange(60) / FPS
    angle = np.deg2rad(30.0 * (times - 1.0))[:, None]
    centre = face().mean(axis=0)
    offset_x = face()[:, 0] - centre[0]
    turning = np.repeat(face()[None], 60, axis=0)
    turning[..., 0] = centre[0] + offset_x * np.cos(angle) + depth * np.sin(angle)
    noise = np.random.default_rng(8).normal(0, 0.1, turning.shape)
    result = smoothed(turning + noise, times, SMOOTHING[name])
    for index, limit in ((topology.NOSE_TIP, limit_ms), (topology.CHIN, 2 * limit_ms)):
        speed_px_s = np.gradient(turning[:, index, 0], times)
        lag_ms = np.mean((turning[25:35, index, 0] - result[25:35, index, 0]) / speed_px_s[25:35]) * 1e3
        print(f"{name}: point {index} lags by {lag_ms:.1f} ms")
        assert lag_ms < limit


@pytest.mark.parametrize("noise_px", [0.03, 0.3, 1.0])
@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("name", ["low", "medium", "high"])
def test_a_still_face_rests_at_the_lowest_cutoff_whatever_the_noise(name, fps, noise_px):
    """A first-order low-pass leaves alpha / sqrt(2 - alpha) of white noise's frame-to-frame change.

    alpha = 1 / (1 + fps / (2 pi fc)). A tolerance of .03 allows for noise that exceeds the dead band.
    """
    noise = np.random.default_rng(6).normal(0, noise_px, (400, 68, 2))
    result = smoothed(face() + noise, np.arange(400) / fps, SMOOTHING[name])[100:]
    remaining = np.diff(result, axis=0).std() / np.diff(noise, axis=0).std()
    alpha = 1 / (1 + fps / (2 * math.pi * SMOOTHING[name].min_cutoff_hz))
    print(f"{name}: remaining jitter {remaining:.3f}; of the low-pass alone: {alpha / math.sqrt(2 - alpha):.3f}")
    assert remaining == pytest.approx(alpha / math.sqrt(2 - alpha), abs=0.03)


@pytest.mark.parametrize(("name", "kept"), [("low", 0.93), ("medium", 0.88), ("high", 0.8)])
def test_a_blink_of_150_ms_keeps_its_depth(name, kept):
    """At any phase relative to the frames; depth relative to the unfiltered frames', with a real network's noise."""
    times = np.arange(90) / FPS
    noise = np.random.default_rng(7).normal(0, 0.1, (90, 68, 2))
    depths = []
    for phase in np.linspace(0, 1 / FPS, 7):
        points = blinking(times, 2.0 + phase)
        gap = eye_gap(smoothed(points + noise, times, SMOOTHING[name]))
        depths.append((np.median(gap[30:60]) - gap.min()) / np.ptp(eye_gap(points)))
    print(f"{name}: a 150 ms blink keeps {min(depths):.2f}-{max(depths):.2f} of its depth")
    assert min(depths) >= kept


def test_a_blink_moves_nothing_but_the_lids():
    times = np.arange(60) / FPS
    result = smoothed(blinking(times, 1.0), times, SMOOTHING["medium"])
    rest = [i for i in range(68) if i not in LIDS]
    np.testing.assert_allclose(result[:, rest], np.repeat(face()[None, rest], 60, axis=0), atol=1e-3)


@pytest.mark.parametrize("name", ["low", "medium", "high"])
def test_a_face_that_stops_is_not_overshot(name):
    """One eye distance in a second, then rest: no output passes the noise-free end, or moves backward."""
    times = np.arange(90) / FPS
    path = 100.0 * np.clip(times, 0, 1)
    result = smoothed(face()[None] + np.stack([path, 0 * path], axis=1)[:, None], times, SMOOTHING[name])
    shift = result[:, :, 0] - face()[:, 0]
    assert shift.max() <= 100.0 + 1e-3
    assert np.diff(shift, axis=0).min() > -1e-3
    np.testing.assert_allclose(shift[-1], 100.0, atol=0.1)


def test_a_slow_face_does_not_stick_and_slip():
    """5 % of the eye distance per second with noise of .1 %: the mean of the face moves evenly.

    No step is more than three times the mean step, or far backward.
    """
    times = np.arange(240) / FPS
    noise = np.random.default_rng(9).normal(0, 0.1, (240, 68, 2))
    path = np.column_stack([5.0 * times, 0 * times])
    result = smoothed(face()[None] + path[:, None] + noise, times, SMOOTHING["medium"])[60:]
    steps = np.diff(result[:, :, 0].mean(axis=1)) / (5.0 / FPS)
    assert steps.min() > -0.5
    assert steps.max() < 3.0
    assert steps.mean() == pytest.approx(1.0, abs=0.05)


def test_shape_of_a_moving_face_does_not_wobble():
    """The shape of a face in pure translation changes by at most a hundredth of the amplitude."""
    times = np.arange(90) / FPS
    path = 30 * np.sin(2 * np.pi * times)[:, None] * [1.0, 0.4]
    result = smoothed(face()[None] + path[:, None], times, SMOOTHING["medium"])
    offset = result - face()
    assert np.abs(offset - offset.mean(axis=1, keepdims=True)).max() < 0.3


def test_uncertain_points_have_little_weight_in_the_common_motion():
    """A moving hand displaces the jaw's points: with a large sigma they do not raise the cutoff of the eyes."""
    times = np.arange(90) / FPS
    noise = np.random.default_rng(10).normal(0, 0.3, (90, 68, 2))
    points = face() + noise
    points[30:, list(topology.JAW), 0] += (100 * (times[30:] - 1.0))[:, None]
    sigma = np.ones(68, np.float32)
    sigma[list(topology.JAW)] = 20.0

    def jitter(sigma):
        smoother = FaceSmoother(SMOOTHING["medium"])
        eyes = [smoother(p.astype(np.float32), sigma, t)[36:48] for p, t in zip(points, times, strict=True)]
        return np.diff(eyes, axis=0)[40:].std()

    assert jitter(sigma) < 0.5 * jitter(None)
    assert jitter(np.full(68, np.nan, np.float32)) == jitter(None)


def test_similarity_is_the_weighted_least_squares_fit():
    """Oracle: numpy's solver on vx = a + s x - w y, vy = b + w x + s y, each row divided by its sigma."""
    rng = np.random.default_rng(11)
    points, velocity = rng.normal(0, 40, (68, 2)), rng.normal(0, 3, (68, 2))
    sigma = rng.uniform(0.5, 5.0, 68).astype(np.float32)
    (x, y), ones, zeros = points.T, np.ones(68), np.zeros(68)
    rows = np.concatenate([np.stack([ones, zeros, x, -y], axis=1), np.stack([zeros, ones, y, x], axis=1)])
    weight = 1 / np.tile(sigma, 2)
    solved = np.linalg.lstsq(rows * weight[:, None], velocity.T.ravel() * weight, rcond=None)[0]
    ((ours,),) = Similarity((points @ [1, 1j])[None], sigma[None])((velocity @ [1, 1j])[None, None])
    np.testing.assert_allclose([ours.real, ours.imag], (rows @ solved).reshape(2, 68), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("motion", ["still", "moving", "blinking"])
def test_the_noise_is_estimated_in_any_motion(motion):
    """Uneven time steps; the jaw is three times as noisy as the rest; translation and scaling; a blink every .5 s."""
    rng = np.random.default_rng(12)
    times = np.cumsum(rng.uniform(0.02, 0.045, 150))
    sigma = np.full(68, 0.2)
    sigma[list(topology.JAW)] = 0.6
    points = np.repeat(face()[None], 150, axis=0)
    if motion == "moving":
        centre = points[0].mean(axis=0)
        scale = 1 + 0.1 * np.sin(2 * times)[:, None, None]
        points = centre + scale * (points - centre) + 60 * np.sin(3 * times)[:, None, None]
    if motion == "blinking":
        points = blinking(times % 0.5, 0.2)
    points = points + sigma[:, None] * rng.normal(0, 1, points.shape)
    smoother, noise_px = FaceSmoother(), []
    for p, time_s in zip(points, times, strict=True):
        smoother(p.astype(np.float32), None, float(time_s))
        noise_px.append(smoother.noise_px)
    estimate = np.mean(noise_px[60:], axis=0)
    jaw, lids, nose = estimate[list(topology.JAW)], estimate[LIDS], estimate[list(topology.NOSE_BRIDGE)]
    print(f"{motion}: jaw {jaw.mean():.2f} of .6, lids {lids.mean():.2f} of .2, nose {nose.mean():.2f} of .2")
    assert jaw.mean() == pytest.approx(0.6, rel=0.25)
    assert nose.mean() == pytest.approx(0.2, rel=0.25)
    assert lids.mean() < (0.45 if motion == "blinking" else 0.25)


def test_faces_smoothed_together_are_smoothed_as_if_alone():
    """Three faces, one of which appears later and one with a NaN sigma, against three separate smoothers."""
    rng = np.random.default_rng(13)
    points = (face() + rng.normal(0, 0.5, (40, 3, 68, 2)).cumsum(axis=0)).astype(np.float32)
    sigma = rng.uniform(0.5, 3.0, (3, 68)).astype(np.float32)
    sigma[1, 5] = np.nan
    together, alone = [FaceSmoother() for _ in range(3)], [FaceSmoother() for _ in range(3)]
    for index in range(40):
        present, time_s = [0, 1, 2] if index >= 15 else [0, 1], index / FPS
        actual = smooth_together([together[i] for i in present], points[index, present], sigma[present], time_s)
        expected = [alone[i](points[index, i], sigma[i], time_s) for i in present]
        np.testing.assert_allclose(actual, expected, atol=1e-4)
