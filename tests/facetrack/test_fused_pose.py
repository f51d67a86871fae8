"""Fusion of a network's rotation and the points: exact projections, Monte-Carlo spreads, SciPy's rotations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from facetrack import topology
from facetrack.angles import angle_rates, between, euler_deg, rotation_from_deg
from facetrack.pose import RIGID_MODEL_MM, fused_pose, head_pose
from facetrack.types import HeadRotation, Landmarks

SIZE = (640, 480)
FOCAL = 320 / np.tan(np.radians(30))
RIGID = list(topology.RIGID)


def landmarks(rotation, place=(0.0, 0.0, 600.0), sigma=0.5, visibility=1.0, off_px=0.0):
    """Project the rigid model; off_px: (13, 2) or a number added to the points."""
    in_camera = RIGID_MODEL_MM @ rotation.T + place
    points = np.zeros((68, 2))
    points[RIGID] = FOCAL * in_camera[:, :2] / in_camera[:, 2:] + (np.array(SIZE) - 1) / 2 + off_px
    seen = np.broadcast_to(np.float32(visibility), 68)
    return Landmarks(points.astype(np.float32), np.full(68, sigma, np.float32), seen)


def network(rotation, sigma_deg=5.0):
    """Predict a rotation with the same uncertainty about every axis."""
    return HeadRotation(rotation, np.eye(3) / np.radians(sigma_deg) ** 2)


def as_seen(rotation, place=(0.0, 0.0, 600.0)):
    """Return the rotation relative to the line of sight to the middle of the rigid points, by SciPy."""
    middle = landmarks(rotation, place).points[RIGID].mean(axis=0) - (np.array(SIZE) - 1) / 2
    view, _ = Rotation.align_vectors([[*middle, FOCAL]], [[0, 0, 1.0]])
    return view.as_matrix().T @ rotation


def apart_deg(a, b):
    return np.degrees(Rotation.from_matrix(a @ b.T).magnitude())


@pytest.mark.parametrize("yaw", [-90, -60, -20, 0, 45, 90])
def test_exact_points_and_an_exact_rotation_give_the_exact_pose(yaw):
    rotation = rotation_from_deg(yaw, 10, -5)
    pose = fused_pose(landmarks(rotation), network(as_seen(rotation)), SIZE)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((yaw, 10, -5), abs=0.02)
    np.testing.assert_allclose(pose.translation_mm, (0, 0, 600), atol=1.0)


@pytest.mark.parametrize("place", [(200, -100, 500), (-250, 0, 500), (0, 180, 700)])
def test_a_head_beside_the_optical_axis_is_seen_along_another_line(place):
    rotation = rotation_from_deg(15, -5, 0)
    seen = as_seen(rotation, place)
    assert apart_deg(seen, rotation) > 10
    pose = fused_pose(landmarks(rotation, place), network(seen, 0.5), SIZE)
    assert apart_deg(pose.rotation, rotation) < 0.05
    np.testing.assert_allclose(pose.translation_mm, place, atol=2.0)


def test_each_side_counts_by_its_certainty():
    points_say, way = rotation_from_deg(20, 0, 0), Rotation.from_rotvec([0, np.radians(-12), 0]).as_matrix()
    network_says = way @ as_seen(points_say)
    off = {
        sigma: apart_deg(fused_pose(landmarks(points_say), network(network_says, sigma), SIZE).rotation, points_say)
        for sigma in (0.1, 5, 60)
    }
    assert off[0.1] == pytest.approx(12, abs=0.1)
    assert off[60] == pytest.approx(0, abs=0.5)
    assert 0.5 < off[5] < 11.5


def test_an_occluded_side_leaves_the_network_the_last_word():
    """The far half of a profile, misplaced by 6 px: its visibility says so."""
    rotation = rotation_from_deg(80, 0, 0)
    far = (RIGID_MODEL_MM[:, :1] > 1) * np.array([[6.0, -6.0]])
    off = {
        seen: apart_deg(
            fused_pose(landmarks(rotation, visibility=seen, off_px=far), network(as_seen(rotation)), SIZE).rotation,
            rotation,
        )
        for seen in (1.0, 0.0)
    }
    assert off[0.0] < 0.5 * off[1.0]


def test_the_pose_does_not_jump_from_profile_to_profile():
    """Steps of one degree; the network is off by up to 8 degrees and unsure in profile, the points jitter."""
    rng, last = np.random.default_rng(1), None
    for yaw in range(-90, 91):
        rotation = rotation_from_deg(yaw, 5, 3)
        wrong = rotation_from_deg(yaw + 8 * np.sin(np.radians(2 * yaw)), 5, 3)
        marks = landmarks(rotation, off_px=rng.normal(0, 0.3, (13, 2)), visibility=0.5)
        pose = fused_pose(marks, network(as_seen(wrong), 3 + abs(yaw) / 10), SIZE)
        assert last is None or apart_deg(pose.rotation, last) < 3.0
        last = pose.rotation


def test_sigma_is_the_spread_of_repeated_observations():
    """Network alone in effect: the points' own sigma is enormous."""
    rng, truth, sigmas_deg = np.random.default_rng(2), rotation_from_deg(50, 20, 10), np.array([6.0, 3.0, 2.0])
    rates = angle_rates(truth) / np.radians(sigmas_deg)[:, None]
    angles = np.array(euler_deg(truth))
    seen = []
    for _ in range(400):
        drawn = rotation_from_deg(*(angles + rng.normal(0, sigmas_deg)))
        pose = fused_pose(landmarks(truth, sigma=300.0), HeadRotation(drawn, rates.T @ rates), SIZE)
        seen.append([*(np.array(euler_deg(pose.rotation)) - angles), *pose.sigma_deg])
    errors, sigma = np.array(seen)[:, :3], np.array(seen)[:, 3:]
    np.testing.assert_allclose(errors.std(axis=0), sigmas_deg, rtol=0.12)
    np.testing.assert_allclose(np.median(sigma, axis=0), sigmas_deg, rtol=0.15)


def test_two_observations_are_surer_than_each():
    rotation = rotation_from_deg(10, 0, 0)
    both = np.array(fused_pose(landmarks(rotation), network(rotation, 5.0), SIZE).sigma_deg)
    points_alone = np.array(fused_pose(landmarks(rotation), network(rotation, 80.0), SIZE).sigma_deg)
    assert (both < 5.0).all()
    assert (both < points_alone).all()


def test_without_a_rotation_it_is_the_pose_of_the_points():
    marks = landmarks(rotation_from_deg(30, -10, 8), off_px=np.random.default_rng(3).normal(0, 1, (13, 2)))
    fused, alone = fused_pose(marks, None, SIZE), head_pose(marks.points, SIZE)
    np.testing.assert_array_equal(fused.rotation, alone.rotation)
    np.testing.assert_array_equal(fused.translation_mm, alone.translation_mm)
    assert fused.sigma_deg is None


@pytest.mark.parametrize("value", [np.nan, 100.0])
def test_points_that_are_none_have_no_pose(value):
    nothing = Landmarks(np.full((68, 2), value, np.float32), np.ones(68, np.float32))
    assert fused_pose(nothing, network(np.eye(3)), SIZE) is None


def test_the_rates_of_the_angles_are_their_derivatives():
    rng = np.random.default_rng(4)
    for angles in rng.uniform(-75, 75, (50, 3)):
        rotation, step = rotation_from_deg(*angles), 1e-6
        rates = angle_rates(rotation)
        for axis in range(3):
            turned = Rotation.from_rotvec(step * np.eye(3)[axis]).as_matrix() @ rotation
            change = np.radians(np.array(euler_deg(turned)) - angles) / step
            np.testing.assert_allclose(rates[:, axis], change, atol=1e-4)


def test_between_two_rotations_lies_on_the_shortest_way():
    rng = np.random.default_rng(5)
    for first in Rotation.random(30, rng):
        way = rng.normal(0, 0.2, 3)
        second = Rotation.from_rotvec(way) * first
        half = between(first.as_matrix(), second.as_matrix(), 0.5)
        np.testing.assert_allclose(half, (Rotation.from_rotvec(way / 2) * first).as_matrix(), atol=1e-9)
        np.testing.assert_array_equal(between(first.as_matrix(), second.as_matrix(), 1.0), second.as_matrix())


def plain_pose(marks, head):
    """Gauss-Newton on the fused cost, one point after the other, with SciPy's rotations and a general solver.

    Returns rotation, translation and the rotation vector's covariance.
    """
    seen = marks.points[RIGID].astype(float) - (np.array(SIZE) - 1) / 2
    middle = seen.mean(axis=0)
    axis, sight = np.array([0, 0, 1.0]), np.array([*middle, FOCAL]) / np.linalg.norm([*middle, FOCAL])
    turn = np.cross(axis, sight)
    angle = np.arctan2(np.linalg.norm(turn), sight[2])
    view = Rotation.from_rotvec(turn / max(np.linalg.norm(turn), 1e-12) * angle).as_matrix()
    rotation = prior = view @ head.rotation
    information = view @ head.precision @ view.T
    place = np.array([rotation @ point for point in RIGID_MODEL_MM])
    off = place - place.mean(axis=0)
    flat = np.array([p[:2] - p[2] * middle / FOCAL for p in off])
    scale = np.sqrt(((seen - middle) ** 2).sum() / (flat**2).sum())
    translation = np.array([*middle, FOCAL]) / scale - place.mean(axis=0)
    variances = (2.0 * marks.sigma[RIGID].astype(float)) ** 2 + (4.0 * scale) ** 2
    variances *= 1.0 + 8.0 * (1.0 - marks.visibility[RIGID].astype(float))
    for _ in range(2):
        precision, pull = np.zeros((6, 6)), np.zeros(6)
        precision[:3, :3] = information
        pull[:3] = information @ Rotation.from_matrix(prior @ rotation.T).as_rotvec()
        for point, pixel, variance in zip(RIGID_MODEL_MM, seen, variances, strict=True):
            a, b, c = turned = rotation @ point
            x, y, z = turned + translation
            projected = np.array([[FOCAL / z, 0, -FOCAL * x / z**2], [0, FOCAL / z, -FOCAL * y / z**2]])
            slope = projected @ np.hstack([[[0, c, -b], [-c, 0, a], [b, -a, 0]], np.eye(3)])
            precision += slope.T @ slope / variance
            pull += slope.T @ (pixel - FOCAL * np.array([x, y]) / z) / variance
        step = np.linalg.solve(precision, pull)
        rotation, translation = Rotation.from_rotvec(step[:3]).as_matrix() @ rotation, translation + step[3:]
        if step[:3] @ step[:3] < 0.04**2 and abs(step[5]) < 0.01 * translation[2]:
            break
    return rotation, translation, np.linalg.inv(precision)[:3, :3]


@settings(max_examples=60, deadline=None)
@given(
    angles=st.tuples(st.floats(-80, 80), st.floats(-40, 40), st.floats(-60, 60)),
    place=st.tuples(st.floats(-200, 200), st.floats(-150, 150), st.floats(350, 1500)),
    off_deg=st.tuples(*[st.floats(-15, 15)] * 3), sigma_deg=st.floats(1, 20), seed=st.integers(0, 99),
)  # fmt: skip
def test_all_points_at_once_are_the_same_as_one_after_the_other(angles, place, off_deg, sigma_deg, seed):
    rng, rotation = np.random.default_rng(seed), rotation_from_deg(*angles)
    marks = landmarks(rotation, place, off_px=rng.normal(0, 2, (13, 2)))
    marks = Landmarks(marks.points, np.float32(rng.uniform(0.3, 5, 68)), np.float32(rng.uniform(0, 1, 68)))
    head = network(rotation_from_deg(*off_deg) @ as_seen(rotation, place), sigma_deg)
    pose = fused_pose(marks, head, SIZE)
    turned, translation, covariance = plain_pose(marks, head)
    np.testing.assert_allclose(pose.rotation, turned, atol=1e-6)
    np.testing.assert_allclose(pose.translation_mm, translation, rtol=1e-6, atol=1e-6)
    rates = angle_rates(turned)
    np.testing.assert_allclose(pose.sigma_deg, np.degrees(np.sqrt(np.diag(rates @ covariance @ rates.T))), rtol=1e-6)
