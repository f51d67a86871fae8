"""Holding aside by a hash of the group: never an empty side, and big sets as they have always been split."""

import zlib

import numpy as np
import pytest

from facetrain.formats import packs
from facetrain.sample import Sample

IMAGE, POINTS, ONES = np.zeros((4, 4, 3), np.uint8), np.zeros((68, 2), np.float32), np.ones(68, np.float32)


def of_groups(groups, each=2):
    return [Sample(f"{g}_{i}.jpg", g, "x", IMAGE, POINTS, ONES) for g in groups for i in range(each)]


def sides(groups, share):
    return [sorted({s.group for s in side}) for side in packs.split(of_groups(groups), share)]


@pytest.mark.parametrize("share", [0.001, 0.06, 0.5, 0.94, 0.999, 1.0])
@pytest.mark.parametrize("count", [2, 3, 5, 12])
def test_two_groups_or_more_are_on_both_sides(count, share):
    for first in range(20):
        groups = [f"person{first}_{i}x" for i in range(count)]
        kept, held_out = sides(groups, share)
        assert kept
        assert held_out
        assert sorted(kept + held_out) == sorted(groups)
        assert sides(groups[::-1], share) == [kept, held_out]


def test_the_group_that_goes_over_is_the_one_nearest_the_limit():
    groups = sorted((f"P{i}" for i in range(4)), key=lambda g: zlib.crc32(g.encode()))
    assert sides(groups, 1e-6)[1] == [groups[0]]
    assert sides(groups, 1.0)[0] == [groups[-1]]


def test_no_share_holds_nothing_aside_and_one_group_is_never_divided():
    assert sides(["a", "b", "c"], 0.0) == [["a", "b", "c"], []]
    assert sorted(len(side) for side in packs.split(of_groups(["a"], 5), 0.2)) == [0, 5]
    assert packs.split([], 0.2) == ([], [])


@pytest.mark.parametrize(("share", "count"), [(0.06, 36), (0.2, 113)])
def test_big_sets_are_split_as_ever(share, count):
    """The rule that published figures hang on: CRC-32 of the group's name below the share of its range."""
    groups = [f"P{i}" for i in range(500)]
    by_rule = sorted(g for g in groups if zlib.crc32(g.encode()) < round(share * 2**32))
    held_out = sides(groups, share)[1]
    assert held_out == by_rule
    assert len(held_out) == count
