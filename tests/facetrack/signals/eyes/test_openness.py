"""Openness of eyes whose aspect ratios are set by hand; learnt levels; profiles."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import OutputError, SettingsError
from facetrack.signals import FaceSignals, Observation, Profile, SignalOptions, measure, viewed_from_deg
from facetrack.signals.eyes.openness import EyeMeter
from facetrack.signals.observation import NOTHING
from facetrack.types import Event, Floats, Signals
from poses import pose

REST = np.random.default_rng(0).uniform(0, 300, (68, 2))


def points(ear_right: float, ear_left: float) -> Floats:
    """Make a face whose eyes are 40 px wide and have these aspect ratios."""
    found = REST.copy()
    for indices, ear, x in ((topology.EAR_RIGHT, ear_right, 100.0), (topology.EAR_LEFT, ear_left, 200.0)):
        h = 40 * ear / 2
        found[list(indices)] = [
            (x, 90),
            (x + 13, 90 - h),
            (x + 27, 90 - h),
            (x + 40, 90),
            (x + 27, 90 + h),
            (x + 13, 90 + h),
        ]
    return found.astype(np.float32)  # fmt: skip


def seen(
    time_s: float,
    ear: float | tuple[float, float] = 0.3,
    *,
    yaw: float = 0.0,
    pitch: float = 0.0,
    sigma: float = 1.0,
    presence: float = 0.99,
) -> Observation:
    right, left = ear if isinstance(ear, tuple) else (ear, ear)
    sigmas = np.full(68, sigma, np.float32)
    return Observation(time_s, points(right, left), sigmas, pose(yaw, pitch), presence=presence)


def openness(meter: EyeMeter, observation: Observation) -> tuple[float | None, float | None]:
    assert observation.pose is not None
    measured = measure(observation.points, observation.pose)
    return meter.update(observation, measured, viewed_from_deg(observation.pose))


def watched(seconds: float, ear: float, fps: int = 30) -> EyeMeter:
    meter = EyeMeter()
    for i in range(int(seconds * fps)):
        openness(meter, seen(i / fps, ear))
    return meter


def test_right_from_the_first_frame() -> None:
    assert openness(EyeMeter(), seen(0.0, 0.30)) == (pytest.approx(1.0), pytest.approx(1.0))
    assert openness(EyeMeter(), seen(0.0, (0.30, 0.15))) == (pytest.approx(1.0), pytest.approx(0.0))


@pytest.mark.parametrize(("opened", "half", "closed"), [(0.18, 0.135, 0.09), (0.42, 0.315, 0.21)])
def test_a_person_s_own_open_eye_is_one(opened: float, half: float, closed: float) -> None:
    # Squinting and wide eyes, closed ones at half of theirs.
    meter = watched(10, opened)
    estimated = [openness(meter, seen(10 + i / 30, ear))[0] for i, ear in enumerate((opened, half, closed))]
    assert estimated == pytest.approx([1.0, 0.5, 0.0], abs=0.1)


def test_blinks_and_smiles_do_not_lower_the_open_level() -> None:
    meter = EyeMeter()
    for i in range(1800):  # two minutes: a blink every 3 s, smiling for ten of every thirty
        t = i / 15
        openness(meter, seen(t, 0.15 if t % 3 < 0.2 else 0.2 if t % 30 > 20 else 0.3))
    assert meter.right.ear_open == pytest.approx(0.3, abs=0.01)


def test_drooping_lids_do_not_become_the_open_eye() -> None:
    meter = watched(60, 0.30, fps=10)
    for i in range(1500):
        last = openness(meter, seen(60 + i / 10, 0.19))[0]
    assert last is not None
    assert last < 0.65


def test_the_closed_level_comes_from_closures() -> None:
    meter = watched(10, 0.35)
    assert meter.right.ear_closed == pytest.approx(0.175, abs=0.01)  # half of the open eye's, as of anybody's
    for i in range(10):
        start = 10 + i
        for k, ear in enumerate((0.35, 0.22, 0.22, 0.35)):
            openness(meter, seen(start + k / 30, ear))
        meter.saw_closure(start, start + 0.1)
    assert meter.right.ear_closed == pytest.approx(0.22, abs=0.01)


def test_glasses_with_a_closed_aspect_ratio_of_eleven_hundredths() -> None:
    # irlume#377: .018 without, .113 with glasses; a baseline of bare eyes sees no closure.
    meter = watched(10, 0.28)
    closed, _ = openness(meter, seen(10.0, 0.113))
    assert closed == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "right", "left"),
    [
        ({}, True, True),
        ({"yaw": 24.0}, True, True),
        ({"yaw": 27.0}, True, False),
        ({"yaw": -27.0}, False, True),
        ({"yaw": 32.0}, False, False),
        ({"pitch": 31.0}, False, False),
        ({"presence": 0.3}, False, False),
        ({"sigma": 12.0}, False, False),  # 40 px wide eyes
        ({"sigma": math.nan}, True, True),  # a network that does not tell
    ],
)
def test_unknown_is_none(changes: dict[str, float], right: bool, left: bool) -> None:
    estimated = openness(EyeMeter(), seen(0.0, 0.3, **changes))
    assert (estimated[0] is not None, estimated[1] is not None) == (right, left)
    nothing = EyeMeter().update(Observation(0.0, points(0.3, 0.3), np.ones(68, np.float32)), NOTHING, None)
    assert nothing == (None, None)


def test_the_eyes_of_a_lowered_head_are_unknown() -> None:
    meter = watched(5, 0.30)
    assert openness(meter, seen(5.0, 0.15, pitch=-20)) == (None, None)
    # A camera below the screen: this is how the head is held.
    below = EyeMeter()
    for i in range(300):
        estimated = openness(below, seen(i / 30, 0.30, pitch=-20))
    assert estimated == (pytest.approx(1.0, abs=0.05), pytest.approx(1.0, abs=0.05))


def test_a_profile_is_known_at_once() -> None:
    meter = EyeMeter(profile=Profile(ear_right_open=0.2, ear_right_closed=0.1, ear_left_open=0.4, ear_left_closed=0.2))
    assert openness(meter, seen(0.0, (0.15, 0.3))) == (pytest.approx(0.5), pytest.approx(0.5))


def test_rates_agree_and_reset_equals_fresh() -> None:
    levels = [watched(15, 0.36, fps=fps).right for fps in (15, 30, 60)]
    assert [level.ear_open for level in levels] == pytest.approx([levels[0].ear_open] * 3, abs=0.002)
    meter = watched(5, 0.2)
    meter.saw_closure(4.0, 5.0)
    meter.reset()
    fresh = EyeMeter()
    for i in range(30):
        observation = seen(i / 30, 0.25 + 0.002 * i)
        assert openness(meter, observation) == openness(fresh, observation)


def test_profiles_are_kept(tmp_path: Path) -> None:
    profile = Profile(ear_right_open=0.31, ear_right_closed=0.14, yaw_deg=-3.5)
    path = tmp_path / "anna.json"
    profile.save(path)
    assert Profile.load(path) == profile
    assert json.loads(path.read_text())["ear_left_open"] is None
    assert [file.name for file in tmp_path.iterdir()] == ["anna.json"]
    with pytest.raises(OutputError):
        profile.save(tmp_path / "no" / "anna.json")


def test_a_profile_with_levels_that_are_no_more_is_read(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text('{"profile": 1, "ear_right_open": 0.31, "eye_right_open": 0.97, "eye_left_open": null}')
    assert Profile.load(path) == Profile(ear_right_open=0.31)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "expected a profile"),
        ("[]", "expected a profile"),
        ('{"ear_right_open": 0.3}', "expected a profile"),
        ('{"profile": 1, "ear_rihgt_open": 0.3}', "unknown entries ear_rihgt_open"),
        ('{"profile": 1, "yaw_deg": "left"}', "expected a number"),
        ('{"profile": 1, "yaw_deg": NaN}', "finite"),
        ('{"profile": 1, "ear_left_open": 0.1, "ear_left_closed": 0.2}', "calibrate again"),
    ],
)
def test_bad_profiles_are_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words) as caught:
        Profile.load(path)
    assert str(path) in str(caught.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        Profile.load(tmp_path / "none.json")


# The whole face: a minute of 30 frames per second with everything in it.


def closing(t: float, start_s: float, duration_s: float) -> float:
    """Return the openness of lids that pass half of their way at the start and duration_s later."""
    return 1.0 - max(0.0, min((t - start_s + 0.035) / 0.07, (start_s + duration_s + 0.06 - t) / 0.12, 1.0))


def play(
    signals: FaceSignals, lids: Callable[[float], float], seconds: float, fps: int = 30
) -> tuple[list[Signals], list[Event]]:
    """Play aspect ratios of .35 open, .22 closed."""
    estimated, events = [], []
    for i in range(int(seconds * fps)):
        x = lids(i / fps)
        measured, ended = signals.update(seen(i / fps, 0.22 + 0.13 * x))
        estimated.append(measured)
        events += [event for event in ended if event.is_over]
    return estimated, events


def scene(t: float) -> float:
    """Ten blinks of .2 s, and a microsleep of 3 s at 40 s."""
    return min([closing(t, 3.0 * i + 2, 0.2) for i in range(10)] + [closing(t, 40.0, 3.0)])


@pytest.mark.parametrize("fps", [15, 30])
def test_a_minute_of_one_face(fps: int) -> None:
    signals = FaceSignals(track_id=3)
    estimated, events = play(signals, scene, 60, fps)
    eyes = [e for e in events if e.closing_speed_per_s is not None]
    assert [e.kind for e in eyes] == ["blink"] * 10 + ["long_closure", "microsleep"]
    assert all(e.track_id == 3 for e in events)
    assert eyes[-1].start_s == pytest.approx(40.0, abs=1 / fps)
    assert eyes[-1].end_s == pytest.approx(43.0, abs=1 / fps)
    last = estimated[-1]
    assert last.eyes.blink_rate_per_min == pytest.approx(10.0, rel=0.01)
    assert last.eyes.blink_duration_s == pytest.approx(0.2, abs=1 / fps)
    assert last.perclos_p80_60s == pytest.approx(3 / 60, abs=2 / fps / 60)
    assert last.perclos_p80_180s is None  # not a minute known yet
    assert last.fatigue.parts is not None
    assert last.fatigue.parts["microsleeps"] == pytest.approx(0.35 * 0.5 ** (17 / 45), rel=0.02)  # it ended at 43 s
    assert last.fatigue.score == pytest.approx(sum(last.fatigue.parts.values()))
    assert last.fatigue.level == "tired"  # one closure: half of 3 of 60 s, and what is left of the microsleep
    assert estimated[int(42 * fps)].eyes.closed_s == pytest.approx(2.0, abs=2 / fps)
    assert estimated[0].eyes.right.openness == pytest.approx(1.0, abs=0.05)
    assert estimated[0].perclos_p80_60s is None


def test_reset_of_the_whole_equals_fresh() -> None:
    used, fresh = FaceSignals(SignalOptions()), FaceSignals(SignalOptions())
    play(used, scene, 20)
    used.reset()
    assert play(used, scene, 8) == play(fresh, scene, 8)


def test_a_paused_camera_makes_no_event() -> None:
    signals = FaceSignals()
    play(signals, lambda t: closing(t, 1.95, 9.0), 2.02)  # closed when it stops
    events: list[Event] = []
    for i in range(60):
        events += signals.update(seen(30.0 + i / 30, 0.35))[1]
    assert events == []
