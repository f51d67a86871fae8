"""Openness by lid gaps that are set by hand; what cannot be seen; the head's angle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facetrack.signals import Observation, viewed_from_deg
from facetrack.signals.eyes.closure import LidFrame
from facetrack.signals.eyes.lid_gap import GapMeter, straight_gap
from facetrack.types import EyesReading
from poses import pose

WIDTH = 30.0


def reading(
    gap: float | tuple[float, float], *, covered: float = 0.0, sigma: float = 0.01, iris: float = 0.0,
    state: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3),
) -> EyesReading:  # fmt: skip
    """Make both eyes 30 px wide, level; iris: its centre below the line of the corners, in widths."""
    gaps = np.array(gap if isinstance(gap, tuple) else (gap, gap), np.float32)
    contour = np.zeros((2, 6, 2), np.float32)
    for eye, x in enumerate((100.0, 160.0)):
        contour[eye] = [(x + dx, 90 + dy) for dx, dy in ((0, 0), (10, -4), (20, -4), (30, 0), (20, 4), (10, 4))]
    centre = np.array([[115.0, 90 + iris * WIDTH], [175.0, 90 + iris * WIDTH]], np.float32)
    pair = np.ones(2, np.float32)
    return EyesReading(
        contour, np.ones((2, 6), np.float32), centre, 6 * pair, pair, gaps, sigma * pair,
        np.array([state, state], np.float32), covered * pair,
    )  # fmt: skip


def observed(
    time_s: float, eyes: EyesReading | None, yaw: float = 0.0, pitch: float = 0.0, smile: float = 0.0
) -> Observation:
    return Observation(
        time_s, np.zeros((68, 2), np.float32), np.ones(68, np.float32), pose(yaw, pitch), {"smile": smile}, eyes=eyes
    )


def follow(meter: GapMeter, observation: Observation) -> LidFrame:
    assert observation.pose is not None
    return meter.update(observation, viewed_from_deg(observation.pose))


def learnt(gap: float, seconds: float = 60.0) -> GapMeter:
    meter = GapMeter()
    for i in range(int(10 * seconds)):
        follow(meter, observed(i / 10, reading(gap)))
    return meter


@pytest.mark.parametrize("gap", [0.2, 0.3, 0.42])
def test_linear_in_the_lids_over_the_persons_own_gap(gap: float) -> None:
    meter = learnt(gap)
    found = [follow(meter, observed(60 + i / 10, reading(share * gap))).eyes[0] for i, share in enumerate(SHARES)]
    # Shut is a tenth of the open gap until closures were seen.
    wanted = [max(0.0, (share - 0.1) / 0.9) for share in SHARES]
    assert found == pytest.approx(wanted, abs=0.05)


SHARES = (1.0, 0.8, 0.6, 0.4, 0.2, 0.05)


def test_known_from_the_first_frame_and_a_quarter_off_at_most() -> None:
    for gap in (0.25, 0.32, 0.40):
        right, left = follow(GapMeter(), observed(0.0, reading(gap))).eyes
        assert right == left
        assert right == pytest.approx(1.0, abs=0.25)


def test_eyes_lowered_at_the_start_do_not_become_the_open_ones() -> None:
    meter = GapMeter()
    found = [follow(meter, observed(i / 10, reading(0.14))).eyes[0] for i in range(10)]
    assert max(x for x in found if x is not None) < 0.6
    for i in range(10, 60):
        follow(meter, observed(i / 10, reading(0.32)))
    assert follow(meter, observed(6.0, reading(0.14))).eyes[0] == pytest.approx((0.14 / 0.32 - 0.1) / 0.9, abs=0.06)


def test_shut_eyes_are_learnt_from_closures_but_not_from_incomplete_ones() -> None:
    meter = learnt(0.3)
    time_s = 60.0
    for share in (0.2,) * 12 + (0.39, 0.39):
        follow(meter, observed(time_s, reading(share * 0.3)))
        meter.saw_closure(time_s - 0.05, time_s + 0.05)
        time_s += 0.2
    assert follow(meter, observed(time_s, reading(0.06))).eyes[0] == pytest.approx(0.0, abs=0.02)
    assert follow(meter, observed(time_s + 0.1, reading(0.18))).eyes[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("yaw", [-28.0, -15.0, 0.0, 15.0, 28.0])
def test_a_turned_head_leaves_the_openness(yaw: float) -> None:
    # The width of a flat eye whose corners lie on a line turned outwards by 14 degrees, projected by hand.
    meter = learnt(0.3)
    slant, turn = math.radians(14), math.radians(yaw)
    seen_gap = (0.3 * math.cos(slant) / math.cos(slant - turn), 0.3 * math.cos(slant) / math.cos(slant + turn))
    eyes = follow(meter, observed(60.0, reading(seen_gap), yaw=yaw)).eyes
    assert eyes == pytest.approx((1.0, 1.0), abs=0.03)


def test_straight_gap_equals_the_two_eyes_of_a_turned_head() -> None:
    # Medians of a head turned by 16 degrees to the picture's right, the left eye the far one: docs/signals.md.
    right, left = straight_gap(0.362, -16.0, (16.0, 0.0)), straight_gap(0.418, 16.0, (16.0, 0.0))
    assert right == pytest.approx(left, rel=0.02)


@pytest.mark.parametrize(
    ("eyes", "yaw", "pitch"),
    [
        (None, 0, 0), (reading(0.3, covered=0.8), 0, 0), (reading(0.3, sigma=0.2), 0, 0), (reading(math.nan), 0, 0),
        (reading(0.3), 50, 0), (reading(0.3), 0, 35),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_none(eyes: EyesReading | None, yaw: float, pitch: float) -> None:
    assert follow(GapMeter(), observed(0.0, eyes, yaw, pitch)).eyes == (None, None)


def test_the_far_eye_is_unknown_past_thirty_degrees() -> None:
    right, left = follow(GapMeter(), observed(0.0, reading(0.3), yaw=35.0)).eyes
    assert right is not None
    assert left is None


def test_gaze_from_the_iris() -> None:
    meter = GapMeter()
    for i in range(100):
        follow(meter, observed(i / 10, reading(0.32, iris=-0.08)))
    # .42 of the width is the eyeball's radius: a shift by .1 turns it by asin(.1 / .42) = 13.8 degrees.
    found = follow(meter, observed(10.0, reading(0.2, iris=0.02))).gaze_down_deg
    assert found == pytest.approx(13.8, abs=0.7)
    assert follow(meter, observed(10.1, reading(0.02, iris=0.02))).gaze_down_deg is None  # a shut eye hides its iris


def test_reset_equals_fresh() -> None:
    used = learnt(0.2, 20.0)
    used.saw_closure(19.0, 20.0)
    used.reset()
    fresh = GapMeter()
    for i in range(50):
        frame = observed(i / 10, reading(0.3 - 0.005 * i, iris=0.01 * i))
        assert follow(used, frame) == follow(fresh, frame)


def test_not_shut_is_open() -> None:
    meter = GapMeter()
    shut = {"state": (0.05, 0.15, 0.8)}
    follow(meter, observed(0.0, reading((0.3, 0.02), **shut)))
    assert meter.open_probs == pytest.approx((0.2, 0.2))
    follow(meter, observed(0.1, reading(0.3, **shut), yaw=40.0))
    assert meter.open_probs == (pytest.approx(0.2), None)  # the left eye is turned away
    for unknown in (reading(0.3, covered=0.9, **shut), reading(0.3), None):  # covered; a reader without states
        follow(meter, observed(0.2, unknown))
        assert meter.open_probs == (None, None)
