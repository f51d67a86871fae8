"""Lids that move or rest, at any frame rate."""

import numpy as np
import pytest

from facetrack.signals.eyes.lid_motion import LidMotion


def moving(times, openness):
    lids = LidMotion()
    return [lids.update(t, (value, None)) for t, value in zip(times, openness, strict=True)]


@pytest.mark.parametrize("fps", [10, 15, 30, 120])
def test_a_blinks_fall_and_rise_move_and_open_lids_rest(fps):
    times = np.arange(0, 3, 1 / fps)
    openness = np.interp(times, [1.0, 1.1, 1.2, 1.4], [1.0, 0.0, 0.0, 1.0])
    found = np.array(moving(times, openness))
    assert not found[(times < 1.0) | (times > 1.5 + 1e-6)].any()
    on_their_way = ((times > 1.02) & (times < 1.1)) | ((times > 1.22) & (times < 1.37))
    assert found[on_their_way].all()
    assert not found[times >= 1.4].any()


def test_lids_that_open_half_way_rest_a_tenth_of_a_second_later():
    times = np.arange(0, 2, 1 / 60)
    found = np.array(moving(times, np.interp(times, [1.0, 1.1], [0.0, 0.6])))
    assert found[(times > 1.02) & (times < 1.18)].all()
    assert not found[times > 1.2].any()


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_noise_and_a_slow_look_down_are_no_motion(fps):
    times, rng = np.arange(0, 4, 1 / fps), np.random.default_rng(3)
    slow = np.interp(times, [1.0, 2.3], [0.9, 0.4]) + rng.uniform(-0.02, 0.02, len(times))
    assert not any(moving(times, slow))


def test_lids_that_are_not_seen_do_not_move():
    assert not any(moving([0.0, 0.03, 0.06, 0.5], [0.9, None, None, 0.2]))
    lids = LidMotion()
    lids.update(0.0, (1.0, 1.0))
    assert lids.update(0.03, (1.0, 0.6))
    lids.reset()
    assert not lids.update(0.06, (1.0, 0.2))
