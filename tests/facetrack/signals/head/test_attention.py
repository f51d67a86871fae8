"""Glances, attention and distraction on constructed gazes whose answers are worked out by hand."""

import numpy as np
import pytest

from facetrack.signals.head.attention import ZONES, Attention, AttentionOptions
from facetrack.signals.head.gaze import Gaze

RATES = [15, 30, 60, 120]


def gaze(yaw=0.0, pitch=0.0):
    return Gaze(yaw, pitch, "head")


def away_during(*spans, yaw=35.0):
    return lambda t: gaze(yaw if any(start <= t < end for start, end in spans) else 0.0)


def run(times, where, options=None):
    """Return the readings of a gaze, and each event that ended with the time of its report."""
    machine, readings, events = Attention(1, options), [], []
    for t in times:
        reading, ended = machine.update(t, where(t))
        readings.append(reading)
        events += [(event, t) for event in ended if event.is_over]
    return readings, events


def kinds(events, kind):
    return [event for event, _ in events if event.kind == kind]


def frames(duration_s, fps, seed=None):
    if seed is None:
        return np.arange(round(duration_s * fps)) / fps
    return np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, round(duration_s * fps)) / fps)


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize(("seconds", "alarms"), [(2.9, 0), (3.1, 1)])
def test_a_long_glance(fps, seed, seconds, alarms):
    readings, events = run(times := frames(12, fps, seed), away_during((5.0, 5.0 + seconds)))
    (glance,) = kinds(events, "glance_away")
    assert (glance.start_s, glance.end_s) == pytest.approx((5.0, 5.0 + seconds), abs=1.6 / fps)
    assert glance.amplitude == pytest.approx(35)
    if seconds > 3 and fps == 15 and seed is not None:
        return  # its frames may lie further apart than a tenth of a second
    distractions = [(event, t) for event, t in events if event.kind == "distraction"]
    assert len(distractions) == alarms
    for event, line_s in distractions:
        assert event.start_s == glance.start_s
        assert event.since_s == pytest.approx(8.0, abs=3.2 / fps)
        assert event.end_s == glance.end_s
        assert line_s == pytest.approx(event.end_s + 2.0, abs=3.2 / fps)  # it has to be looked back for so long
    # Distracted from the alarm until 2 s on the target: 8.0 to 10.1.
    on = [t for t, reading in zip(times, readings, strict=True) if reading.distracted]
    if alarms:
        assert (on[0], on[-1]) == pytest.approx((8.0, 10.1), abs=3.2 / fps)
    else:
        assert not on


@pytest.mark.parametrize("fps", RATES)
def test_ten_seconds_in_thirty_by_five_glances(fps):
    # Glances of 2.05 s every 5 s, from 5 on: the tenth second is full 10 - 4 * 2.05 = 1.8 s into the fifth, at 26.8.
    spans = [(5.0 * k, 5.0 * k + 2.05) for k in range(1, 6)]
    _, events = run(frames(40, fps), away_during(*spans))
    (event,) = kinds(events, "distraction")
    assert event.start_s == pytest.approx(5.0, abs=1 / fps)
    assert event.since_s == pytest.approx(26.8, abs=6 / fps)
    assert event.end_s == pytest.approx(27.05, abs=1 / fps)
    assert len(kinds(events, "glance_away")) == 5


def test_four_glances_are_no_distraction_nor_are_glances_far_apart():
    assert not kinds(run(frames(40, 30), away_during(*[(5 * k, 5 * k + 2.05) for k in range(1, 5)]))[1], "distraction")
    # Every 8 s 2 s: any 30 s hold at most 4 of them.
    assert not kinds(run(frames(120, 30), away_during(*[(8 * k, 8 * k + 2) for k in range(15)]))[1], "distraction")


def test_a_bout_is_told_once_and_a_new_one_again():
    # 3.5 s away, 1 s back, 4 s away: one bout. After 2 s on the target it is over, and the next one counts.
    _, events = run(frames(40, 30), away_during((5, 8.5), (9.5, 13.5), (20, 24)))
    assert [round(event.start_s, 1) for event in kinds(events, "distraction")] == [5.0, 20.0]


def test_share_of_the_known_part_of_the_last_minute():
    # 90 s: away from 40 to 55; unknown from 60 to 70. At 90 the last minute, 30 to 90, has 50 s known, 35 on target.
    def where(t):
        return None if 60 <= t < 70 else away_during((40.0, 55.0))(t)

    for fps in (15, 60):
        readings, _ = run(frames(90, fps), where)
        assert readings[-1].share == pytest.approx(35 / 50, abs=0.2 / fps)
        assert readings[fps * 2].share is None  # 2 s are too few to tell
        assert readings[fps * 4].share == pytest.approx(1.0)
        unknown = readings[fps * 65]
        assert (unknown.on_target, unknown.distracted) == (None, None)
        assert unknown.share == pytest.approx(40 / 55, abs=0.2 / fps)  # 5 to 65: 55 s known, 15 away


def test_a_glance_into_the_unknown_ends_there():
    def where(t):
        return None if 7 <= t < 8 else away_during((5.0, 10.0))(t)

    _, events = run(frames(15, 30), where)
    # From 5 to 7 it was away, then unknown; what was seen from 8 to 10 is a glance of its own, and none is 3 s long.
    assert [(round(e.start_s, 1), round(e.end_s, 1)) for e, _ in events] == [(5.0, 7.0), (8.0, 10.0)]
    lost = [t for t in frames(15, 30) if not 7 <= t < 8]
    assert [(round(e.start_s, 1), round(e.end_s, 1)) for e, _ in run(lost, where)[1]] == [(5.0, 7.0), (8.0, 10.0)]


def test_a_face_lost_for_long_ends_the_distraction():
    seen = [t for t in frames(80, 30) if not 9 < t < 60]
    readings, events = run(seen, away_during((5.0, 9.0)))
    (event,) = kinds(events, "distraction")
    assert event.end_s == pytest.approx(9.0)
    assert readings[-1].distracted is False
    assert readings[seen.index(next(t for t in seen if t > 60))].distracted is False


def test_the_edge_and_the_blink_of_an_eye():
    # Zone to 20 degrees, left at 22, entered again at 20.
    series = [0, 21, 23, 21, 19, 21, 0]
    readings, _ = run(np.arange(7) / 5, lambda t: gaze(series[round(t * 5)]))
    assert [reading.on_target for reading in readings] == [True, True, False, False, True, True, True]
    assert not run(frames(5, 30), away_during((2.0, 2.1)))[1]  # .1 s is no glance
    readings, _ = run([0.0, 0.1, 0.2], lambda t: gaze(pitch={0.0: 0, 0.1: 18, 0.2: -18}[t]))
    assert [reading.on_target for reading in readings] == [True, False, False]


def test_a_zone_of_ones_own():
    options = AttentionOptions(yaw_deg=(10.0, 40.0))
    assert run([0.0], lambda t: gaze(25), options)[0][0].on_target
    assert not run([0.0], lambda t: gaze(0), options)[0][0].on_target
    with pytest.raises(ValueError, match="smaller angle first"):
        AttentionOptions(pitch_deg=(5.0, -5.0))


def test_reset_equals_fresh():
    used = Attention(1)
    for t in frames(20, 30):
        used.update(t, away_during((5.0, 20.0))(t))
    used.reset()
    fresh = Attention(1)
    for t in frames(30, 30):
        assert used.update(t, away_during((1.0, 5.0), (8, 9))(t)) == fresh.update(t, away_during((1.0, 5.0), (8, 9))(t))


@pytest.mark.parametrize(("zone", "wanted"), [("driver", 1), ("screen", 0), ("desk", 0)])
def test_lowered_eyes_are_a_distraction_after_two_seconds_for_a_driver(zone, wanted):
    machine, events, on_target = Attention(1, ZONES[zone]), [], {}
    for t in frames(10, 30):
        # The lids fall at 4.0, which is known at 4.5; they open at 6.5.
        reading, found = machine.update(t, gaze(0, 0), 4.0 if 4.5 <= t < 6.5 else None)
        on_target[round(t, 3)] = reading.on_target
        events += found
    began = [event for event in events if event.kind == "distraction" and not event.is_over]
    assert len(began) == wanted
    if wanted:
        assert (began[0].start_s, began[0].since_s) == pytest.approx((4.0, 6.0), abs=0.04)
    assert on_target[5.0] is (zone == "desk")
    glances = kinds([(event, 0) for event in events if event.is_over], "glance_away")
    assert [event.start_s for event in glances] == ([] if zone == "desk" else [4.0])
