"""The packs of turned heads: signs, missing points, and label tables that lie apart from the pictures."""

import numpy as np
import pytest

from facetrack.errors import DataError
from facetrain.formats.label_tables import SHAPES, LabelTable, empty_table, read_labels, write_labels
from facetrain.formats.turned_packs import face_box, read_aflw21, read_aflw2000, read_pointing04
from made_packs import add_images

NAMES = ("image00002.jpg", "image00004.jpg")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for pack in ("aflw21", "aflw2000"):
        add_images(tmp_path / f"{pack}.zip", NAMES, rng, 64)
    hand = rng.uniform(10, 50, (2, 21, 2)).astype(np.float32)
    hand[0, 9:12] = np.nan
    np.savez(tmp_path / "aflw21.npz", names=np.array(NAMES), points=hand, yaw_deg=np.float32([-80, 20]))
    points = rng.uniform(10, 50, (2, 68, 2)).astype(np.float32)
    angles = np.float32([[5, 30, -10], [0, -60, 2]])
    np.savez(
        tmp_path / "aflw2000.npz",
        names=np.array(NAMES),
        points=points,
        points_reannotated=points + 1,
        pitch_yaw_roll_deg=angles,
    )
    return tmp_path


def test_aflw_keeps_missing_points_and_turns_the_sign_of_yaw(folder):
    result = read_aflw21(folder / "aflw21", trim=False)
    first, second = result.samples
    assert result.problems == []
    assert np.isnan(first.points).any(axis=1).nonzero()[0].tolist() == [9, 10, 11]
    assert first.weight[9:12].tolist() == [0, 0, 0]
    assert first.weight[:9].min() == 1
    assert (first.attributes["yaw_deg"], second.attributes["yaw_deg"]) == (80, -20)


def test_aflw2000_has_two_label_sets_and_the_signs_of_pose(folder):
    plain = read_aflw2000(folder / "aflw2000")
    again = read_aflw2000(folder / "aflw2000", "points_reannotated")
    np.testing.assert_allclose(again[0].points, plain[0].points + 1)
    assert [plain[1].attributes[name] for name in ("yaw_deg", "pitch_deg", "roll_deg")] == [60, 0, 2]
    assert plain[0].image.shape == (64, 64, 3)
    with pytest.raises(DataError, match="points_reannotated"):
        read_aflw2000(folder / "aflw2000", "other")


def test_pointing_has_a_box_and_angles_and_no_points(tmp_path):
    add_images(tmp_path / "pointing04.zip", ["person01100-30+60.jpg"], np.random.default_rng(0), 400)
    header = "image,person,tilt_deg,pan_deg,x0,y0,x1,y1"
    (tmp_path / "pointing04.csv").write_text(f"{header}\nperson01100-30+60.jpg,01,-30,+60,10,20,110,140\n")
    (sample,) = read_pointing04(tmp_path / "pointing04.csv").samples
    assert (sample.attributes["yaw_deg"], sample.attributes["pitch_deg"], sample.group) == (-60, -30, "01")
    assert face_box(sample).tolist() == [10, 20, 110, 140]
    assert sample.image.shape[0] == 400  # the box is in the picture's own pixels


def test_a_label_table_comes_back_as_written(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {name: rng.normal(size=(2, *shape)).astype(np.float32) for name, shape in SHAPES.items()}
    arrays["visible"][0, 3] = np.nan
    table = LabelTable(NAMES, **arrays)
    back = read_labels(write_labels(table, tmp_path / "labels" / "aflw21"))
    assert back.names == NAMES
    for name in SHAPES:
        np.testing.assert_array_equal(getattr(back, name), arrays[name])


def test_what_a_table_lacks_is_unknown(tmp_path):
    np.savez(tmp_path / "some.npz", names=np.array(NAMES), points=np.zeros((2, 68, 2), np.float32))
    table = read_labels(tmp_path / "some.npz")
    assert np.isnan(table.visible).all()
    assert np.isnan(table.hand).all()
    assert table.rotation_weight.tolist() == [0, 0]


def test_a_table_of_other_shapes_or_of_repeated_names_is_refused():
    with pytest.raises(DataError, match="repeat"):
        LabelTable(("a", "a"), **empty_table(("a", "a")))
    arrays = empty_table(("a", "b"))
    arrays["weight"] = np.zeros((2, 21), np.float32)
    with pytest.raises(DataError, match=r"'weight'.*expected \(2, 68\)"):
        LabelTable(("a", "b"), **arrays)
