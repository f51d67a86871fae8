"""Known time, fading quantiles and turning points against series whose answers are worked out by hand or by NumPy."""

import math

import numpy as np
import pytest

from facetrack.signals.windows.fading_quantile import FadingQuantile
from facetrack.signals.windows.observed_time import GapTimer, TimeWeightedWindow
from facetrack.signals.windows.reversals import Reversals


def test_steps_know_gaps():
    timer = GapTimer()
    assert [timer.step(t) for t in (1.0, 1.25, 1.55, 1.65)] == [None, 0.25, None, pytest.approx(0.1)]
    timer.reset()
    assert timer.step(1.7) is None


def test_share_window_counts_parts_of_spans():
    window = TimeWeightedWindow(10.0)
    window.add(0.0, 4.0, True)
    window.add(4.0, 6.0, False)
    window.add(8.0, 11.0, True)  # 6 to 8 is unknown
    window.advance(11.0)  # what lies before 1 is out: 3 + 3 of the kind, 2 not
    assert (window.true_s, window.known_s, window.first_s) == (pytest.approx(6), pytest.approx(8), 1.0)
    window.advance(15.0)  # from 5 on
    assert (window.true_s, window.known_s, window.first_s) == (pytest.approx(3), pytest.approx(4), 8.0)
    window.advance(30.0)
    assert (window.true_s, window.known_s, window.first_s) == (0.0, 0.0, None)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_quantile_is_numpys_while_nothing_fades(share):
    values = np.random.default_rng(1).beta(2, 5, 4000)
    quantile = FadingQuantile(0.0, 1.0, 200, memory_s=1e9)
    for value in values:
        quantile.add(value, 1 / 30)
    assert quantile.value(share) == pytest.approx(np.quantile(values, share), abs=0.005)


def test_quantile_counts_time_not_frames_and_ignores_outliers():
    quantile = FadingQuantile(0.0, 1.0, 100, memory_s=1e9)
    assert quantile.value(0.5) is None
    for _ in range(100):
        quantile.add(0.9, 0.01)  # many short frames: 1 s
    for _ in range(4):
        quantile.add(0.2, 0.5)  # few long ones: 2 s
    quantile.add(77.0, 0.1)
    assert quantile.value(0.5) == pytest.approx(0.2, abs=0.01)


def test_quantile_forgets():
    # After a seconds of .2 and b of .8 the older weigh 1 - exp(-a / m) times exp(-b / m), the newer 1 - exp(-b / m):
    # with a = b = m ln 2 they weigh 1/4 and 1/2, so that the border between them lies at a share of 1/3.
    quantile = FadingQuantile(0.0, 1.0, 10, memory_s=10.0)
    for value in (0.25, 0.85):
        for _ in range(1000):
            quantile.add(value, 10 * math.log(2) / 1000)
    assert quantile.value(0.32) == pytest.approx(0.25, abs=0.05)
    assert quantile.value(0.35) == pytest.approx(0.85, abs=0.05)
    for _ in range(100_000):  # newcomers' growing weights are scaled back in time
        quantile.add(0.45, 0.1)
    assert quantile.value(0.01) == pytest.approx(0.45, abs=0.06)


@pytest.mark.parametrize("fps", [15, 30, 60, 120])
def test_turning_points_of_a_sine(fps):
    reversals = Reversals(1.0, still_s=1.0)
    times = np.arange(0, 3, 1 / fps)
    swings = [s for t in times if (s := reversals.update(t, 2 * math.sin(2 * math.pi * t)))]  # 1 Hz, from 0
    # Up to .25, down to .75, up to 1.25, and so on.
    ends = [swing.end.time_s for swing in swings]
    assert ends[:5] == pytest.approx([0.25, 0.75, 1.25, 1.75, 2.25], abs=0.5 / fps + 1e-6)
    assert [swing.change for swing in swings[1:5]] == pytest.approx([-4, 4, -4, 4], abs=0.4)


def test_slow_drift_and_noise_never_turn():
    reversals = Reversals(1.0, still_s=0.5)
    noise = np.random.default_rng(2).uniform(-0.3, 0.3, 3000)
    for i, n in enumerate(noise):
        t = i / 30
        assert reversals.update(t, 0.3 * t + n) is None


def test_reset_reversals():
    reversals = Reversals(1.0, still_s=1.0)
    for t, v in ((0, 0), (0.1, 2), (0.2, 0)):
        reversals.update(t, v)
    assert reversals.under_way is not None
    reversals.reset()
    assert reversals.under_way is None
    assert reversals.update(0.3, 2) is None
