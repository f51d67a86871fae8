"""One-Euro against its paper's equations, one scalar at a time; and a face's jitter, lag and blinks under it."""

import math

import numpy as np
import pytest

from facetrack import topology
from facetrack.smoothing import FAST_GAIN, SMOOTHING, FaceSmoother, OneEuro, OneEuroOptions

FPS = 30.0
# An eye's six points in order: corner, two of the upper lid, corner, two of the lower.
LID_PAIRS = [(eye[a], eye[b]) for eye in (topology.RIGHT_EYE, topology.LEFT_EYE) for a, b in ((1, 5), (2, 4))]
LIDS = [index for pair in LID_PAIRS for index in pair]


class PaperOneEuro:
    """Algorithm 1 of Casiez, Roussel and Vogel (CHI 2012), one scalar, nothing but floats."""

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
    """A plain frontal face of the 68-point kind, eyes 100 px apart: only its rough shape matters here."""
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
        turn = np.linspace(np.pi, -np.pi, len(lips), endpoint=False)
        points[list(lips)] = np.column_stack([width * np.cos(turn), 70 - height * np.sin(turn)])
    return points + np.array([320.0, 240.0])


def blinking(times, start, length=0.15):
    """Faces (T, 68, 2) with a raised-cosine dip of the lids, and how open the eyes are (T,)."""
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
    times = np.cumsum(rng.uniform(0.005, 0.08, 200)) - 1.0  # begins below zero, and passes it
    values = np.cumsum(rng.normal(0, 0.3, (200, 5)), axis=0)
    ours = OneEuro(options)
    oracle = [PaperOneEuro(options.min_cutoff_hz, options.beta, options.d_cutoff_hz) for _ in range(5)]
    for row, time in zip(values, times, strict=True):
        expected = [paper(float(x), float(time)) for paper, x in zip(oracle, row, strict=True)]
        np.testing.assert_allclose(ours(row, float(time)), expected, rtol=1e-9)


def test_scale_divides_speed_and_gain_multiplies_the_cutoff():
    options = OneEuroOptions(1.5, 4.0, 1.0)
    ours = OneEuro(options, gain=np.array([1.0, 3.0]))
    papers = [PaperOneEuro(1.5, 4.0 / 20.0, 1.0), PaperOneEuro(4.5, 4.0 / 20.0, 1.0)]
    rng = np.random.default_rng(2)
    for index in range(60):
        values = rng.normal(0, 10, 2)
        expected = [paper(float(x), index / FPS) for paper, x in zip(papers, values, strict=True)]
        np.testing.assert_allclose(ours(values, index / FPS, scale=20.0), expected, rtol=1e-9)


def test_points_do_not_depend_on_the_direction_of_the_axes():
    c, s = math.cos(0.7), math.sin(0.7)
    turn = np.array([[c, -s], [s, c]])
    straight, turned = OneEuro(OneEuroOptions()), OneEuro(OneEuroOptions())
    rng = np.random.default_rng(3)
    for index in range(40):
        points = rng.normal(0, 5, (4, 2))
        a, b = straight(points, index / FPS), turned(points @ turn.T, index / FPS)
        np.testing.assert_allclose(a @ turn.T, b, atol=1e-9)


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
        time_s = start_s + (index - 15) / FPS  # time 0.0 is a time like any other, and may lie before the reset
        np.testing.assert_array_equal(used(points[index], None, time_s), fresh(points[index], None, time_s))


@pytest.mark.parametrize("time_s", [0.0, -0.1, math.nan])
def test_time_must_increase(time_s):
    smoother = FaceSmoother()
    smoother(face(), None, 0.0)
    with pytest.raises(ValueError, match="must increase"):
        smoother(face(), None, time_s)


@pytest.mark.parametrize("options", [(0.0, 1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 0.0)])
def test_senseless_options_are_refused(options):
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
    """A slow ramp with beta 0 trails by the time constant; and a step has come to 1 - 1/e after it."""
    options = OneEuroOptions(SMOOTHING[name].min_cutoff_hz, 0.0)
    delay_s = 1.0 / (2 * math.pi * SMOOTHING[name].min_cutoff_hz)
    assert SMOOTHING[name].delay_at_rest_s == pytest.approx(delay_s)
    ramp, step, rate = OneEuro(options), OneEuro(options), 1000.0
    reached_s = None
    step(np.array([0.0]), -1 / rate)
    for index in range(3000):
        time_s = index / rate
        trailing_s = time_s - ramp(np.array([time_s]), time_s)[0]
        if step(np.array([1.0]), time_s)[0] >= 1 - math.exp(-1) and reached_s is None:
            reached_s = time_s
    assert trailing_s == pytest.approx(delay_s, rel=0.01)
    assert reached_s == pytest.approx(delay_s, abs=0.002)


@pytest.mark.parametrize(("name", "limit_ms"), [("off", 0.01), ("low", 5.0), ("medium", 8.0), ("high", 14.0)])
def test_lag_in_motion(name, limit_ms):
    """A face crossing the picture at one eye distance (100 px) per second."""
    times = np.arange(90) / FPS
    speed_px_s = 100.0
    moving = face()[None] + np.column_stack([speed_px_s * times, np.zeros(90)])[:, None]
    late = (moving - smoothed(moving, times, SMOOTHING[name]))[60:, :, 0].mean() / speed_px_s * 1e3
    print(f"{name}: lag {late:.1f} ms at one eye distance per second")
    assert late < limit_ms


@pytest.mark.parametrize(
    ("name", "rigid_range", "lid_range"),
    [("low", (0.28, 0.4), (0.6, 0.8)), ("medium", (0.15, 0.25), (0.45, 0.65)), ("high", (0.07, 0.15), (0.28, 0.48))],
)
def test_jitter_left_at_rest(name, rigid_range, lid_range):
    """Frame-to-frame change under independent noise of .3 % of the eye distance, as a share of the input's."""
    noise = np.random.default_rng(6).normal(0, 0.3, (300, 68, 2))
    result = smoothed(face() + noise, np.arange(300) / FPS, SMOOTHING[name])[30:]
    left = np.diff(result, axis=0).std(axis=(0, 2)) / np.diff(noise, axis=0).std()
    rigid, lids = left[list(topology.JAW)].mean(), left[LIDS].mean()
    print(f"{name}: jitter left {rigid:.2f} of the jaw, {lids:.2f} of the lids")
    assert rigid_range[0] < rigid < rigid_range[1]
    assert lid_range[0] < lids < lid_range[1]


@pytest.mark.parametrize(("name", "kept"), [("low", 0.85), ("medium", 0.8), ("high", 0.7)])
def test_a_blink_of_150_ms_keeps_its_depth(name, kept):
    """Whatever its phase against the frames; measured against the frames' own deepest."""
    times = np.arange(60) / FPS
    depths = []
    for phase in np.linspace(0, 1 / FPS, 7):
        points = blinking(times, 1.0 + phase)
        seen = eye_gap(smoothed(points, times, SMOOTHING[name]))
        depths.append((seen[0] - seen.min()) / np.ptp(eye_gap(points)))
    print(f"{name}: a 150 ms blink keeps {min(depths):.2f}-{max(depths):.2f} of its depth")
    assert min(depths) >= kept


def test_a_blink_moves_nothing_but_the_lids():
    times = np.arange(60) / FPS
    result = smoothed(blinking(times, 1.0), times, SMOOTHING["medium"])
    rest = [i for i in range(68) if i not in LIDS]
    np.testing.assert_allclose(result[:, rest], np.repeat(face()[None, rest], 60, axis=0), atol=1e-3)


def test_shape_of_a_moving_face_does_not_wobble():
    """Points of one gain share one lag in pure translation: the face keeps its shape to a hundredth of its way."""
    times = np.arange(90) / FPS
    way = 30 * np.sin(2 * np.pi * times)[:, None] * [1.0, 0.4]
    result = smoothed(face()[None] + way[:, None], times, SMOOTHING["medium"])
    rigid = [*topology.JAW, *topology.NOSE_BRIDGE]
    offset = result[:, rigid] - face()[rigid]
    assert np.abs(offset - offset.mean(axis=1, keepdims=True)).max() < 0.3
    assert FAST_GAIN > 1
