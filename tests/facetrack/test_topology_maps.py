"""Conversions between landmark schemes, checked by symmetry and on points named by hand."""

import json

import numpy as np
import pytest

from facetrack import topology, topology_maps
from facetrack.topology_maps import (
    AFLW_21,
    AFLW_EARS,
    AFLW_HIDES,
    COFW_29,
    FIVE,
    FLIPS,
    JD_106,
    KAGGLE_15,
    MAPS,
    MESH_478,
    N_POINTS,
    SCHEME_68,
    WFLW_98,
)
from places import DATA


@pytest.mark.parametrize("scheme", sorted(FLIPS))
def test_a_flip_is_its_own_inverse(scheme):
    flip = FLIPS[scheme]
    assert len(flip) == N_POINTS[scheme]
    np.testing.assert_array_equal(flip[flip], np.arange(len(flip)))


@pytest.mark.parametrize("source", [WFLW_98, JD_106])
def test_mirroring_and_mapping_commute(source):
    points = np.random.default_rng(0).normal(size=(N_POINTS[source], 2))
    first = topology_maps.convert(points[FLIPS[source]], source, SCHEME_68)
    np.testing.assert_array_equal(first, topology_maps.convert(points, source, SCHEME_68)[topology.FLIP])


@pytest.mark.parametrize("target", [KAGGLE_15, FIVE])
def test_mirroring_commutes_from_68_too(target):
    points = np.random.default_rng(0).normal(size=(68, 2))
    first = topology_maps.convert(points[topology.FLIP], SCHEME_68, target)
    np.testing.assert_allclose(first, topology_maps.convert(points, SCHEME_68, target)[FLIPS[target]])


@pytest.mark.parametrize("source", [COFW_29, KAGGLE_15])
def test_five_points_commute_as_well(source):
    points = np.random.default_rng(0).normal(size=(N_POINTS[source], 2))
    first = topology_maps.convert(points[FLIPS[source]], source, FIVE)
    np.testing.assert_array_equal(first, topology_maps.convert(points, source, FIVE)[FLIPS[FIVE]])


def test_kaggle_names_agree_with_the_points():
    """Oracle: the 1-based numbering of 300-W; right is the person's.

    37 and 46 are the outer eye corners, 18 and 27 the outer ends of the brows, 31 the nose tip, 49 and 55 the mouth's
    corners, 52 and 58 the midpoints of the outer lips.
    """
    points = np.stack([np.arange(1, 69), -np.arange(1, 69)], axis=1).astype(float)
    named = dict(zip(topology_maps.KAGGLE_NAMES, topology_maps.convert(points, SCHEME_68, KAGGLE_15), strict=True))
    by_hand = {
        "right_eye_outer_corner": 37, "right_eye_inner_corner": 40, "left_eye_inner_corner": 43,
        "left_eye_outer_corner": 46, "right_eyebrow_outer_end": 18, "right_eyebrow_inner_end": 22,
        "left_eyebrow_inner_end": 23, "left_eyebrow_outer_end": 27, "nose_tip": 31, "mouth_right_corner": 49,
        "mouth_left_corner": 55, "mouth_center_top_lip": 52, "mouth_center_bottom_lip": 58,
        "right_eye_center": (37 + 42) / 2, "left_eye_center": (43 + 48) / 2,
    }  # fmt: skip
    assert {name: x for name, (x, _) in named.items()} == by_hand


def test_a_missing_point_makes_its_group_missing():
    points = np.zeros((68, 2))
    points[topology.RIGHT_EYE[1]] = np.nan
    five = topology_maps.convert(points, SCHEME_68, FIVE)
    assert np.isnan(five[0]).all()
    assert np.isfinite(five[1:]).all()
    weight = np.ones(68)
    weight[topology.RIGHT_EYE[1]] = 0.25
    np.testing.assert_array_equal(topology_maps.convert_weight(weight, SCHEME_68, FIVE), [0.25, 1, 1, 1, 1])


def test_five_points_cannot_be_converted_to_68():
    with pytest.raises(ValueError, match="five"):
        topology_maps.convert(np.zeros((5, 2)), FIVE, SCHEME_68)


@pytest.mark.parametrize(("source", "target"), sorted(MAPS))
def test_maps_have_the_right_lengths(source, target):
    groups = MAPS[source, target]
    assert len(groups) == N_POINTS[target]
    assert max(max(group) for group in groups) < N_POINTS[source]


@pytest.mark.data
def test_the_mesh_table_is_the_packs():
    table = json.loads((DATA / "mesh478_to_68.json").read_text())
    assert [list(group) for group in MAPS[MESH_478, SCHEME_68]] == table


def test_aflw_points_are_affine_combinations_that_commute_with_mirroring():
    weights = topology_maps.aflw_from_68()
    ears = list(AFLW_EARS)
    sums = weights.sum(axis=1)
    assert (weights[ears] == 0).all()
    np.testing.assert_allclose(np.delete(sums, ears), 1, atol=1e-6)
    points = np.random.default_rng(0).normal(size=(68, 2))
    np.testing.assert_allclose(weights @ points[topology.FLIP], (weights @ points)[FLIPS[AFLW_21]], atol=1e-6)


def test_an_unlabelled_aflw_point_hides_the_mirrored_points_on_the_other_side():
    for row, hidden in AFLW_HIDES.items():
        mirrored = {int(topology.FLIP[point]) for point in hidden}
        assert mirrored == set(AFLW_HIDES[int(FLIPS[AFLW_21][row])])
