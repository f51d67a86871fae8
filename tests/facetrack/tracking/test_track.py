"""One track and one person: where the face is expected next, and what stays with whom."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.geometry import crop_from_points
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.landmarker import Reading
from facetrack.signals import FaceSignals, SignalOptions
from facetrack.topology import RIGID
from facetrack.tracking.motion import LastSeen
from facetrack.tracking.track import Person, Track
from facetrack.types import HeadRotation, Landmarks
from staged import actor, alike

MARGIN = 1.3


def reading(x, y=100.0, size=80.0):
    return Reading(Landmarks(actor(x, y, size), np.ones(68, np.float32)), 0.9)


def track_at(x, time_s=0.0, person=None):
    track = Track(reading(x), time_s, MARGIN, "off")
    track.person = person
    return track


def person_at(x, number=1, time_s=0.0):
    return Person(number, FaceSignals(SignalOptions(), number), track_at(x, time_s).last_seen)


def moving(steps=20, pace=10):
    """Follow a face that goes `pace` px a frame for so many frames."""
    track = track_at(100)
    for i in range(1, steps):
        track.update(reading(100 + pace * i), i / 30)
    return track


def middle(seen):
    return (seen.box[0] + seen.box[2]) / 2


def course(*centres, fps=30):
    """Return where a face is seen last that had these centres, one a frame."""
    box, seen = np.float32([0, 0, 80, 80]), None
    for i, centre in enumerate(centres):
        now = LastSeen(box, centre, i / fps)
        seen = now if seen is None else now.after(seen)
    return seen


def test_at_constant_velocity_the_next_place_is_met_but_for_jitter():
    """10 px a frame after many frames; .02 of 80 px are taken off the foretold way."""
    seen = course(*(complex(10.0 * i, 5.0) for i in range(30)))
    assert seen.px_per_s == pytest.approx(300, abs=1e-6)
    assert seen.shift_px(1 / 30, 80.0) == pytest.approx(10 - 0.02 * 80, abs=1e-6)


def test_the_first_step_counts_by_seven_tenths_and_the_second_by_more():
    """.7 * 300 = 210, then .7 * 300 + .3 * 210 = 273 px/s."""
    assert course(0j).px_per_s == 0
    assert course(0j, 10j).px_per_s == pytest.approx(210j)
    assert course(0j, 10j, 20j).px_per_s == pytest.approx(273j)


def test_jitter_by_one_percent_is_foretold_as_rest():
    jitter = np.random.default_rng(1).uniform(-0.8, 0.8, 200)  # .01 of 80 px
    for end in range(1, 200):
        assert course(*map(complex, jitter[:end])).shift_px(1 / 30, 80.0) == 0


def test_no_farther_than_eight_tenths_of_the_face():
    assert course(0j, 300 + 400j).shift_px(1 / 30, 80.0) == pytest.approx(0.8 * 80 * (0.6 + 0.8j))


def test_a_place_is_as_far_as_from_where_it_stood_or_where_it_went():
    """40 px wide at 100 px/s to the right: half a second on it is expected 50 px away and no farther."""
    last_seen = LastSeen(np.float32([0, 0, 40, 40]), 20 + 20j, 0.0, 100 + 0j)
    for seconds, x, expected in [(0.2, 0, 0.0), (0.2, 20, 0.0), (0.2, 30, 10 / 40), (9.0, 50, 0.0), (9.0, 90, 1.0)]:
        box = np.float32([x, 0, x + 40, 40])
        assert last_seen.distance(box, seconds) == pytest.approx(expected), (seconds, x)
    twice = np.float32([-20, -20, 60, 60])
    assert last_seen.distance(twice, 0.0) == pytest.approx(math.log(2))


def test_the_crop_goes_ahead():
    track = moving()
    ahead = track.crop_at(20 / 30)
    assert ahead.x - track.crop.x == pytest.approx(10 - 0.02 * 80, abs=0.01)
    assert (ahead.y, ahead.size_px) == pytest.approx((track.crop.y, track.crop.size_px))


@pytest.mark.parametrize(("gap_s", "velocity"), [(0.09, 300), (0.2, 0)])
@pytest.mark.parametrize("cut", [False, True])
def test_a_brief_loss_keeps_the_velocity_unless_a_cut_caused_it(gap_s, velocity, cut):
    person, track = person_at(100), moving()
    person.lose(track)
    if cut:
        person.lose(None)
    again = track_at(290 + 300 * gap_s, 19 / 30 + gap_s)
    again.resume(person)
    assert again.last_seen.px_per_s.real == pytest.approx(0 if cut else velocity, abs=1e-3)
    assert (again.person, person.ended) == (person, None)


def test_the_velocity_of_a_face_that_waited_is_its_own():
    """It stands at 400 since before the person was lost elsewhere."""
    person, waiting = person_at(100), track_at(400)
    person.lose(track_at(100))
    waiting.update(reading(400), 1 / 30)
    waiting.resume(person)
    assert waiting.last_seen.px_per_s == pytest.approx(0, abs=1e-3)


def test_the_crop_of_a_new_track_is_its_points_own():
    track = Track(reading(300, 50, 40), 5.0, MARGIN, "off")
    crop, own = track.crop_at(5.03), crop_from_points(actor(300, 50, 40), MARGIN)
    assert (crop.x, crop.y, crop.size_px) == pytest.approx((own.x, own.y, own.size_px))


def test_a_person_is_lost_in_plain_sight_where_the_track_ended_and_by_a_cut_nowhere():
    person, track = person_at(100), track_at(130, 1.0)
    person.lose(track)
    assert (middle(person.last_seen), person.last_seen.time_s, person.ended) == (pytest.approx(130), 1.0, track)
    person.lose(None)
    assert (person.last_seen.distance(track.box, 1.1), person.ended) == (math.inf, None)


def test_in_a_picture_twice_as_wide_all_places_are_scaled():
    """Pixel centres lie at integers: 100 becomes 200.5."""
    person, track = person_at(100), track_at(130)
    person.add_embedding(alike(1.0, 0, 1), track_at(110))
    person.lose(track)
    person.rescale(2.0, 1.0)
    places = person.last_seen, person.embedded, track.first_seen, track.last_seen
    assert [middle(seen) for seen in places] == pytest.approx([260.5, 220.5, 260.5, 260.5])
    assert track.crop.x == pytest.approx(2 * crop_from_points(actor(130, 100), MARGIN).x + 0.5)


def test_the_crop_is_turned_by_the_networks_rotation_and_else_by_the_points():
    head = HeadRotation(Rotation.from_euler("YXZ", [-80, 0, 25], degrees=True).as_matrix(), np.eye(3))
    x, y, _ = head.rotation @ [0, 1, 0]
    assert track_at(100).crop_at(0.0).roll_rad == pytest.approx(0, abs=1e-6)
    track = Track(replace(reading(100), head=head), 5.0, MARGIN, "off")
    assert track.crop_at(5.0).roll_rad == pytest.approx(np.arctan2(-x, y))
    assert track.head is head


@pytest.mark.parametrize("yaw_deg", range(-90, 91, 30))
@pytest.mark.parametrize("known", [True, False])
def test_feedback_of_the_crops_roll_settles(yaw_deg, known):
    """A network whose rotation and points are off by a quarter of what its crop is turned wrong: passes undo it."""
    exact = Rotation.from_euler("YXZ", [-yaw_deg, -10, 15], degrees=True)
    x, y, _ = exact.as_matrix() @ [0, 1, 0]
    true_roll = np.arctan2(-x, y)
    crop_roll = true_roll + 0.6
    for i in range(3):
        turned = Rotation.from_rotvec([0, 0, (crop_roll - true_roll) / 4]) * exact
        points = actor(100, 100)
        points[list(RIGID)] = (RIGID_MODEL_MM @ turned.as_matrix().T)[:, :2] / 2 + 100
        head = HeadRotation(turned.as_matrix(), np.eye(3)) if known else None
        track = Track(Reading(Landmarks(points, np.ones(68, np.float32)), 0.9, head=head), float(i), MARGIN, "off")
        crop_roll = track.crop_at(float(i)).roll_rad
    assert crop_roll == pytest.approx(true_roll, abs=0.6 / 4**3 + 1e-3)


def test_the_rotation_is_smoothed_as_the_points_are():
    """At rest at medium smoothing a rotation that jitters comes out calmer; without smoothing it passes unchanged."""
    rng, spreads = np.random.default_rng(0), {}
    for smoothing in ("off", "medium"):
        track, yaws = None, []
        for i in range(90):
            jitter = Rotation.from_rotvec([0, np.radians(rng.normal(0, 1)), 0]).as_matrix()
            marks = Landmarks(actor(100, 100) + rng.normal(0, 0.2, (68, 2)).astype(np.float32), np.ones(68, np.float32))
            seen = Reading(marks, 0.9, head=HeadRotation(jitter, np.eye(3)))
            if track is None:
                track = Track(seen, i / 30, MARGIN, smoothing)
            else:
                track.update(seen, i / 30)
            yaws.append(np.degrees(Rotation.from_matrix(track.head.rotation).as_rotvec()[1]))
        spreads[smoothing] = np.std(yaws[30:])
    assert spreads["off"] == pytest.approx(1, abs=0.25)
    assert spreads["medium"] < 0.5
