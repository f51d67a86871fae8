"""Manual eyelid labels: valid states in the table, and a training and held-out split of its faces as a data set."""

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.sample import Sample
from facetrain.samples.attribute_crops import AttributeCropOptions, AttributeCrops, Photographs
from facetrain.samples.attribute_labels import LIDS, labels_of
from facetrain.samples.lid_labels import OPENNESS, read_lids, split_by_lids
from facetrain.samples.provenance import DATA_SETS


def face(name, source="ytfaces_self", group=None, lids=6.0, **attributes):
    """Return a sample with eyes 40 px wide of aspect ratio lids / 20; all other points are random."""
    points = np.random.default_rng(0).uniform(20, 180, (68, 2)).astype(np.float32)
    for first, x in ((36, 60), (42, 110)):
        points[first : first + 6] = [
            [x, 90], [x + 12, 90 - lids], [x + 28, 90 - lids], [x + 40, 90], [x + 28, 90 + lids], [x + 12, 90 + lids],
        ]  # fmt: skip
    image = np.full((200, 200, 3), 120, np.uint8)
    return Sample(name, group or name, source, image, points, np.ones(68, np.float32), attributes=attributes)


def eyes(sample):
    return labels_of(sample).attributes[:2]


def test_the_projects_table_names_no_held_out_set_and_has_enough_labels():
    table = read_lids()
    assert {where for where, _ in table} == {"helen", "ytfaces", "expressions"}
    states = [eye for pair in table.values() for eye in pair]
    assert min(states.count(state) for state in ("shut", "lowered", "open")) >= 50
    assert len(table) == len({name for _, name in table})
    assert LIDS in DATA_SETS


def test_an_invalid_table_raises_one_sentence(tmp_path):
    table = tmp_path / "lids.csv"
    for text, words in (
        ("# who\nset,name,right,left\nhelen,a.jpg,shut,asleep\n", "'asleep'"),
        ("set,name\nhelen,a.jpg\n", "right"),
        (None, "lids.csv"),
    ):
        if text is not None:
            table.write_text(text)
        else:
            table.unlink()
        with pytest.raises(DataError, match=words):
            read_lids(table)


def test_manual_labels_take_precedence_over_points():
    # By the points the eyes are open (.3) or shut (.05); the manual labels differ, or are undecided.
    table = {("helen", "a.jpg"): ("lowered", "shut"), ("expressions", "b.jpg"): ("", "")}
    assert eyes(face("a.jpg", "helen_train", lids=6.0)).tolist() == [1, 1]
    assert eyes(face("b.jpg", "expressions", lids=1.0)).tolist() == [0, 0]
    samples = [
        face("a.jpg", "helen_train", smile=1.0),
        face("b.jpg", "expressions", lids=1.0),
        face("b.jpg", "helen_train"),
    ]
    training, held_out = split_by_lids(samples, table)
    labelled = {sample.name: sample for sample in (*training, *held_out) if sample.name == "a.jpg"}["a.jpg"]
    assert labelled.source == LIDS
    assert 0.5 < eyes(labelled)[0] <= 1
    assert eyes(labelled)[1] == 0
    assert labels_of(labelled).attributes[3] == 1
    undecided, other = (sample for sample in training if sample.name == "b.jpg")
    assert undecided.source == "expressions"
    assert np.isnan(eyes(undecided)).all()
    assert other is samples[2]  # the same name in another data set is another image


def test_held_out_people_are_not_in_training_and_all_others_are():
    people = [f"person{i}" for i in range(600)]
    table = {("ytfaces", f"{person}_0.jpg"): ("lowered", "") for person in people[:300]}
    samples = [face(f"{person}_{i}.jpg", group=person) for person in people for i in range(2)]
    training, held_out = split_by_lids(samples, table)
    people_out = {sample.group for sample in held_out}
    assert 30 <= len(people_out) <= 70  # a sixth of 300
    assert not people_out & {sample.group for sample in training}
    assert {sample.name for sample in held_out} == {f"{person}_0.jpg" for person in people_out}
    assert len(training) == len(samples) - 2 * len(people_out)
    assert {sample.source for sample in held_out} == {LIDS}
    for sample in held_out:  # binary labels: an eye that is not shut is 1, an undecided one NaN
        np.testing.assert_array_equal(eyes(sample), [1, np.nan])
    again, _ = split_by_lids(samples[::-1], table)
    assert {sample.name for sample in again} == {sample.name for sample in training}


@pytest.mark.parametrize("times", [0, 3])
def test_lid_labelled_faces_are_repeated_by_the_recipe_and_keep_their_own_eyes(times):
    own = face("a.jpg", LIDS, eye_right_open=OPENNESS["lowered"], eye_left_open=0.0)
    plain = face("b.jpg")
    dark = face("eye.png", "eyes", eyes_open=0.0)
    options = AttributeCropOptions(photographs=1.0, mouths=0.0, repeats={"ytfaces_self": 2, LIDS: times})
    crops = AttributeCrops([own, plain], Photographs([dark], []), options)
    assert [sample.source for sample in crops.samples].count(LIDS) == times
    assert len(crops) == times + 2
    for index in range(times):
        labels = crops[index]["attributes"].numpy()[:2]
        assert sorted(labels.tolist()) == pytest.approx([0.0, OPENNESS["lowered"]])  # either may be mirrored


def test_a_face_with_undecided_eyes_is_not_repeated_as_closed():
    shut = face("a.jpg", "expressions", lids=1.0)
    undecided = face("b.jpg", "expressions", lids=1.0, eye_right_open=np.nan, eye_left_open=np.nan)
    options = AttributeCropOptions(closed_repeats=5)
    assert len(AttributeCrops([shut], Photographs([], []), options)) == 5
    assert len(AttributeCrops([undecided], Photographs([], []), options)) == 1
