"""Lids that somebody read: the table says what it may, and its faces are taught, or held aside, as their own set."""

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.sample import Sample
from facetrain.samples.attribute_crops import AttributeCropOptions, AttributeCrops, Photographs
from facetrain.samples.attribute_labels import LIDS, known
from facetrain.samples.lid_labels import OPENNESS, read_lids, split_by_lids
from facetrain.samples.provenance import DATA_SETS


def face(name, source="ytfaces_self", group=None, lids=6.0, **attributes):
    """Eyes 40 px wide whose aspect ratio is lids / 20, in a face of nothing else."""
    points = np.random.default_rng(0).uniform(20, 180, (68, 2)).astype(np.float32)
    for first, x in ((36, 60), (42, 110)):
        points[first : first + 6] = [
            [x, 90], [x + 12, 90 - lids], [x + 28, 90 - lids], [x + 40, 90], [x + 28, 90 + lids], [x + 12, 90 + lids],
        ]  # fmt: skip
    image = np.full((200, 200, 3), 120, np.uint8)
    return Sample(name, group or name, source, image, points, np.ones(68, np.float32), attributes=attributes)


def eyes(sample):
    return known(sample).attributes[:2]


def test_the_projects_own_table_names_no_held_aside_set_and_says_enough():
    table = read_lids()
    assert {where for where, _ in table} == {"helen", "ytfaces", "expressions"}
    said = [eye for pair in table.values() for eye in pair]
    assert min(said.count(what) for what in ("shut", "lowered", "open")) >= 50
    assert len(table) == len({name for _, name in table})
    assert LIDS in DATA_SETS


def test_a_broken_table_ends_in_one_sentence(tmp_path):
    table = tmp_path / "lids.csv"
    for text, said in (
        ("# who\nset,name,right,left\nhelen,a.jpg,shut,asleep\n", "'asleep'"),
        ("set,name\nhelen,a.jpg\n", "right"),
        (None, "lids.csv"),
    ):
        if text is not None:
            table.write_text(text)
        else:
            table.unlink()
        with pytest.raises(DataError, match=said):
            read_lids(table)


def test_who_looked_is_believed_over_the_points():
    # Points say open (.3) or shut (.05); the one who looked says otherwise, or that nobody can tell.
    table = {("helen", "a.jpg"): ("lowered", "shut"), ("expressions", "b.jpg"): ("", "")}
    assert eyes(face("a.jpg", "helen_train", lids=6.0)).tolist() == [1, 1]
    assert eyes(face("b.jpg", "expressions", lids=1.0)).tolist() == [0, 0]
    samples = [
        face("a.jpg", "helen_train", smile=1.0),
        face("b.jpg", "expressions", lids=1.0),
        face("b.jpg", "helen_train"),
    ]
    taught, held_out = split_by_lids(samples, table)
    read = {sample.name: sample for sample in (*taught, *held_out) if sample.name == "a.jpg"}["a.jpg"]
    assert read.source == LIDS
    assert 0.5 < eyes(read)[0] <= 1
    assert eyes(read)[1] == 0
    assert known(read).attributes[3] == 1
    unsure, other = (sample for sample in taught if sample.name == "b.jpg")
    assert unsure.source == "expressions"
    assert np.isnan(eyes(unsure)).all()
    assert other is samples[2]  # the same name in another set is another picture


def test_nobody_who_is_held_aside_is_taught_and_the_rest_stays():
    people = [f"person{i}" for i in range(600)]
    table = {("ytfaces", f"{person}_0.jpg"): ("lowered", "") for person in people[:300]}
    samples = [face(f"{person}_{i}.jpg", group=person) for person in people for i in range(2)]
    taught, held_out = split_by_lids(samples, table)
    aside = {sample.group for sample in held_out}
    assert 30 <= len(aside) <= 70  # of 300, a sixth
    assert not aside & {sample.group for sample in taught}
    assert {sample.name for sample in held_out} == {f"{person}_0.jpg" for person in aside}
    assert len(taught) == len(samples) - 2 * len(aside)
    assert {sample.source for sample in held_out} == {LIDS}
    for sample in held_out:  # what is counted is right or wrong: an eye that sees, and one that nobody knows
        np.testing.assert_array_equal(eyes(sample), [1, np.nan])
    again, _ = split_by_lids(samples[::-1], table)
    assert {sample.name for sample in again} == {sample.name for sample in taught}


@pytest.mark.parametrize("times", [0, 3])
def test_read_faces_stand_as_often_as_the_recipe_says_and_keep_their_own_eyes(times):
    own = face("a.jpg", LIDS, eye_right_open=OPENNESS["lowered"], eye_left_open=0.0)
    plain = face("b.jpg")
    dark = face("eye.png", "eyes", eyes_open=0.0)
    options = AttributeCropOptions(photographs=1.0, mouths=0.0, repeats={"ytfaces_self": 2, LIDS: times})
    crops = AttributeCrops([own, plain], Photographs([dark], []), options)
    assert [sample.source for sample in crops.samples].count(LIDS) == times
    assert len(crops) == times + 2
    for index in range(times):
        seen = crops[index]["attributes"].numpy()[:2]
        assert sorted(seen.tolist()) == pytest.approx([0.0, OPENNESS["lowered"]])  # either may be mirrored


def test_a_face_whose_closed_eyes_nobody_can_tell_is_not_repeated_as_closed():
    shut = face("a.jpg", "expressions", lids=1.0)
    unsure = face("b.jpg", "expressions", lids=1.0, eye_right_open=np.nan, eye_left_open=np.nan)
    options = AttributeCropOptions(closed_repeats=5)
    assert len(AttributeCrops([shut], Photographs([], []), options)) == 5
    assert len(AttributeCrops([unsure], Photographs([], []), options)) == 1
