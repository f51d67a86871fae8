"""The ensemble teacher's file, and which packs it labels how."""

import numpy as np
import pytest

from facetrack.angles import euler_deg
from facetrack.errors import DataError
from facetrain.labelling.mesh_map import N_MESH, MeshMap
from facetrain.labelling.self_label import PseudoLabel
from facetrain.labelling.turned_teacher import TeacherFile, _blend, label_pack
from facetrain.sample import Sample
from made_packs import add_images


def teacher_file():
    rng = np.random.default_rng(0)
    fitted = MeshMap(rng.normal(size=(N_MESH, 2)), rng.normal(size=(2 * N_MESH + 1, 136)))
    return TeacherFile(fitted, rng.normal(size=(17, 3)), {"helen_train": 0.0065, "lfpw_train": 0.005})


def test_a_teachers_file_comes_back_as_written(tmp_path):
    written = teacher_file()
    written.save(tmp_path / "sub" / "teacher.npz")
    back = TeacherFile.load(tmp_path / "sub" / "teacher.npz")
    np.testing.assert_array_equal(back.mesh_map.weights, written.mesh_map.weights)
    np.testing.assert_array_equal(back.jaw_offset, written.jaw_offset)
    assert back.shift == written.shift


def test_another_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", names=np.array(["a"]), weights=np.zeros(3))
    with pytest.raises(DataError, match="data teacher"):
        TeacherFile.load(tmp_path / "other.npz")


def test_a_pack_without_a_rule_is_refused(tmp_path):
    with pytest.raises(DataError, match="no rule for aflw2000"):
        label_pack(tmp_path / "aflw2000", teacher_file(), None, None)


def test_marked_angles_become_rotations_and_those_straight_up_are_left_out(tmp_path):
    names = ["person01100-30+60.jpg", "person01101+90+0.jpg"]
    add_images(tmp_path / "pointing04.zip", names, np.random.default_rng(0), 60)
    rows = "".join(
        f"{name},01,{tilt},{pan},5,5,50,50\n" for name, tilt, pan in zip(names, (-30, 90), (60, 0), strict=True)
    )
    (tmp_path / "pointing04.csv").write_text("image,person,tilt_deg,pan_deg,x0,y0,x1,y1\n" + rows)
    table = label_pack(tmp_path / "pointing04", teacher_file(), None, None)
    assert table.names == (names[0],)
    assert euler_deg(table.rotation[0].astype(float)) == pytest.approx((-60, -30, 0), abs=1e-4)
    assert (table.weight == 0).all()
    assert np.isnan(table.points).all()


def test_own_points_and_views_are_averaged_after_their_constant_difference():
    rng = np.random.default_rng(0)
    samples, views = [], []
    for index in range(5):
        points = rng.uniform(50, 150, (68, 2)).astype(np.float32)
        points[36], points[45] = (60, 100), (140, 100)
        image = np.zeros((4, 4, 3), np.uint8)
        samples.append(Sample(f"a_{index}.jpg", "a", "ytfaces_train", image, points, np.ones(68, np.float32)))
        views.append(PseudoLabel(points + np.float32([0, 4]), np.ones(68, np.float32)))
    views[3] = "hardly a face"
    points, weight = _blend(samples, views)
    np.testing.assert_allclose(points[0], samples[0].points + np.float32([0, 4]), atol=1e-3)
    assert np.isnan(points[3]).all()
    assert weight[3].max() == 0
    assert weight[0].min() == 1
