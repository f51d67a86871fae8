"""Simulated lids: scripts sampled by hand, what is reported of short ones, and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facetrack.signals import FaceSignals
from facetrack.types import Event
from facetrain.evaluation.signals import lid_report
from facetrain.evaluation.signals.lid_minutes import LidResult, Minutes, RateScore, _match
from facetrain.synth.lids.behaviour import AWAKE, Closure, Script, script_of
from facetrain.synth.lids.observed import observations


def test_a_script_by_hand() -> None:
    script = Script(10.0)
    script.move(2.0, 1.0, lids=0.5, pitch_deg=-10.0)
    script.blinks.append(Closure(5.0, 0.1, 0.1, 0.2, depth=0.8))
    found = script.at(np.array([1.0, 2.5, 4.0, 5.05, 5.15, 5.3, 9.0]))
    # From .5 the blink leaves .6, .2 and .6 of it.
    assert found["lids"] == pytest.approx([1.0, 0.75, 0.5, 0.3, 0.1, 0.3, 0.5])
    assert found["pitch_deg"] == pytest.approx([0, -5, -10, -10, -10, -10, -10])
    assert script.blinks[0].half_s == pytest.approx((5.05, 5.3))


def events_of(script: Script, fps: float = 15.0) -> list[Event]:
    signals = FaceSignals()
    found = [event for o in observations(script, fps, 0) for event in signals.update(o)[1] if event.is_over]
    return [*found, *signals.interrupt()]


def test_a_sleep_and_a_look_down() -> None:
    script = Script(20.0)
    script.sleeps.append(Closure(5.0, 0.2, 2.0, 0.4))
    script.move(12.0, 0.2, lids=0.4, down_deg=18.0)
    script.move(16.0, 0.2, lids=1.0, down_deg=0.0)
    kinds = [event.kind for event in events_of(script) if event.kind not in ("glance_away", "distraction")]
    assert kinds == ["long_closure", "microsleep", "eyes_down"]


@pytest.mark.parametrize("kind", AWAKE)
def test_a_minute_awake_has_no_microsleep(kind: str) -> None:
    assert not [event for event in events_of(script_of(AWAKE[kind], 60.0, 5)) if event.kind == "microsleep"]


def test_equal_seeds_give_equal_observations() -> None:
    first, second = (list(observations(script_of(AWAKE["phone"], 5.0, 3), 15.0, 4, 0.2)) for _ in range(2))
    assert len(first) < 75
    for a, b in zip(first, second, strict=True):
        assert a.time_s == b.time_s
        assert a.eyes is not None
        assert b.eyes is not None
        assert np.array_equal(a.eyes.gap, b.eyes.gap)


def test_matching_by_hand() -> None:
    script = Script(60.0)
    script.blinks = [Closure(t, 0.1, 0.0, 0.1) for t in (5.0, 10.0, 15.0)]
    script.sleeps = [Closure(20.0, 0.2, 2.0, 0.2)]
    reported = [
        Event.completed("blink", 1, 5.05, 5.15), Event.completed("blink", 1, 12.0, 12.1),
        Event.completed("blink", 1, 15.0, 15.2), Event.completed("blink", 1, 20.5, 20.7),
        Event.completed("long_closure", 1, 20.1, 22.2),
    ]  # fmt: skip
    found = Minutes()
    _match(found, script, reported)
    # The one at 12 s is false; the one inside the sleep counts neither way.
    assert (found.blinks, found.found, found.false_blinks) == (3, 2, 1)
    assert (found.sleeps, found.reported, found.reported_long, found.reported_down) == (1, 0, 1, 0)
    assert found.f1 == pytest.approx(4 / 6)


def test_the_report(tmp_path: Path) -> None:
    minutes = Minutes(hours=0.5)
    minutes.events.update(["microsleep"])
    score = RateScore(30.0, minutes, np.array([0.01, -0.02]), np.array([0.0, -0.1]))
    result = LidResult({"reading": minutes}, {"microsleeps": minutes}, {("phone", "desk"): minutes}, [score], [score])
    lid_report.report(result).output(tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| reading | 0.5 | 2.0 |" in text  # one in half an hour
    assert "-5 / 15 / 20" in text  # ms: mean, mean absolute, largest
