"""PERCLOS, blink rate and fatigue on constructed series whose answers are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facetrack.errors import SettingsError
from facetrack.signals import FatigueWeights
from facetrack.signals.eyes.blink_rate import BlinkRate
from facetrack.signals.eyes.perclos import Perclos
from facetrack.signals.fatigue import Fatigue
from facetrack.types import Event, FatigueSignals
from places import REPOSITORY

RATES = (10, 15, 30, 60)


def share(fps: float, seconds: float, openness: Callable[[float], float | None], closed_below: float = 0.2) -> list:
    """Return the share in a window of 60 s at each frame."""
    perclos = Perclos(closed_below, (60.0,))
    return [perclos.update(i / fps, x := openness(i / fps), x)[0] for i in range(1 + int(seconds * fps))]


def closed_at(*spans: tuple[float, float], to: float = 0.0) -> Callable[[float], float | None]:
    """Frames in (start, end] are closed: with the steps that lead to them, exactly end - start seconds."""
    return lambda t: to if any(a + 1e-6 < t <= b + 1e-6 for a, b in spans) else 1.0


@pytest.mark.parametrize("fps", RATES)
def test_three_seconds_of_sixty(fps: int) -> None:
    estimated = share(fps, 70, closed_at((10, 12), (30, 31)))
    assert estimated[60 * fps] == pytest.approx(3 / 60)
    assert estimated[19 * fps] is None  # not a third of the window known
    assert estimated[20 * fps] == pytest.approx(2 / 20)
    assert estimated[70 * fps] == pytest.approx(3 / 60)  # the window begins at 10 s
    assert estimated[40 * fps] == pytest.approx(3 / 40)


@pytest.mark.parametrize("fps", RATES)
def test_a_closure_leaves_the_window_bit_by_bit(fps: int) -> None:
    estimated = share(fps, 80, closed_at((10, 14)))
    assert estimated[72 * fps] == pytest.approx(2 / 60)
    assert estimated[74 * fps] == pytest.approx(0.0)


@pytest.mark.parametrize("fps", RATES)
def test_blinks_do_not_count_slow_closures_do(fps: int) -> None:
    # Twenty blinks of .4 s: nothing. Six closures of .6 s: 3.6 s.
    assert share(fps, 60, closed_at(*[(3.0 * i, 3.0 * i + 0.4) for i in range(20)]))[-1] == 0.0
    assert share(fps, 60, closed_at(*[(9.0 * i, 9.0 * i + 0.6) for i in range(1, 7)]))[-1] == pytest.approx(3.6 / 60)
    if fps % 2 == 0:  # .5 s is a whole number of steps: it counts from there on
        assert share(fps, 60, closed_at((30.0, 30.5)))[-1] == pytest.approx(0.5 / 60)


def test_a_slow_closure_counts_while_it_lasts() -> None:
    estimated = share(10, 60, closed_at((59.0, 60.0)))
    assert estimated[594] == 0.0  # .4 s: it may be a blink
    assert estimated[595] == pytest.approx(0.5 / 59.5)
    assert estimated[600] == pytest.approx(1.0 / 60)


def test_how_far_closed() -> None:
    for openness, p80, p70 in ((0.19, 0.05, 0.05), (0.25, 0.0, 0.05), (0.35, 0.0, 0.0)):
        series = closed_at((20, 23), to=openness)
        assert share(30, 60, series)[-1] == pytest.approx(p80)
        assert share(30, 60, series, closed_below=0.3)[-1] == pytest.approx(p70)


@pytest.mark.parametrize("fps", RATES)
def test_only_known_time_counts(fps: int) -> None:
    # Unknown from 20 to 40 s; 2 s closed: 2 of 40 s known (less the step into sight).
    def eyes(t: float) -> float | None:
        return None if 20 + 1e-6 < t <= 40 + 1e-6 else closed_at((10, 12))(t)

    assert share(fps, 60, eyes)[-1] == pytest.approx(2 / 40, rel=0.01)


def test_a_closure_into_the_unknown_is_left_out() -> None:
    def eyes(t: float, lasts: float) -> float | None:
        return None if 30 + lasts < t < 31 else closed_at((30, 31))(t)

    assert share(10, 60, lambda t: eyes(t, 0.35))[-1] == 0.0
    assert share(10, 60, lambda t: eyes(t, 0.75))[-1] == pytest.approx(0.7 / 59.7)  # 30.7 to 31 s are unknown


def test_uneven_steps_are_weighted_by_time() -> None:
    rng = np.random.default_rng(0)
    perclos = Perclos(0.2, (60.0,))
    t, closed_s, value = 0.0, 0.0, None
    while t < 60.0:
        step = min(float(rng.uniform(0.01, 0.2)), 60.0 - t)
        t += step
        closed = 20.0 <= t < 28.0 or 40.0 <= t < 43.0
        closed_s += step if closed else 0.0
        (value,) = perclos.update(t, 0.05 if closed else 0.9, 0.05 if closed else 0.9)
    assert value == pytest.approx(closed_s / 60.0, rel=0.01)


def test_one_eye_is_enough_and_a_wink_is_none() -> None:
    one, wink = Perclos(0.2, (60.0,)), Perclos(0.2, (60.0,))
    for i in range(601):
        x = closed_at((20, 26))(i / 10)
        (seen,) = one.update(i / 10, None, x)
        (winked,) = wink.update(i / 10, 1.0, x)
    assert seen == pytest.approx(0.1)
    assert winked == 0.0


def blink(end_s: float, duration_s: float = 0.2, kind: str = "blink") -> Event:
    return Event.completed(kind, 1, end_s - duration_s, end_s)


def test_blink_rate_and_duration() -> None:
    rate = BlinkRate()
    estimated = {}
    ends = {50: 0.1, 150: 0.2, 250: 0.3, 350: 0.4}  # by frame at 10 per second
    for i in range(1000):
        estimated[i] = rate.update(i / 10, True, [blink(i / 10, ends[i])] if i in ends else [])
    assert estimated[199] == (None, None)  # 19.9 s known
    assert estimated[200] == (pytest.approx(2 * 60 / 20), pytest.approx(0.15))
    assert estimated[600] == (pytest.approx(4.0), pytest.approx(0.25))
    assert estimated[660] == (pytest.approx(3.0), pytest.approx(0.3))  # the first one is gone
    assert estimated[960] == (0.0, None)


def test_blink_rate_counts_blinks_in_known_time() -> None:
    rate = BlinkRate()
    for i in range(601):
        found = rate.update(i / 10, not 200 < i <= 500, [blink(10.0), blink(10.1, 0.8, "long_closure")] * (i == 101))
    # 20 s and, after the step into sight, 9.9 s known; one blink.
    assert found == (pytest.approx(60 / 29.9, rel=0.01), pytest.approx(0.2))


def test_reset_equals_fresh() -> None:
    rate, perclos, fatigue = BlinkRate(), Perclos(0.2, (60.0, 180.0)), Fatigue(FatigueWeights.load())
    for i in range(300):
        rate.update(i / 10, True, [blink(i / 10)])
        perclos.update(i / 10, 0.0, 0.0)
        fatigue.update(i / 10, 0.5, [blink(i / 10, 2.0, "microsleep")])
    for used, fresh in ((rate, BlinkRate()), (fatigue, Fatigue(FatigueWeights.load()))):
        used.reset()
        for i in range(300):
            arguments = (i / 10, True if used is rate else 0.05, [blink(i / 10)] if i % 40 == 0 else [])
            assert used.update(*arguments) == fresh.update(*arguments)
    perclos.reset()
    other = Perclos(0.2, (60.0, 180.0))
    assert all(perclos.update(i / 10, x := float(i % 20 > 9), x) == other.update(i / 10, x, x) for i in range(700))


def tired(perclos: float | None, events: list[Event] | None = None, time_s: float = 200.0) -> FatigueSignals:
    return Fatigue(FatigueWeights.load()).update(time_s, perclos, events or [])


def test_fatigue_by_hand() -> None:
    # The default file: perclos .75 at .15, microsleeps .7 at 2 (45 s), long blinks .3 from .25 to .5 s (60 s), yawns
    # .25 at 3 (120 s), nodding off .25 at 2 (60 s); three blinks of .25 s before any.
    assert tired(None) == FatigueSignals()
    found = tired(0.03)
    assert (found.score, found.level) == (pytest.approx(0.15), "alert")
    none = dict.fromkeys(("microsleeps", "long_blinks", "yawns", "nods", "awake"), 0)
    assert found.parts == pytest.approx({"perclos": 0.15, **none})
    assert (tired(0.08).score, tired(0.08).level) == (pytest.approx(0.4), "tired")
    assert (tired(0.125).score, tired(0.125).level) == (pytest.approx(0.625), "drowsy")
    assert tired(0.9).parts["perclos"] == pytest.approx(0.75)
    events = [
        blink(150.0, 1.5, "microsleep"),
        blink(190.0, 0.3), blink(195.0, 0.5), blink(196.0, 0.7, "long_closure"),  # .5 s in the mean
        blink(20.0, 6.0, "yawn"), blink(100.0, 5.0, "yawn"),
        blink(160.0, 2.0, "nod_off"), blink(170.0, 1.0, "nod"),
    ]  # fmt: skip
    found = tired(0.03, events)
    blinks = [(0.5 ** ((200 - end_s) / 60), s) for end_s, s in ((190.0, 0.3), (195.0, 0.5), (196.0, 0.7))]
    mean_s = (3 * 0.25 + sum(w * s for w, s in blinks)) / (3 + sum(w for w, _ in blinks))
    parts = {
        "perclos": 0.15, "microsleeps": 0.35 * 0.5 ** (50 / 45), "long_blinks": 0.3 * (mean_s - 0.25) / 0.25,
        "yawns": 0.25 / 3 * (0.5 ** (180 / 120) + 0.5 ** (100 / 120)), "nods": 0.125 * 0.5 ** (40 / 60),
    }  # fmt: skip
    # The nod that says yes ended 30 s ago: .5 ** (30 / 20) of one sign, of four that halve what is not confirmed.
    awake = -0.5 * 0.5**1.5 / 4 * (sum(parts.values()) - parts["perclos"])
    assert found.parts == pytest.approx({**parts, "awake": awake})
    assert found.score == pytest.approx(sum(parts.values()) + awake)


def test_fatigue_forgets() -> None:
    fatigue = Fatigue(FatigueWeights.load())
    assert fatigue.update(10.0, 0.0, [blink(10.0, 1.5, "microsleep")]).score == pytest.approx(0.35)
    assert fatigue.update(55.0, 0.0, []).score == pytest.approx(0.175)
    assert fatigue.update(100.0, 0.0, []).score == pytest.approx(0.0875)


def test_one_microsleep_holds_a_level_for_less_than_a_minute_and_two_are_drowsy() -> None:
    fatigue = Fatigue(FatigueWeights.load())
    slept = [blink(10.0, 2.0, "microsleep")]
    # 2 s of a minute: PERCLOS .033, one slow closure.
    levels = {10 + i: fatigue.update(10.0 + i, 2 / 60, slept if i == 0 else [], 1).level for i in range(90)}
    assert levels[10] == "tired"
    assert sum(level != "alert" for level in levels.values()) <= 80
    fatigue.reset()
    fatigue.update(10.0, 2 / 60, slept, 1)
    assert fatigue.update(20.0, 4 / 60, [blink(20.0, 2.0, "microsleep")], 2).level == "drowsy"


def test_signs_of_being_awake_lower_what_is_not_confirmed() -> None:
    weights = FatigueWeights.load()
    slept = blink(10.0, 2.0, "microsleep")
    signs = [blink(10.0, 1.0, "speech"), blink(10.0, 1.0, "smile"), blink(10.0, 1.0, "glance_away"), blink(10.0, 0.1)]
    plain, awake = Fatigue(weights).update(10.0, 0.1, [slept]), Fatigue(weights).update(10.0, 0.1, [slept, *signs])
    # 3.25 of 4 signs, so 40.6 % less of all but the PERCLOS of two closures, which stays.
    assert plain.parts["perclos"] == awake.parts["perclos"] == pytest.approx(0.5)
    assert awake.parts["awake"] == pytest.approx(-0.5 * 3.25 / 4 * 0.35)
    assert awake.score == pytest.approx(plain.score + awake.parts["awake"])


@pytest.mark.parametrize("fps", [10, 15, 60])
def test_fading_does_not_depend_on_the_frame_rate(fps: int) -> None:
    fatigue = Fatigue(FatigueWeights.load())
    for i in range(40 * fps + 1):
        found = fatigue.update(i / fps, 0.0, [blink(10.0, 1.5, "microsleep")] if i == 10 * fps else [])
    assert found.score == pytest.approx(0.35 * 0.5 ** (30 / 45))


def test_slow_closures_are_counted_and_unknown_time_is_stated() -> None:
    perclos = Perclos(0.2, (60.0, 180.0))
    for i in range(1001):
        x = None if 300 <= i < 600 else closed_at((5, 7), (70, 72), (80, 80.3))(i / 10)
        perclos.update(i / 10, x, x)
        if i == 60:
            assert perclos.slow_closures == 1
    assert perclos.slow_closures == 2
    # Of the last minute, 40 to 100 s, unknown until 60 s (and the step into sight).
    assert perclos.unknown_share(100.0) == pytest.approx(20.1 / 60, abs=0.01)


def test_levels_do_not_flicker() -> None:
    fatigue = Fatigue(FatigueWeights.load())
    # PERCLOS times 5 is fatigue: up through .3 and .6, and down through .45 and .2.
    values = [0.05, 0.07, 0.05, 0.03, 0.07, 0.119, 0.13, 0.1, 0.08, 0.05, 0.03]
    levels = [fatigue.update(float(i), value, []).level for i, value in enumerate(values)]
    assert levels == ["alert", "tired", "tired", "alert", "tired", "tired", "drowsy", "drowsy", "tired", "tired",
                      "alert"]  # fmt: skip


DEFAULT = (REPOSITORY / "tracker/facetrack/_assets/fatigue.toml").read_text()


def test_weights_can_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DEFAULT.replace("weight = 0.75", "weight = 0.1"))
    found = Fatigue(FatigueWeights.load(path)).update(0.0, 0.15, [])
    assert found.score == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[perclos]", "[perklos]", "expected perclos"),
        ("weight = 0.75", "weight = 7", "from 0 to 1"),
        ("weight = 0.75", 'weight = "much"', "expected a number"),
        ("full = 0.15", "full = 0", "full to be the larger"),
        ("half_life_s = 120", "", "half_life_s"),
        ("until = 0.2 ", "until = 0.5 ", "until to be the smaller"),
        ("from = 0.3,", "from = 0.9,", "swap"),
        ("[levels]", "[levels", "TOML"),
    ],
)
def test_bad_weights_are_told_in_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    assert old in DEFAULT
    path.write_text(DEFAULT.replace(old, new))
    with pytest.raises(SettingsError, match=words) as caught:
        FatigueWeights.load(path)
    assert "mine.toml" in str(caught.value)


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="expected weights of fatigue"):
        FatigueWeights.load(tmp_path / "none.toml")
