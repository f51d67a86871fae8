"""Smiles and their eye part on constructed readings."""

from typing import NamedTuple

import numpy as np
import pytest

from facetrack.signals.mouth.smile import Smiles


class Reading(NamedTuple):
    smiling: bool | None
    eyes: float | None


def run(times, smile, eyes=lambda t: 1.0, **levels):
    machine, readings, events = Smiles(1, **levels), [], []
    for t in times:
        *reading, found = machine.update(t, smile(t), eyes(t), eyes(t))
        readings.append(Reading(*reading))
        events += [event for event in found if event.is_over]
    return machine, readings, events


def held(smile, *eyes, **levels):
    """Return the reading after .5 s of it."""
    machine = Smiles(1, **levels)
    for i in range(6):
        *reading, _ = machine.update(i / 10, smile, *eyes)
    return Reading(*reading)


def bump(t, low=0.1, high=0.9, start=5.0, end=8.0):
    """Half a second up, half a second down, straight."""
    return float(np.interp(t, [start, start + 0.5, end - 0.5, end], [low, high, high, low]))


@pytest.mark.parametrize("fps", [10, 15, 30, 60, 120])
def test_a_smile(fps):
    _, readings, (event,) = run(np.arange(0, 12, 1 / fps), bump)
    # At rest .1 (to a hundredth), full 1: begins at .1 + .5 * .9 = .55, so 5 + .45 / 1.6 = 5.281; ends under
    # .1 + .3 * .9 = .37, so 7.5 + .53 / 1.6 = 7.831.
    assert event.start_s == pytest.approx(5.281, abs=1 / fps + 0.01)
    assert event.end_s == pytest.approx(7.831, abs=1 / fps + 0.01)
    assert event.amplitude == pytest.approx(0.9)
    assert readings[0] == readings[-1]
    assert readings[-1].smiling is False
    assert readings[-1].eyes == 0.0


def test_the_persons_own_rest():
    # A face that reads .55 at rest would smile for ever; .9 is a smile of it.
    machine, readings, events = run(np.arange(0, 90, 1 / 15), lambda t: bump(t, 0.35, 0.9, 80.0, 83.0))
    assert machine.rest == pytest.approx(0.35, abs=0.02)
    assert [event.kind for event in events] == ["smile"]
    assert not readings[0].smiling
    assert held(0.7, rest=0.5, full=0.8).smiling  # (.7 - .5) / (.8 - .5) = .67
    assert not held(0.6, rest=0.5, full=0.8).smiling


def test_a_minute_of_smiling_stays_a_smile():
    _, readings, _ = run(np.arange(0, 60, 1 / 15), lambda t: 0.95)
    assert [reading.smiling for reading in readings].index(True) == 8  # from .5 s on
    assert all(reading.smiling for reading in readings[8:])


@pytest.mark.parametrize("fps", [10, 30, 120])
def test_a_reading_that_comes_and_goes_with_speech_does_not_flicker(fps):
    # Four vowels a second that look like smiles and the closed lips between them: no smile begins.
    talking = np.arange(0, 10, 1 / fps)
    assert not run(talking, lambda t: 0.9 if t % 0.25 < 0.125 else 0.1)[2]
    # In a smile from 3 s to 7 s, rounded lips for .3 s of every second: one smile.
    _, readings, events = run(talking, lambda t: 0.1 if not 3 <= t < 7 or (0.5 <= t % 1 < 0.8 and t > 3.9) else 0.9)
    assert [(event.start_s, event.end_s) for event in events] == [
        (pytest.approx(3, abs=1 / fps), pytest.approx(7, abs=1 / fps))
    ]
    estimated = [t for t, reading in zip(talking, readings, strict=True) if reading.smiling]
    assert (estimated[0], estimated[-1]) == (pytest.approx(3.5, abs=1 / fps), pytest.approx(7.5, abs=1.5 / fps))
    assert len(estimated) == pytest.approx(4 * fps, abs=2)


@pytest.mark.parametrize(
    ("eyes", "expected"), [(1.0, 0.0), (0.95, 0.0), (0.775, 0.5), (0.6, 1.0), (0.4, 1.0), (0.1, None), (None, None)]
)
def test_eyes_narrow_with_the_smile(eyes, expected):
    assert held(0.9, eyes, eyes).eyes == (None if expected is None else pytest.approx(expected))
    _, readings, _ = run([0.0], lambda t: 0.1, lambda t: eyes)
    assert readings[0].eyes == 0.0  # no smile to take part in


def test_an_eye_that_blinks_leaves_the_other():
    assert held(0.9, 0.1, 0.6).eyes == pytest.approx(1.0)


def test_twitches_flicker_gaps_and_unknowns_are_no_smiles():
    times = np.arange(0, 12, 1 / 30)
    assert not run(times, lambda t: 0.9 if 5 <= t < 5.2 else 0.1)[2]
    assert len(run(times, lambda t: bump(t) + 0.1 * np.sin(40 * t))[2]) == 1
    _, readings, events = run(times, lambda t: None if 6 <= t < 6.1 else bump(t))
    # It was known to last until the mouth was hidden; what is seen after that is another one.
    assert [(round(e.start_s, 1), round(e.end_s, 1)) for e in events] == [(5.3, 6.0), (6.1, 7.8)]
    assert {r.smiling for t, r in zip(times, readings, strict=True) if 6 <= t < 6.1} == {None}
    (lost,) = run([t for t in times if not 7.0 < t < 9.0], bump)[2]
    assert lost.end_s == pytest.approx(7.0)  # when it was last seen


def test_reset_equals_fresh():
    machine, _, _ = run(np.arange(0, 6, 1 / 30), bump)
    machine.reset()
    fresh = Smiles(1)
    for t in np.arange(0, 12, 1 / 30):
        assert machine.update(t, bump(t), 0.8, 0.9) == fresh.update(t, bump(t), 0.8, 0.9)
    assert machine.rest == fresh.rest
