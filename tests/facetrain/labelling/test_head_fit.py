"""Heads fitted to points that were projected from heads of known shape and rotation (SciPy's, not the project's)."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from facetrack import topology, topology_maps
from facetrain.labelling import self_occlusion
from facetrain.labelling.head_fit import (
    EXPRESSIONS,
    IDENTITIES,
    HeadBasis,
    HeadFit,
    fit_heads,
    of_points68,
)
from facetrain.labelling.jaw import RAMP, fit_gold, jaw_offset, lobe_behind_cm
from facetrain.labelling.turned_labels import TurnedTeacher, aflw_combinations, label_shift, pulled


def made_basis():
    """Make a blob with the rough layout of a face: x right, y down, z away, cm."""
    rng = np.random.default_rng(0)
    mean = np.zeros((70, 3))
    for point in range(17):
        angle = np.pi * (point / 16)
        mean[point] = -7 * np.cos(angle), 8 * np.sin(angle), 4 - 3 * np.sin(angle)
    places = {"brows": (-3, -0.5), "nose": (3, -3.5), "eyes": (0, 0), "lips": (6, -1)}
    for name, (y, z) in places.items():
        group = list(topology.REGIONS[name])
        mean[group] = np.stack(
            [np.linspace(-4, 4, len(group)), y + rng.normal(0, 0.5, len(group)), np.full(len(group), z)], 1
        )
    mean[68], mean[69] = [-7, 4.5, 7], [7, 4.5, 7]
    return HeadBasis(mean, rng.normal(0, 0.15, (IDENTITIES + len(EXPRESSIONS), 70, 3)))


def turned(yaw, pitch, roll):
    """Head to camera as types.Pose has it: first roll about the face's direction, then pitch, then yaw."""
    return Rotation.from_euler("YXZ", [-yaw, -pitch, roll], degrees=True).as_matrix()


def projected(basis, count=24, seed=1, most_yaw=80):
    """Points (N, 70, 2) px, rotations (N, 3, 3) and yaws of random people."""
    rng = np.random.default_rng(seed)
    yaw = rng.uniform(-most_yaw, most_yaw, count)
    rotation = np.stack([turned(y, rng.uniform(-15, 15), rng.uniform(-25, 25)) for y in yaw])
    people = np.zeros((count, len(basis.offsets)))
    people[:, :IDENTITIES] = rng.normal(0, 0.7, (count, IDENTITIES))
    heads = basis.mean + np.einsum("nb,bkd->nkd", people, basis.offsets)
    points = 9 * np.einsum("nij,nkj->nki", rotation, heads)[..., :2] + rng.uniform(100, 200, (count, 1, 2))
    return points.astype(np.float32), rotation, yaw


def angle_deg(a, b):
    return np.degrees([Rotation.from_matrix(p.T @ q).magnitude() for p, q in zip(a.astype(float), b, strict=True)])


def test_rotation_and_points_of_known_heads_come_back():
    basis = made_basis()
    points, rotation, yaw = projected(basis)
    fit = fit_heads(basis, of_points68(), points[:, :68], np.ones(68, np.float32), np.round(yaw / 6)[:, None] * 6)
    assert np.median(angle_deg(fit.rotation, rotation)) < 3
    extent = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
    off = np.linalg.norm(fit.points[:, :68] - points[:, :68], axis=2).mean(axis=1)
    assert np.median(off / extent) < 0.01
    assert np.median(fit.residual) < 0.01


def test_unlabelled_points_are_predicted_from_the_others():
    basis = made_basis()
    points, _, yaw = projected(basis)
    combinations, weight, yaws = aflw_combinations(yaw)
    hand = np.einsum("mk,nkd->nmd", combinations, points).astype(np.float32)
    hand[:, 9:12] = np.nan
    fit = fit_heads(basis, combinations, hand, weight, yaws)
    extent = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
    off = np.linalg.norm(fit.points[:, :68] - points[:, :68], axis=2).mean(axis=1)
    assert np.median(off / extent) < 0.03


def test_a_pulled_fit_meets_the_hand_and_leaves_far_points():
    basis = made_basis()
    points, rotation, _ = projected(basis, 3)
    fit = HeadFit(rotation.astype(np.float32), points, np.ones(3, np.float32), np.zeros(3, np.float32))
    weights = topology_maps.aflw_from_68()
    hand = np.einsum("mk,nkd->nmd", weights, points[:, :68])
    hand[:, list(topology_maps.AFLW_EARS)] = np.nan
    np.testing.assert_allclose(pulled(basis, fit, hand), points[:, :68], atol=1e-3)
    hand[:, 6] += [5, 0]  # the right eye's outer corner
    moved = pulled(basis, fit, hand) - points[:, :68]
    assert moved[:, 36, 0].min() > 3
    assert np.abs(moved[:, topology.MOUTH_LEFT]).max() < 0.5


def test_the_jaws_offset_and_the_ear_lobes_depth_are_found():
    basis = made_basis()
    true = np.zeros((17, 3))
    true[:, 1] = 0.8
    shifted = HeadBasis(basis.mean.copy(), basis.offsets)
    shifted.mean[:17] += true
    shifted.mean[68:, 2] += 1.5
    points, _, _ = projected(shifted, 200, most_yaw=40)
    gold = fit_gold(basis, points[:, :68])
    found = jaw_offset(gold, points[:, :68], lobe_behind_cm=2.0)
    np.testing.assert_allclose(found[:, 1], 0.8, atol=0.3)
    np.testing.assert_allclose(found[:, 2], RAMP)
    np.testing.assert_allclose(found[::-1] * [-1, 1, 1], found, atol=1e-9)
    behind = lobe_behind_cm(basis, gold, points[:, 68:])
    assert behind == pytest.approx(basis.mean[68, 2] + 1.5 - basis.mean[2, 2], abs=0.6)


def test_visibility_is_interpolated_in_yaw():
    table = np.zeros((len(self_occlusion.YAWS_DEG), len(self_occlusion.PITCHES_DEG), 68), np.float32)
    table[self_occlusion.YAWS_DEG >= 20] = 1
    rotations = np.stack([turned(yaw, 0, 13) for yaw in (-50, 15, 17.5, 20, 60)])
    np.testing.assert_allclose(self_occlusion.look_up(table, rotations)[:, 0], [0, 0, 0.5, 1, 1], atol=1e-5)


def test_tables_say_what_the_hand_saw_and_take_the_packs_shift_out():
    basis = made_basis()
    table = np.ones((len(self_occlusion.YAWS_DEG), len(self_occlusion.PITCHES_DEG), 68), np.float32)
    teacher = TurnedTeacher(basis, table, {"gold": 0.01})
    points, _, yaw = projected(basis, 4, most_yaw=15)
    labels = teacher.of_points(["a", "b", "c", "d"], points[:, :68], np.ones((4, 68), np.float32), "gold")
    extent = (points[:, :68].max(axis=1) - points[:, :68].min(axis=1)).max(axis=1)
    np.testing.assert_allclose(points[:, 5, 0] - labels.points[:, 5, 0], 0.01 * extent, rtol=1e-3)
    assert np.isnan(labels.hand).all()
    combinations, _, _ = aflw_combinations(yaw)
    hand = np.einsum("mk,nkd->nmd", combinations, points).astype(np.float32)
    hand[:, 9:12] = np.nan
    labels = teacher.of_aflw(["a", "b", "c", "d"], hand, yaw)
    assert (labels.visible[:, list(topology.LEFT_EYE)] == 0).all()
    assert (labels.visible[:, list(topology.RIGHT_EYE)] == 1).all()
    assert (labels.weight[:, topology.RIGHT_EYE_OUTER] == 1).all()
    assert (labels.weight[:, topology.LEFT_EYE_OUTER] < 0.4).all()


def test_the_shift_of_labels_is_a_share_of_the_extent():
    truth = np.random.default_rng(0).uniform(0, 100, (5, 68, 2))
    extent = (truth.max(axis=1) - truth.min(axis=1)).max(axis=1)
    predicted = truth - np.array([1, 0]) * (0.02 * extent)[:, None, None]
    assert label_shift(predicted, truth) == pytest.approx(0.02)
