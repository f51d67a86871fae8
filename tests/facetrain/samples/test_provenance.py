"""One description of each data set, in the metadata of old and new networks alike, and terms that follow from it."""

import pytest

from facetrack.engine.onnx import OnnxEngine
from facetrack.modelfile import bundled_path
from facetrain.samples.provenance import BROUGHT_TERMS, DATA_SETS, describe, merge_data, terms_of, trained_on


def test_a_description_begins_with_the_name_and_ends_with_the_terms():
    assert describe("helen_train").startswith("helen_train: HELEN, 870 photographs")
    assert describe("helen_train").endswith("(research only)")
    assert describe("wider_scenes").endswith("(not for commercial use, CC BY-NC-ND)")
    assert describe("mine") == "mine: brought by the user"


def test_terms_name_each_owner_once_by_kind():
    terms = terms_of(["helen_train", "ytfaces_train", "ytfaces_self", "wider_scenes", "eyes", "heads"])
    assert terms == (
        "Trained in part on sets that are free for research only (HELEN/300-W, YouTube Faces) or exclude commercial "
        "use (WIDER FACE) or state no terms (the eye photographs): ask their owners before commercial use."
    )
    assert terms_of(["heads", "genki4k"]) == "Trained on sets that allow any use: USC-ICT, GENKI-4K."
    assert terms_of(["mine"]) == BROUGHT_TERMS


def test_new_and_former_descriptions_are_recognised():
    for name, data_set in DATA_SETS.items():
        assert trained_on(name, [describe(name)])
        assert all(trained_on(name, [line]) for line in data_set.former)
    assert trained_on("mine", ["mine: 12 faces, brought by the user"])
    assert not trained_on("mtfl", [describe("mtfl_self")])


def test_a_set_described_in_two_ways_is_named_once():
    old, new = DATA_SETS["mtfl"].former
    assert merge_data([old, "mine: 3 faces"], [new, describe("mtfl")]) == [describe("mtfl"), "mine: 3 faces"]


@pytest.mark.parametrize(
    "network",
    [
        "landmarks68",
        "landmarks68-large",
        "landmarks68-int8",
        "detector",
        "appearance",
        "expression",
    ],
)
def test_every_line_in_the_bundled_networks_is_one_of_the_table(network):
    lines = OnnxEngine(bundled_path(network)).spec.data
    unknown = [line for line in lines if not any(trained_on(name, [line]) for name in DATA_SETS)]
    assert unknown == []
