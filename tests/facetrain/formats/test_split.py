"""Train/validation split by a hash of the group: no empty side, and large data sets split as before."""

import zlib

import numpy as np
import pytest

from facetrain.formats import packs
from facetrain.sample import Sample

IMAGE, POINTS, ONES = np.zeros((4, 4, 3), np.uint8), np.zeros((68, 2), np.float32), np.ones(68, np.float32)


def samples_of(groups, each=2):
    return [Sample(f"{g}_{i}.jpg", g, "x", IMAGE, POINTS, ONES) for g in groups for i in range(each)]


def split_groups(groups, share):
    return [sorted({s.group for s in side}) for side in packs.split(samples_of(groups), share)]


@pytest.mark.parametrize("share", [0.001, 0.06, 0.5, 0.94, 0.999, 1.0])
@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_two_groups_or_more_are_on_both_sides(count, share):
    for first in range(20):
        groups = [f"person{first}_{i}x" for i in range(count)]
        kept, held_out = split_groups(groups, share)
        assert kept
        assert held_out
        assert sorted(kept + held_out) == sorted(groups)
        assert split_groups(groups[::-1], share) == [kept, held_out]


def test_the_group_that_goes_over_is_the_one_nearest_the_limit():
    groups = sorted((f"P{i}" for i in range(4)), key=lambda g: zlib.crc32(g.encode()))
    assert split_groups(groups, 1e-6)[1] == [groups[0]]
    assert split_groups(groups, 1.0)[0] == [groups[-1]]


def test_share_zero_holds_nothing_out_and_one_group_is_never_divided():
    assert split_groups(["a", "b", "c"], 0.0) == [["a", "b", "c"], []]
    assert sorted(len(side) for side in packs.split(samples_of(["a"], 5), 0.2)) == [0, 5]
    assert packs.split([], 0.2) == ([], [])


@pytest.mark.parametrize(("share", "count"), [(0.06, 36), (0.2, 113)])
def test_big_sets_are_split_as_ever(share, count):
    """Check the rule that published figures depend on: CRC-32 of the group's name below the share of its range."""
    groups = [f"P{i}" for i in range(500)]
    by_rule = sorted(g for g in groups if zlib.crc32(g.encode()) < round(share * 2**32))
    held_out = split_groups(groups, share)[1]
    assert held_out == by_rule
    assert len(held_out) == count
