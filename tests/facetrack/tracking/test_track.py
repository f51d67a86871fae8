"""One track: where it is expected next, and what of it belongs to the person rather than to the place."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack.geometry import crop_from_points, points_box
from facetrack.head_model import RIGID_MODEL_MM
from facetrack.landmarker import Reading
from facetrack.topology import RIGID
from facetrack.tracking.motion import LastSeen, Velocity
from facetrack.tracking.track import Track
from facetrack.types import HeadRotation, Landmarks
from staged import actor, alike

MARGIN = 1.3


def reading(x, y=100.0, size=80.0):
    return Reading(Landmarks(actor(x, y, size), np.ones(68, np.float32)), 0.9)


def track_at(x, number=0):
    track = Track(MARGIN, "off")
    track.restart(reading(x), 0.0)
    track.id = number
    return track


def middle(track):
    return (track.box[0] + track.box[2]) / 2


def test_at_constant_velocity_the_next_place_is_met_but_for_jitter():
    """10 px a frame after many frames; .02 of 80 px are taken off the foretold way."""
    velocity = Velocity()
    for i in range(30):
        velocity.update(complex(10.0 * i, 5.0), i / 30)
    assert velocity.px_per_s == pytest.approx(300, abs=1e-6)
    assert velocity.shift_px(1 / 30, 80.0) == pytest.approx(10 - 0.02 * 80, abs=1e-6)


def test_the_first_step_counts_by_seven_tenths_and_the_second_by_more():
    """.7 * 300 = 210, then .7 * 300 + .3 * 210 = 273 px/s."""
    velocity = Velocity()
    velocity.update(0j, 0.0)
    assert velocity.px_per_s == 0
    velocity.update(10j, 1 / 30)
    assert velocity.px_per_s == pytest.approx(210j)
    velocity.update(20j, 2 / 30)
    assert velocity.px_per_s == pytest.approx(273j)


def test_jitter_by_one_percent_is_foretold_as_rest():
    velocity, rng = Velocity(), np.random.default_rng(1)
    for i in range(200):
        velocity.update(complex(rng.uniform(-0.8, 0.8)), i / 30)  # .01 of 80 px
        assert velocity.shift_px(1 / 30, 80.0) == 0


def test_no_farther_than_eight_tenths_of_the_face_and_reset_is_rest():
    velocity = Velocity()
    velocity.update(0j, 0.0)
    velocity.update(300 + 400j, 1 / 30)
    assert velocity.shift_px(1 / 30, 80.0) == pytest.approx(0.8 * 80 * (0.6 + 0.8j))
    velocity.reset()
    assert velocity.shift_px(1 / 30, 80.0) == 0
    velocity.update(300 + 0j, 1.0)
    assert velocity.px_per_s == 0, "the place before the reset is forgotten"


def test_a_place_is_as_far_as_from_where_it_stood_or_where_it_went():
    """40 px wide at 100 px/s to the right: half a second on it is expected 50 px away and no farther."""
    last_seen = LastSeen(np.float32([0, 0, 40, 40]), 0.0, 100 + 0j)
    for seconds, x, expected in [(0.2, 0, 0.0), (0.2, 20, 0.0), (0.2, 30, 10 / 40), (9.0, 50, 0.0), (9.0, 90, 1.0)]:
        box = np.float32([x, 0, x + 40, 40])
        assert last_seen.distance(box, seconds) == pytest.approx(expected), (seconds, x)
    twice = np.float32([-20, -20, 60, 60])
    assert last_seen.distance(twice, 0.0) == pytest.approx(math.log(2))


def test_a_new_track_is_nobody_s():
    track = Track(MARGIN, "off")
    assert not any((track.confirmed, track.followed, track.lost, track.just_lost))
    assert track.seen_s == -math.inf


def test_the_crop_goes_ahead_while_followed_and_stays_when_lost():
    track = track_at(100)
    for i in range(1, 20):
        track.update(reading(100 + 10 * i), i / 30)
    still = track._crop
    ahead = track.crop_at(20 / 30)
    assert ahead.x - still.x == pytest.approx(10 - 0.02 * 80, abs=0.01)
    assert (ahead.y, ahead.size_px) == pytest.approx((still.y, still.size_px))
    track.lose()
    assert track.just_lost
    assert track.crop_at(20 / 30) == still
    track.lose()
    assert not track.just_lost


@pytest.mark.parametrize(("gap_s", "kept"), [(0.09, True), (0.2, False)])
def test_a_brief_loss_keeps_the_velocity(gap_s, kept):
    track = track_at(100)
    for i in range(1, 20):
        track.update(reading(100 + 10 * i), i / 30)
    track.lose()
    track.restart(reading(290 + 300 * gap_s), 19 / 30 + gap_s)
    assert track.last_seen.px_per_s.real == pytest.approx(300 if kept else 0, abs=1e-3)
    assert track.readings == 1


def test_the_crop_is_the_points_own_after_a_restart():
    track = track_at(100)
    track.lose()
    track.restart(reading(300, 50, 40), 5.0)
    crop, own = track.crop_at(5.03), crop_from_points(actor(300, 50, 40), MARGIN)
    assert (crop.x, crop.y, crop.size_px) == pytest.approx((own.x, own.y, own.size_px))


def test_hidden_it_is_expected_where_it_stood_alone():
    track = track_at(100, number=1)
    track.set_unoccluded(unoccluded=True)
    track.update(reading(110), 0.1)
    track.set_unoccluded(unoccluded=False)
    track.occlude()
    assert (track.lost, track.occluded, middle(track)) == (True, True, pytest.approx(100))
    track.restart(reading(150), 0.2)
    assert not track.occluded


def test_swap_exchanges_numbers_and_looks_and_leaves_the_places():
    one, other = track_at(100, 1), track_at(300, 2)
    one.add_embedding(alike(1.0, 0, 1))
    other.add_embedding(alike(1.0, 1, 0))
    one.swap_identity(other)
    assert (one.id, middle(one), other.id, middle(other)) == (2, pytest.approx(100), 1, pytest.approx(300))
    assert one.embeddings.similarity(alike(1.0, 1, 0)) == pytest.approx(1)


def test_who_was_replaced_is_lost_where_the_last_look_was():
    track = track_at(100, number=7)
    track.add_embedding(alike(1.0, 0, 1))
    track.update(reading(120), 0.1)
    person = track.detach_identity()
    assert (person.id, track.id, person.lost, person.seen_s) == (7, 0, True, 0.0)
    np.testing.assert_allclose(person.box, points_box(actor(100, 100)))
    assert (len(person.embeddings), len(track.embeddings)) == (1, 0)


def test_who_was_replaced_can_be_found_hidden_and_replaced_again():
    """Before ever standing alone or being looked at again; so can somebody known again by a look that is not new."""
    track = track_at(100, number=7)
    track.add_embedding(alike(1.0, 0, 1))
    person = track.detach_identity()
    person.restart(reading(200), 1.0)
    person.occlude()
    assert middle(person) == pytest.approx(100)
    person.restart(reading(200), 2.0)
    again = person.detach_identity()
    assert (again.id, middle(again)) == (7, pytest.approx(100))
    found = track_at(300)
    found.swap_identity(again)
    assert middle(found.detach_identity()) == pytest.approx(300)


def test_the_crop_is_turned_by_the_networks_rotation_and_else_by_the_points():
    head = HeadRotation(Rotation.from_euler("YXZ", [-80, 0, 25], degrees=True).as_matrix(), np.eye(3))
    x, y, _ = head.rotation @ [0, 1, 0]
    track = track_at(100)
    assert track.crop_at(0.0).roll_rad == pytest.approx(0, abs=1e-6)
    track.restart(replace(reading(100), head=head), 5.0)
    assert track.crop_at(5.0).roll_rad == pytest.approx(np.arctan2(-x, y))
    assert track.head is head


@pytest.mark.parametrize("yaw_deg", range(-90, 91, 30))
@pytest.mark.parametrize("known", [True, False])
def test_feedback_of_the_crops_roll_settles(yaw_deg, known):
    """A network whose rotation and points are off by a quarter of what its crop is turned wrong: passes undo it."""
    exact = Rotation.from_euler("YXZ", [-yaw_deg, -10, 15], degrees=True)
    x, y, _ = exact.as_matrix() @ [0, 1, 0]
    true_roll, track = np.arctan2(-x, y), Track(MARGIN, "off")
    crop_roll = true_roll + 0.6
    for i in range(3):
        turned = Rotation.from_rotvec([0, 0, (crop_roll - true_roll) / 4]) * exact
        points = actor(100, 100)
        points[list(RIGID)] = (RIGID_MODEL_MM @ turned.as_matrix().T)[:, :2] / 2 + 100
        head = HeadRotation(turned.as_matrix(), np.eye(3)) if known else None
        track.restart(Reading(Landmarks(points, np.ones(68, np.float32)), 0.9, head=head), float(i))
        crop_roll = track.crop_at(float(i)).roll_rad
    assert crop_roll == pytest.approx(true_roll, abs=0.6 / 4**3 + 1e-3)


def test_the_rotation_is_smoothed_as_the_points_are():
    """At rest at medium smoothing a rotation that jitters comes out calmer; without smoothing it passes unchanged."""
    rng, spreads = np.random.default_rng(0), {}
    for smoothing in ("off", "medium"):
        track, yaws = Track(MARGIN, smoothing), []
        for i in range(90):
            jitter = Rotation.from_rotvec([0, np.radians(rng.normal(0, 1)), 0]).as_matrix()
            marks = Landmarks(actor(100, 100) + rng.normal(0, 0.2, (68, 2)).astype(np.float32), np.ones(68, np.float32))
            seen = Reading(marks, 0.9, head=HeadRotation(jitter, np.eye(3)))
            (track.update if i else track.restart)(seen, i / 30)
            yaws.append(np.degrees(Rotation.from_matrix(track.head.rotation).as_rotvec()[1]))
        spreads[smoothing] = np.std(yaws[30:])
    assert spreads["off"] == pytest.approx(1, abs=0.25)
    assert spreads["medium"] < 0.5
