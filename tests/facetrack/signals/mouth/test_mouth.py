"""Mouth, speech and yawns on constructed series whose answers are known."""

import math
from dataclasses import replace

import numpy as np
import pytest

from facetrack.signals.mouth.openness import Mouth, MouthOptions, mouth_hidden
from facetrack.signals.mouth.speech import Speech
from facetrack.signals.mouth.yawn import Yawns
from facetrack.signals.observation import Observation

RATES = [10, 15, 30, 60, 120]


def times(duration_s, fps, seed=None):
    """Even frame times, or uneven ones of that mean rate."""
    if seed is None:
        return np.arange(0, duration_s, 1 / fps)
    steps = np.random.default_rng(seed).uniform(0.5, 1.5, int(duration_s * fps)) / fps
    return np.cumsum(steps)


def yawn(t, start=5.0, rise=1.0, hold=3.0, fall=0.6, top=0.8):
    """Return the opening of a mouth that goes straight up to top, stays, and goes straight down; .03 at rest."""
    x = [start, start + rise, start + rise + hold, start + rise + hold + fall]
    return float(np.interp(t, x, [0.03, top, top, 0.03]))


def talk(t, hz=4.0, top=0.5):
    """Words of 1.2 s with pauses of .4 s, syllables from .02 to top."""
    spoken = (t % 1.6) < 1.2
    return 0.02 + (top - 0.02) * (0.5 - 0.5 * math.cos(2 * math.pi * hz * (t % 1.6))) * spoken


class Machines:
    """Mouth, speech and yawns as `FaceSignals` joins them."""

    def __init__(self):
        self.mouth, self.speech, self.yawns = Mouth(), Speech(1), Yawns(1)
        self.events, self.speaking, self.yawning = [], [], []

    def see(self, t, opening, smile=None, mouth_open=None):
        openness = self.mouth.update(t, opening)
        speaking, spoken = self.speech.update(t, opening)
        yawning, yawned = self.yawns.update(t, openness, speaking, smile, mouth_open)
        self.events += [*spoken, *yawned]
        self.speaking.append(speaking)
        self.yawning.append(yawning)
        return openness, speaking, yawning

    def run(self, ts, opening, **read):
        for t in ts:
            self.see(t, opening(t), **read)
        return self

    def of(self, kind):
        return [event for event in self.events if event.kind == kind and event.is_over]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("fps", RATES)
def test_a_yawn_is_the_same_at_any_rate(fps, seed):
    machines = Machines().run(times(15, fps, seed), yawn)
    (event,) = machines.of("yawn")
    # Openness o is an opening of .03 + .57 o. Begin .2: .144, passed at 5 + .114 / .77 = 5.148; end .45: .2865, passed
    # at 9.6 - .6 * .2565 / .77 = 9.400.
    assert event.start_s == pytest.approx(5.148, abs=0.75 / fps)
    assert event.end_s == pytest.approx(9.400, abs=0.75 / fps)
    assert event.amplitude == 1.0
    # Wide .55: .3435, passed at 5 + .3135 / .77 = 5.407; so yawning from 7.407 until it ends.
    on = [t for t, yawning in zip(times(15, fps, seed), machines.yawning, strict=True) if yawning]
    assert (on[0], on[-1]) == (pytest.approx(7.407, abs=1.6 / fps), pytest.approx(9.400, abs=1.6 / fps))
    assert not machines.of("speech")


@pytest.mark.parametrize(
    ("shape", "yawns"),
    [
        ({"hold": 1.4}, 0),  # wide for .593 s of the rise, 1.4 s, and .4 s of the fall until its end: 2.39 ...
        ({"hold": 1.0}, 0),
        ({"rise": 0.4}, 0),  # opened too fast: .104 s from begin to wide
        ({"top": 0.33}, 0),  # not wide
        ({"hold": 16.0}, 1),  # a mouth that stays open: over when it cannot be one any more, see below
        ({"hold": 2.0}, 1),
        ({"rise": 3.0}, 1),
    ],
)
def test_what_is_a_yawn(shape, yawns):
    # The wide part: from (rise * (1 - .3135 / .77)) before the top to (fall * .5135 / .77) after it.
    if shape == {"hold": 1.4}:
        yawns = 1
    assert len(Machines().run(times(30, 30), lambda t: yawn(t, **shape)).of("yawn")) == yawns


def test_a_minute_of_talking_is_speech_and_no_yawn():
    for fps, hz, minute in ((30, 4.0, 60), (15, 3.0, 20), (15, 5.0, 20), (60, 3.0, 20), (60, 5.0, 20), (120, 4.0, 10)):
        machines = Machines().run(times(minute, fps), lambda t, hz=hz: talk(t, hz))
        assert not machines.of("yawn")
        assert not any(machines.yawning)
        assert all(machines.speaking[int(2.5 * fps) :]), (fps, hz)


def test_speech_is_told_with_its_own_times():
    machines = Machines().run(times(20, 30), lambda t: talk(t - 4.8) if 4.8 <= t < 12.4 else 0.02)
    (event,) = machines.of("speech")
    # The pieces of 1.6 s begin at 4.8, so the last word runs from 11.2 to 12.4.
    assert event.start_s == pytest.approx(4.8, abs=0.2)
    assert event.end_s == pytest.approx(12.4, abs=0.2)


@pytest.mark.parametrize(
    "opening",
    [
        lambda t: 0.02,
        lambda t: 0.4,  # held open
        lambda t: 0.1 + 0.08 * math.sin(2 * math.pi * 1.3 * t),  # chewing
        lambda t: 0.1 + 0.02 * math.sin(2 * math.pi * 4.0 * t),  # jitter of the points
        lambda t: yawn(t % 12),
    ],
)
def test_what_is_no_speech(opening):
    for fps in (15, 30, 60):
        machines = Machines().run(times(24, fps), opening)
        assert not any(machines.speaking)
        assert not machines.of("speech")


def test_laughter_is_no_yawn():
    assert not Machines().run(times(15, 30), yawn, smile=0.95).of("yawn")
    assert len(Machines().run(times(15, 30), yawn, smile=0.2).of("yawn")) == 1


def test_a_mouth_that_the_picture_shows_shut_is_no_yawn():
    assert not Machines().run(times(15, 30), yawn, mouth_open=0.1).of("yawn")
    assert len(Machines().run(times(15, 30), yawn, mouth_open=0.9).of("yawn")) == 1


def test_loud_speech_with_an_open_mouth_is_no_yawn():
    # Swings between .35 and .8 at 4 Hz: never under the yawn's end level, but rhythmic.
    def opening(t):
        return 0.575 - 0.225 * math.cos(2 * math.pi * 4 * t) if 3 < t < 9 else min(0.35, 0.1 * t)

    machines = Machines().run(times(12, 30), opening)
    assert not machines.of("yawn")
    assert any(machines.speaking)


def test_a_hand_makes_the_yawn_unknown():
    machines = Machines()
    for t in times(15, 30):
        machines.see(t, None if 7.0 <= t < 8.0 else yawn(t))
    assert not machines.of("yawn")  # wide from 5.7 s on: not yet for 2 s
    assert {y for t, y in zip(times(15, 30), machines.yawning, strict=True) if 7.0 <= t < 9.4} == {None}
    assert machines.yawning[-1] is False


@pytest.mark.parametrize("gap_s", [0.2, 0.3])
def test_a_gap_in_the_yawn(gap_s):
    seen = [t for t in times(15, 30) if not 7.0 < t < 7.0 + gap_s]
    assert len(Machines().run(seen, yawn).of("yawn")) == (1 if gap_s < 0.25 else 0)


def test_a_gap_in_speech_is_unknown():
    seen = [t for t in times(20, 30) if not 10.0 < t < 10.5]
    machines = Machines().run(seen, talk)
    state = dict(zip(seen, machines.speaking, strict=True))
    assert {state[t] for t in seen if 10.5 <= t < 12.4} == {None}
    (before,) = machines.of("speech")  # the one after the gap goes on
    assert 9.0 < before.end_s <= 10.0


def test_openness_follows_the_persons_own_closed_mouth():
    mouth = Mouth()
    for t in times(30, 30):
        openness = mouth.update(t, 0.10 if t % 10 < 7 else 0.55)  # lips that rest at .10; open for 30 % of the time
    assert mouth.closed == pytest.approx(0.10, abs=0.01)
    assert openness == pytest.approx(0.45 / 0.5, abs=0.02)
    assert mouth.update(30.0, 0.10) == pytest.approx(0.0, abs=0.02)
    assert Mouth(closed=0.2).update(0.0, 0.4) == pytest.approx(0.5)  # a calibration: (.4 - .2) / (.6 - .2)


def test_a_mouth_that_is_always_open_is_not_closed():
    mouth = Mouth()
    for t in times(120, 15):
        mouth.update(t, 0.5)
    assert mouth.closed == MouthOptions().most_closed


def test_hidden_mouth():
    points = np.random.default_rng(0).uniform(0, 100, (68, 2)).astype(np.float32)
    points[0], points[16] = (0, 0), (100, 100)  # a face of 100 px
    seen = Observation(0.0, points, np.full(68, 1.5, np.float32))
    unsure = np.full(68, 1.5, np.float32)
    unsure[48:] = 5.0
    options = MouthOptions()
    assert not mouth_hidden(seen, options)
    assert mouth_hidden(replace(seen, sigma=unsure), options)
    assert mouth_hidden(replace(seen, presence=0.3), options)
    assert not mouth_hidden(replace(seen, sigma=np.full(68, np.nan, np.float32)), options)


def test_reset_equals_fresh():
    used = Machines().run(times(8, 30), lambda t: yawn(t) if t < 7 else talk(t))
    for machine in (used.mouth, used.speech, used.yawns):
        machine.reset()
    fresh, used.events, used.speaking, used.yawning = Machines(), [], [], []
    for machines in (used, fresh):
        machines.run(times(15, 30), yawn)
        machines.run(times(15, 30) + 15, talk)
    assert (used.events, used.speaking, used.yawning) == (fresh.events, fresh.speaking, fresh.yawning)
    assert used.mouth.closed == fresh.mouth.closed
