"""Events of the lids on series that are worked out by hand: straight lines between key frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from facetrack.signals.eyes.closure import LidFrame
from facetrack.signals.eyes.lid_events import LidEvents
from facetrack.types import Event

RATES = (15, 30, 60, 120)
Keys = Sequence[tuple[float, float]]


def blink_keys(start_s: float, shut_s: float, level: float = 1.0, depth: float = 1.0) -> list[tuple[float, float]]:
    """Down within .08 s, shut, up within .16 s; half of the way lies .04 s after the start and .08 s before the end."""
    low = level * (1 - depth)
    return [(start_s, level), (start_s + 0.08, low), (start_s + 0.08 + shut_s, low), (start_s + 0.24 + shut_s, level)]


def frames(keys: Keys, fps: float, seconds: float, phase: float = 0.0, **channels: Keys) -> list[LidFrame]:
    times = (np.arange(int(fps * seconds)) + phase) / fps
    lids = np.interp(times, *zip(*keys, strict=True))
    others = {name: np.interp(times, *zip(*line, strict=True)).tolist() for name, line in channels.items()}
    return [
        LidFrame(float(t), (float(x), float(x)), **{name: line[i] for name, line in others.items()})
        for i, (t, x) in enumerate(zip(times, lids, strict=True))
    ]


def reported(series: Sequence[LidFrame], lids: LidEvents | None = None) -> list[Event]:
    lids = lids or LidEvents(3)
    found = [event for frame in series for event in lids.update(frame)]
    return [event for event in (*found, *lids.interrupt()) if event.is_over]


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


OPEN = [(0.0, 1.0)]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("phase", [0.0, 0.4, 0.8])
@pytest.mark.parametrize("shut_s", [0.02, 0.1, 0.2])
def test_a_blink_lasts_as_long_at_every_rate(fps: int, phase: float, shut_s: float) -> None:
    found = reported(frames([*OPEN, *blink_keys(2.0, shut_s)], fps, 4.0, phase))
    assert kinds(found) == ["blink"]
    # From 2.04 to 2.0 + .08 + shut + .08.
    assert found[0].duration_s == pytest.approx(0.12 + shut_s, abs=1 / fps)
    assert found[0].start_s == pytest.approx(2.04, abs=1 / fps)


def test_ten_frames_per_second_see_what_falls_on_a_frame() -> None:
    found = reported(frames([*OPEN, *blink_keys(2.0, 0.15)], 10, 4.0))
    assert kinds(found) == ["blink"]
    assert found[0].duration_s == pytest.approx(0.27, abs=0.1)


def test_one_frame_at_thirty_per_second_is_a_blink_and_at_sixty_an_error() -> None:
    for fps, wanted in ((30, ["blink"]), (60, [])):
        series = frames(OPEN, fps, 3.0)
        series[fps] = replace(series[fps], eyes=(0.1, 0.15))
        assert kinds(reported(series)) == wanted
    series = frames(OPEN, 30, 3.0)
    series[30] = replace(series[30], eyes=(0.1, 1.0))  # one eye alone for one frame
    assert reported(series) == []


@pytest.mark.parametrize("depth", [0.5, 0.7, 0.9, 1.0])
def test_completeness(depth: float) -> None:
    (blink,) = reported(frames([*OPEN, *blink_keys(2.0, 0.05, depth=depth)], 60, 4.0))
    assert blink.evidence["completeness"] == pytest.approx(depth, abs=0.03)
    assert blink.evidence["fall_s"] == pytest.approx(0.4 * 0.08, abs=0.01)  # .25 to .65 of a straight way


@pytest.mark.parametrize("takes_s", [0.3, 0.6])
@pytest.mark.parametrize("back_s", [0.4, 3.0])
def test_a_squint_is_no_blink(takes_s: float, back_s: float) -> None:
    keys = [*OPEN, (2.0, 1.0), (2.0 + takes_s, 0.45), (2.0 + takes_s + back_s, 0.45), (2.6 + takes_s + back_s, 1.0)]
    assert "blink" not in kinds(reported(frames(keys, 30, 8.0)))


DOWN = {"gaze_down_deg": [(0.0, 0.0), (2.0, 0.0), (2.3, 12.0), (6.0, 12.0), (6.2, 0.0)]}
LOOK_DOWN = [*OPEN, (2.0, 1.0), (2.3, 0.4), (6.0, 0.4), (6.2, 1.0)]


@pytest.mark.parametrize("fps", RATES)
def test_a_look_down_is_eyes_down_and_no_closure(fps: int) -> None:
    lids = LidEvents(3)
    series = frames(LOOK_DOWN, fps, 8.0, **DOWN)
    (event,) = reported(series, lids)
    assert event.kind == "eyes_down"
    assert event.start_s == pytest.approx(2.0 + 0.3 * 0.35 / 0.6, abs=0.02)  # through .65
    assert event.since_s == pytest.approx(event.start_s + 0.5, abs=1 / fps + 0.01)
    assert event.end_s == pytest.approx(6.1, abs=0.02)  # through .7


def test_a_squint_is_narrowed_and_no_look_down() -> None:
    lids = LidEvents(3)
    states = set()
    for frame in frames(LOOK_DOWN, 30, 5.5, gaze_down_deg=[(0.0, 1.0)], smile=[(0.0, 0.9)], pitch_deg=[(0.0, -20.0)]):
        lids.update(frame)
        states.add(lids.lids)
    assert states == {"open", "narrowed"}
    assert lids.openness_known == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_blink_inside_a_look_down() -> None:
    keys = [*LOOK_DOWN[:3], *blink_keys(4.0, 0.05, level=0.4), *LOOK_DOWN[3:]]
    assert kinds(reported(frames(keys, 30, 8.0, **DOWN))) == ["blink", "eyes_down"]


@pytest.mark.parametrize(("rests", "is_shut"), [(0.02, True), (0.1, False)])
def test_from_a_lowered_look_lids_are_shut_at_the_bottom_only(rests: float, is_shut: bool) -> None:
    """Who reads the last lines of a page has a tenth of the open gap left."""
    keys = [*LOOK_DOWN[:3], (3.5, 0.4), (3.6, rests), (5.0, rests), (5.2, 0.4), *LOOK_DOWN[3:]]
    assert ("long_closure" in kinds(reported(frames(keys, 30, 8.0, **DOWN)))) == is_shut


def test_over_a_look_down_one_eye_alone_does_not_wink() -> None:
    keys = [*LOOK_DOWN[:3], *blink_keys(4.0, 0.3, level=0.4), *LOOK_DOWN[3:]]
    series = [replace(f, eyes=(max(f.eyes[0], 0.38), f.eyes[1])) for f in frames(keys, 30, 8.0, **DOWN)]
    assert kinds(reported(series)) == ["eyes_down"]


def test_slow_lids_are_lowered_and_unknown_to_perclos() -> None:
    lids = LidEvents(3)
    known = []
    events: list[Event] = []
    for frame in frames([*OPEN, (2.0, 1.0), (4.0, 0.05), (8.0, 0.05), (8.3, 1.0)], 15, 10.0):
        events += [event for event in lids.update(frame) if event.is_over]
        if 4.5 < frame.time_s < 8.0:
            known.append(lids.openness_known)
            assert lids.lids == "lowered"
    assert set(known) == {(None, None)}
    assert kinds(events) == ["eyes_down"]


@pytest.mark.parametrize("fps", RATES)
def test_a_microsleep_and_its_evidence(fps: int) -> None:
    keys = [*OPEN, (3.0, 1.0), (3.2, 0.0), (5.2, 0.0), (5.6, 1.0)]
    found = reported(frames(keys, fps, 8.0, pitch_deg=[(0.0, 2.0)], gaze_down_deg=[(0.0, 1.0)]))
    assert kinds(found) == ["long_closure", "microsleep"]
    slept = found[1]
    assert slept.start_s == pytest.approx(3.1, abs=1 / fps)
    assert slept.end_s == pytest.approx(5.4, abs=1 / fps)
    assert slept.evidence == pytest.approx(
        {"completeness": 1.0, "fall_s": 0.08, "pitch_deg": 2.0, "gaze_down_deg": 1.0}, abs=0.06
    )


def test_a_laugh_a_lowered_look_and_a_head_that_goes_along_make_no_microsleep() -> None:
    keys = [*OPEN, (3.0, 1.0), (3.2, 0.0), (5.2, 0.0), (5.6, 1.0)]
    assert reported(frames(keys, 30, 8.0, smile=[(0.0, 0.9)])) == []
    assert "microsleep" not in kinds(
        reported(frames(keys, 30, 8.0, pitch_deg=[(0, 0), (3.0, 0), (3.4, -15), (9, -15)]))
    )
    lowered = [*LOOK_DOWN[:3], (4.0, 0.4), (4.1, 0.0), (5.8, 0.0), (5.9, 0.4), *LOOK_DOWN[3:]]
    assert kinds(reported(frames(lowered, 30, 8.0, **DOWN))) == ["long_closure", "eyes_down"]


@pytest.mark.parametrize(("falls_deg", "rests", "is_long"), [(6.0, 0.05, True), (20.0, 0.05, False), (20.0, 0.0, True)])
def test_a_head_that_goes_far_down_with_the_lids_looks_at_a_telephone(
    falls_deg: float, rests: float, is_long: bool
) -> None:
    """Unless they are quite shut: what is left of the gap over a telephone is little more than its error."""
    keys = [*OPEN, (3.0, 1.0), (3.15, rests), (20.0, rests), (20.2, 1.0)]
    down = [(0.0, 12.0), (3.0, 12.0), (3.8, 12.0 - falls_deg), (30.0, 12.0 - falls_deg)]
    assert ("long_closure" in kinds(reported(frames(keys, 30, 22.0, pitch_deg=down)))) == is_long


def test_a_blink_that_ends_a_look_down_is_no_sleep() -> None:
    """The head has gone down already when the lids, let down slowly, pass half of their way in the blink."""
    keys = [
        *OPEN,
        (3.0, 1.0),
        (3.6, 0.5),
        (3.66, 0.05),
        (3.76, 0.05),
        (3.9, 0.25),
        (4.3, 0.1),
        (16.0, 0.1),
        (16.3, 1.0),
    ]
    down = [(0.0, 0.0), (2.7, 0.0), (3.1, -22.0), (30.0, -22.0)]
    assert not {"long_closure", "microsleep"} & set(kinds(reported(frames(keys, 15, 18.0, pitch_deg=down))))


def test_lids_whose_level_was_not_seen_make_no_long_closure() -> None:
    """Behind dark glasses eyes are seen for moments, and what is read then is a guess."""
    keys = [*OPEN, (3.0, 0.75), (3.2, 0.55), (3.4, 0.0), (4.6, 0.0)]
    series = [replace(f, eyes=(None, None)) if 2.0 < f.time_s < 3.04 else f for f in frames(keys, 15, 4.5)]
    assert "long_closure" not in kinds(reported(series))
    assert "long_closure" in kinds(reported(frames(keys, 15, 4.5)))


def test_a_moment_of_half_open_lids_between_two_long_closures_does_not_hide_the_second() -> None:
    """The eyes were in sight all the time (squeeze_d3, frames 111 to 161, with .17 s between the closures)."""
    keys = [*OPEN, (3.0, 0.75), (3.1, 0.0), (3.9, 0.0), (3.95, 0.4), (4.12, 0.4), (4.16, 0.0), (5.0, 0.0), (5.1, 1.0)]
    assert kinds(reported(frames(keys, 30, 8.0))).count("long_closure") == 2


def test_what_the_network_calls_lowered_is_no_sleep() -> None:
    keys = [*OPEN, (3.0, 1.0), (3.2, 0.0), (5.2, 0.0), (5.6, 1.0)]
    assert reported(frames(keys, 30, 8.0, lowered=[(0.0, 0.7)], shut=[(0.0, 0.2)])) == []
    said = reported(frames(keys, 30, 8.0, lowered=[(0.0, 0.2)], shut=[(0.0, 0.7)]))
    assert kinds(said) == ["long_closure", "microsleep"]


def test_covered_eyes_and_a_lost_face_end_nothing_as_a_blink() -> None:
    series = frames([*OPEN, *blink_keys(2.0, 0.1)], 30, 4.0)
    covered = [replace(f, eyes=(None, None)) if 2.1 < f.time_s < 2.2 else f for f in series]
    assert reported(covered) == []
    assert reported([f for f in series if not 2.1 < f.time_s < 2.5]) == []  # a gap


def test_a_wink() -> None:
    series = [replace(f, eyes=(f.eyes[0], 0.9)) for f in frames([*OPEN, *blink_keys(2.0, 0.3)], 30, 4.0)]
    assert kinds(reported(series)) == ["wink_right"]


def test_a_closure_that_was_on_when_the_eyes_came_into_sight_is_none() -> None:
    assert reported(frames([(0.0, 0.0), (1.0, 0.0), (1.2, 1.0), (3.0, 1.0)], 30, 3.0)) == []


def test_reset_equals_fresh() -> None:
    used = LidEvents(3)
    reported(frames([*OPEN, (2.0, 1.0), (2.2, 0.3), (9.0, 0.3)], 30, 5.0, **DOWN), used)
    for frame in frames([(0.0, 0.5)], 30, 1.0):
        used.update(replace(frame, time_s=frame.time_s + 6.0))
    used.reset()
    series = frames([*OPEN, *blink_keys(1.0, 0.1), *((t + 1.0, x) for t, x in LOOK_DOWN[1:])], 30, 9.0, **DOWN)
    fresh = LidEvents(3)
    for frame in series:
        assert used.update(frame) == fresh.update(frame)
        assert (used.lids, used.closed_s, used.openness_known) == (fresh.lids, fresh.closed_s, fresh.openness_known)
