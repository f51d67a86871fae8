"""The teacher's filters, with a teacher that knows the truth; MediaPipe itself is tried where it is installed."""

import sys

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack import topology, topology_maps
from facetrack.detector.mediapipe_mesh import MediaPipeMesh
from facetrack.errors import DataError, FacetrackError, MissingExtraError, ModelFileError
from facetrain.cli import label as label_command
from facetrain.formats.packs import read_pack, write_pack
from facetrain.labelling import teacher
from facetrain.labelling.teacher import TeacherOptions
from facetrain.synth.drawn_heads import read_synthetic


def mesh_of(points):
    """A mesh whose average is these 68 points."""
    mesh = np.zeros((478, 2), np.float32)
    for group, point in zip(topology_maps.MAPS[topology_maps.MESH_478, topology.SCHEME], points, strict=True):
        mesh[list(group)] = point
    # Two jaw points share a vertex with a neighbour: what a mean gives there is not what went in.
    return mesh


class KnowsTheTruth:
    """Answers for a picture and its mirror; `off` is added to what it sees in the mirror."""

    def __init__(self, sample, off=0.0):
        self.image, self.points, self.off = sample.image, sample.points, off

    def __call__(self, image):
        if np.array_equal(image, self.image):
            return mesh_of(self.points)[None]
        mirrored = self.points[topology.FLIP].copy()
        mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
        return mesh_of(mirrored + self.off)[None]


@pytest.fixture(scope="module")
def face():
    return read_synthetic(6, seed=5)[1]


@pytest.fixture
def folder(tmp_path, face):
    cv2.imwrite(str(tmp_path / "a.png"), face.image)
    return tmp_path


def test_labels_go_into_a_pack(folder, face):
    result = teacher.gather(teacher.label(folder, KnowsTheTruth(face)), folder)
    (sample,) = result.samples
    np.testing.assert_allclose(sample.points[list(topology.INNER_51)], face.points[list(topology.INNER_51)], atol=0.01)
    assert (sample.group, sample.scheme) == ("a", topology.SCHEME)
    assert sample.weight[8] < sample.weight[30] < 1
    write_pack(result.samples, folder / "pack")
    (again,) = read_pack(folder / "pack").samples
    np.testing.assert_array_equal(again.points, sample.points)
    np.testing.assert_array_equal(again.weight, sample.weight)


@pytest.mark.parametrize(
    ("options", "off", "words"),
    [
        (TeacherOptions(min_size_px=500), 0, "smaller than 500 px"),
        (TeacherOptions(min_sharpness=1e6), 0, "blurred"),
        (TeacherOptions(), 9.0, "mirror"),
    ],
)
def test_filters_say_why(folder, face, options, off, words):
    with pytest.raises(DataError, match=words):
        teacher.gather(teacher.label(folder, KnowsTheTruth(face, off), options), folder)


def test_a_picture_without_a_face(folder):
    nothing = teacher.label(folder, lambda image: np.zeros((0, 478, 2), np.float32))
    with pytest.raises(DataError, match="1 left out: no face seen"):
        teacher.gather(nothing, folder)


def test_blur_lowers_sharpness(face):
    blurred = cv2.GaussianBlur(face.image, (0, 0), 3)
    assert teacher.sharpness(blurred, face.points) < 0.3 * teacher.sharpness(face.image, face.points)


def test_without_mediapipe_the_extra_is_named(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtraError, match=r"facetrack\[mediapipe\]"):
        MediaPipeMesh(folder / "face_landmarker.task")


def test_the_command_needs_a_model_and_a_teacher(tmp_path):
    import typer

    app = typer.Typer()
    app.command()(label_command.label)
    run = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "x")])
    assert isinstance(run.exception, ModelFileError)
    run = CliRunner().invoke(app, [str(tmp_path), "--out", str(tmp_path / "x"), "--teacher", "oracle"])
    assert isinstance(run.exception, FacetrackError)


def test_a_wrong_model_file(tmp_path):
    pytest.importorskip("mediapipe")
    (tmp_path / "x.task").write_text("no model")
    with pytest.raises(ModelFileError, match="no face_landmarker"):
        MediaPipeMesh(tmp_path / "x.task")
    with pytest.raises(ModelFileError, match="does not exist"):
        MediaPipeMesh(tmp_path / "none.task")
