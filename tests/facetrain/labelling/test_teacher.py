"""Filters of the teacher's labels, with a ground-truth teacher; MediaPipe itself is tested if it is installed."""

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
    """Mesh whose mapping to the 68 points gives `points`."""
    mesh = np.zeros((478, 2), np.float32)
    for group, point in zip(topology_maps.MAPS[topology_maps.MESH_478, topology.SCHEME], points, strict=True):
        mesh[list(group)] = point
    # Two jaw points share a vertex with a neighbour, so that their mean differs from the input.
    return mesh


class GroundTruthTeacher:
    """Teacher that returns the ground truth of an image and its mirror image; `error` px are added in the latter."""

    def __init__(self, sample, error=0.0):
        self.image, self.points, self.error = sample.image, sample.points, error

    def __call__(self, image):
        if np.array_equal(image, self.image):
            return mesh_of(self.points)[None]
        mirrored = self.points[topology.FLIP].copy()
        mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
        return mesh_of(mirrored + self.error)[None]


@pytest.fixture(scope="module")
def face():
    return read_synthetic(6, seed=5)[1]


@pytest.fixture
def folder(tmp_path, face):
    cv2.imwrite(str(tmp_path / "a.png"), face.image)
    return tmp_path


def test_labels_go_into_a_pack(folder, face):
    result = teacher.gather(teacher.label(folder, GroundTruthTeacher(face)), folder)
    (sample,) = result.samples
    np.testing.assert_allclose(sample.points[list(topology.INNER_51)], face.points[list(topology.INNER_51)], atol=0.01)
    assert (sample.group, sample.scheme) == ("a", topology.SCHEME)
    assert sample.weight[8] < sample.weight[30] < 1
    write_pack(result.samples, folder / "pack")
    (read,) = read_pack(folder / "pack").samples
    np.testing.assert_array_equal(read.points, sample.points)
    np.testing.assert_array_equal(read.weight, sample.weight)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (TeacherOptions(min_size_px=500), 0, "smaller than 500 px"),
        (TeacherOptions(min_sharpness=1e6), 0, "blurred"),
        (TeacherOptions(), 9.0, "mirror"),
    ],
)
def test_filters_give_their_reason(folder, face, options, error, message):
    with pytest.raises(DataError, match=message):
        teacher.gather(teacher.label(folder, GroundTruthTeacher(face, error), options), folder)


def test_an_image_without_a_face(folder):
    nothing = teacher.label(folder, lambda image: np.zeros((0, 478, 2), np.float32))
    with pytest.raises(DataError, match="1 left out: no face detected"):
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
