"""Events that last: one end for each beginning, at the moments worked out by hand, however they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from facetrack.signals.eyes.blink import BlinkDetector
from facetrack.signals.head.attention import Attention
from facetrack.signals.head.gaze import Gaze
from facetrack.signals.mouth.smile import Smiles
from facetrack.signals.mouth.speech import Speech
from facetrack.signals.mouth.yawn import Yawns
from facetrack.signals.windows.lasting import LastingEvent
from facetrack.types import LASTING_KINDS, Event

FPS = 30


def eyes(openness: Callable[[float], float | None]) -> Callable[[float], tuple[Event, ...]]:
    machine = BlinkDetector(4)
    return lambda t: machine.update(t, openness(t), openness(t))


def follow(step: Callable[[float], tuple[Event, ...]], times: Iterable[float]) -> list[tuple[Event, float]]:
    """Events with the time of the frame that reported them; each report is checked to be well formed."""
    found = [(event, float(t)) for t in times for event in step(float(t))]
    check([event for event, _ in found])
    return found


def check(events: list[Event]) -> None:
    open_: dict[tuple[str, int], Event] = {}
    for event in events:
        key = event.kind, event.track_id
        if event.phase == "began":
            assert event.kind in LASTING_KINDS
            assert key not in open_, "one at a time"
            assert event.end_s is None
            assert event.start_s <= event.since_s
            open_[key] = event
        else:
            assert event.end_s is not None
            assert event.start_s <= event.since_s <= event.end_s
            if event.kind in LASTING_KINDS:
                assert open_.pop(key).since_s == event.since_s


def seconds(length_s: float, start_s: float = 0.0) -> np.ndarray:
    return start_s + np.arange(round(length_s * FPS)) / FPS


def shut(start_s: float, end_s: float) -> Callable[[float], float | None]:
    return lambda t: 0.0 if start_s <= t < end_s else 1.0


def phases(found: list[tuple[Event, float]]) -> list[tuple[str, str]]:
    return [(event.kind, event.phase) for event, _ in found]


def test_a_long_closure_and_a_microsleep_do_not_wait_for_their_end() -> None:
    found = follow(eyes(shut(2.0, 5.0)), seconds(7))
    assert phases(found) == [
        ("long_closure", "began"), ("microsleep", "began"), ("long_closure", "ended"), ("microsleep", "ended"),
    ]  # fmt: skip
    # Half open between the frames at 1.967 and 2 s, so half a frame before 2; closed for .5 and 1 s.
    (long, long_s), (slept, slept_s), (over, over_s), (woke, woke_s) = found
    assert long.start_s == slept.start_s == pytest.approx(2 - 0.5 / FPS)
    assert long.since_s == long_s == pytest.approx(2.5, abs=1 / FPS)
    assert slept.since_s == slept_s == pytest.approx(3.0, abs=1 / FPS)
    assert over.end_s == woke.end_s == pytest.approx(5 - 0.5 / FPS)
    assert over_s == woke_s == pytest.approx(5.0, abs=1 / FPS)
    assert woke.amplitude == over.amplitude == pytest.approx(1.0)


@pytest.mark.parametrize("length_s", [0.45, 0.7])
def test_a_short_closure_does_not_begin_as_a_longer_one(length_s: float) -> None:
    found = follow(eyes(shut(2.0, 2.0 + length_s)), seconds(4))
    expected = [("blink", "ended")] if length_s < 0.5 else [("long_closure", "began"), ("long_closure", "ended")]
    assert phases(found) == expected


def test_closed_eyes_that_get_out_of_sight_end_there() -> None:
    hidden = lambda t: None if t >= 4 else shut(2.0, 9.0)(t)  # noqa: E731
    found = follow(eyes(hidden), seconds(6))
    assert phases(found)[2:] == [("long_closure", "ended"), ("microsleep", "ended")]
    assert [(event.end_s, t) for event, t in found[2:]] == [pytest.approx((4 - 1 / FPS, 4.0))] * 2
    # The same where no frame comes for .4 s.
    seen = [t for t in seconds(6) if not 4 <= t < 4.4]
    found = follow(eyes(shut(2.0, 9.0)), seen)
    assert phases(found)[2:] == [("long_closure", "ended"), ("microsleep", "ended")]
    assert found[-1][0].end_s == pytest.approx(4 - 1 / FPS)


def test_interrupted_once_and_not_again() -> None:
    machine = BlinkDetector(4)
    for t in seconds(4):
        machine.update(float(t), shut(2.0, 9.0)(float(t)), shut(2.0, 9.0)(float(t)))
    assert [event.kind for event in machine.interrupt()] == ["long_closure", "microsleep"]
    assert machine.interrupt() == ()
    # Still shut when they come back: their beginning was not seen.
    assert [machine.update(float(t), 0.0, 0.0) for t in seconds(2, 5.0)] == [()] * 60


def test_a_yawn_begins_when_it_was_wide_for_two_seconds() -> None:
    """Straight up from 5 to 6 s, from 0 to 1: past .2 at 5.2 s, wide (.55) at 5.55; down again from 10 to 11 s."""
    machine = Yawns(1)
    mouth = lambda t: float(np.interp(t, [5, 6, 10, 11], [0, 1, 1, 0]))  # noqa: E731
    (began, began_s), (ended, _) = follow(lambda t: machine.update(t, mouth(t))[1], seconds(14))
    assert began.start_s == ended.start_s == pytest.approx(5.2)
    assert began.since_s == began_s == pytest.approx(7.55, abs=1 / FPS)
    assert ended.end_s == pytest.approx(10.55)  # below .45 on the way down
    assert ended.amplitude == pytest.approx(1.0)


def test_a_yawn_that_turns_out_to_be_none_ends() -> None:
    machine = Yawns(1)
    held = lambda t: float(np.interp(t, [5, 6], [0, 1]))  # noqa: E731 (for ever: 15 s after 5.55 it is none)
    (_, _), (ended, _) = follow(lambda t: machine.update(t, held(t))[1], seconds(30))
    assert ended.end_s == pytest.approx(5.55 + 15, abs=1.5 / FPS)
    covered = Yawns(1)
    hand = lambda t: None if t > 8.5 else held(t)  # noqa: E731
    (_, _), (ended, t) = follow(lambda t: covered.update(t, hand(t))[1], seconds(12))
    assert (ended.end_s, t) == (pytest.approx(8.5), pytest.approx(8.5 + 1 / FPS))


def test_speech_begins_with_the_swing_that_makes_it_one_second() -> None:
    machine = Speech(1)
    talk = lambda t: 0.25 - 0.25 * np.cos(2 * np.pi * 4 * t) if 3 <= t < 8 else 0.0  # noqa: E731
    (began, began_s), (ended, ended_s) = follow(lambda t: machine.update(t, talk(t))[1], seconds(12))
    assert began.start_s == pytest.approx(3.0, abs=0.15)
    assert began.since_s - began.start_s == pytest.approx(1.0, abs=0.15)
    assert 0 <= began_s - began.since_s < 0.3
    assert ended.end_s == pytest.approx(8.0, abs=0.15)
    assert ended_s == pytest.approx(9.8, abs=0.2)


def test_a_smile_begins_after_half_a_second() -> None:
    machine = Smiles(1)
    (began, began_s), (ended, ended_s) = follow(lambda t: machine.update(t, 0.9 if 4 <= t < 7 else 0.1)[2], seconds(10))
    assert (began.start_s, began.since_s, began_s) == pytest.approx((4.0, 4.5, 4.5), abs=1 / FPS)
    assert (ended.end_s, ended_s) == pytest.approx((7.0, 7.5), abs=1 / FPS)


def gaze_machine(away: Callable[[float], bool | None]) -> tuple[Attention, Callable[[float], tuple[Event, ...]]]:
    machine = Attention(1)

    def step(t: float) -> tuple[Event, ...]:
        is_away = away(t)
        return machine.update(t, None if is_away is None else Gaze(35.0 if is_away else 0.0, 0.0, "head"))[1]

    return machine, step


def test_a_glance_and_the_distraction_that_it_becomes() -> None:
    """Away from 5 to 9 s: a glance from .12 s on, a distraction from 3 s on until the gaze is back at 9."""
    _, step = gaze_machine(lambda t: 5 <= t < 9)
    found = follow(step, seconds(14))
    assert phases(found) == [
        ("glance_away", "began"), ("distraction", "began"), ("glance_away", "ended"), ("distraction", "ended"),
    ]  # fmt: skip
    times = [(event.since_s, t) for event, t in found]
    assert np.array(times) == pytest.approx(np.array([(5.13, 5.13), (8, 8), (5.13, 9), (8, 11)]), abs=1 / FPS)
    assert found[3][0].end_s == pytest.approx(9.0)


def test_a_distraction_outlasts_an_unknown_gaze_but_not_the_face() -> None:
    _, step = gaze_machine(lambda t: None if 9 <= t < 10 else t >= 5)
    found = follow(step, seconds(12))
    assert phases(found) == [
        ("glance_away", "began"), ("distraction", "began"), ("glance_away", "ended"), ("glance_away", "began"),
    ]  # fmt: skip
    machine, step = gaze_machine(lambda t: t >= 5)
    began = [event for event, _ in follow(step, seconds(12))]
    ended = machine.interrupt()
    check([*began, *ended])
    assert [event.end_s for event in ended] == pytest.approx([12 - 1 / FPS] * 2)
    # Back after a second, and still away: the same bout, which is not reported twice.
    assert [e.kind for t in seconds(5, 13.0) for e in step(float(t))] == ["glance_away"]


def test_a_lasting_event_by_itself() -> None:
    event = LastingEvent("smile", 3)
    assert event.end(1.0) == ()
    (began,) = event.begin(1.0, 1.5, 0.4)
    assert began == Event("smile", 3, "began", 1.0, 1.5, None, 0.4)
    assert event.begin(2.0, 2.0) == ()
    assert event.end(3.0, 0.9) == (Event("smile", 3, "ended", 1.0, 1.5, 3.0, 0.9),)
    assert event.end(4.0) == ()
    event.begin(5.0, 5.5)
    event.reset()
    assert not event.lasts


def test_durations_and_ends_of_events() -> None:
    blink = Event.completed("blink", 1, 1.0, 1.25)
    assert (blink.phase, blink.since_s, blink.duration_s, blink.is_over) == ("ended", 1.25, 0.25, True)
    lasting = Event("yawn", 1, "began", 1.0, 3.5, None)
    assert (lasting.until_s, lasting.duration_s, lasting.is_over) == (3.5, 2.5, False)
