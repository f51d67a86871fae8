"""Detection interval, worked out by hand: a twentieth of the time, between five times and once a second."""

import pytest

from facetrack.loops.pacing import SearchPacer


def test_the_interval_is_twenty_times_the_mean_cost():
    """10 ms -> .2 s; then .2 * 20 + .8 * 10 = 12 ms -> .24 s; then .2 * 5 + .8 * 12 = 10.6 ms -> .212 s."""
    pacer = SearchPacer()
    for cost_s, interval_s in [(0.010, 0.2), (0.020, 0.24), (0.005, 0.212)]:
        pacer.add_duration(cost_s)
        assert pacer.interval_s == pytest.approx(interval_s)


@pytest.mark.parametrize(("cost_s", "interval_s"), [(0.0, 0.2), (0.002, 0.2), (0.009, 0.2), (0.05, 1.0), (3.0, 1.0)])
def test_it_has_bounds(cost_s, interval_s):
    pacer = SearchPacer()
    pacer.add_duration(cost_s)
    assert pacer.interval_s == pytest.approx(interval_s)


def test_before_the_first_search_and_after_a_reset_it_is_the_shortest():
    pacer = SearchPacer()
    assert pacer.interval_s == 0.2
    pacer.add_duration(0.03)
    pacer.reset()
    assert pacer.interval_s == 0.2
    pacer.add_duration(0.02)
    assert pacer.interval_s == pytest.approx(0.4), "the reset discards earlier durations"


def test_a_change_counts_by_half_after_three_searches():
    """1 - .8^3 = .488: from 10 ms to 30 ms, 19.76 ms."""
    pacer = SearchPacer()
    for cost_s in (0.01, 0.03, 0.03, 0.03):
        pacer.add_duration(cost_s)
    assert pacer.interval_s == pytest.approx(0.01976 * 20)
