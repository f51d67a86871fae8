"""Landmark methods with stubs of networks and of MediaPipe's mesh whose predictions are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from facetrack import topology, topology_maps
from facetrack.errors import DataError, ModelFileError
from facetrack.geometry import points_box
from facetrack.landmarker import Reading
from facetrack.types import Detections, Landmarks
from facetrain.evaluation.landmarks import methods
from facetrain.evaluation.landmarks.corruptions import Move
from facetrain.evaluation.landmarks.methods import (
    CachedDetector,
    LastCallCache,
    MediaPipeMethod,
    NetworkMethod,
    OffsetCorrected,
)
from facetrain.sample import Sample
from facetrain.synth.drawn_heads import read_synthetic


@pytest.fixture(scope="module")
def faces():
    return read_synthetic(6, seed=4)


class RecordingLandmarker:
    """Landmarker stub that records its crops and always predicts the same points."""

    margin = 1.5

    def __init__(self, points):
        self.points, self.crops = points, []

    def __call__(self, image, crops):
        self.crops += crops
        return [Reading(Landmarks(self.points, np.ones(68, np.float32)), 1.0) for _ in crops]


def box_face():
    """Sample whose points have a box 100 px wide, from 20 to 120, and 80 px high, from 40 to 120."""
    points = np.tile(np.float32([70, 80]), (68, 1))
    points[0], points[1] = [20, 40], [120, 120]
    return Sample("a", "a", "t", np.zeros((200, 200, 3), np.uint8), points, np.ones(68, np.float32))


def test_a_moved_box_by_hand():
    face = box_face()
    landmarker = RecordingLandmarker(face.points)
    NetworkMethod(landmarker, lambda image: None).predict_shifted(face, Move(0.1, -0.05, 1.2))
    (crop,) = landmarker.crops
    # Centre (70, 80), side 100: shifted by 10 and -5 px; 100 * 1.5 * 1.2 px wide.
    assert (crop.x, crop.y, crop.size_px) == pytest.approx((80, 75, 180))


def test_the_labelled_face_is_taken_and_a_missed_one_is_none():
    face = box_face()
    box = points_box(face.points)
    landmarker = RecordingLandmarker(face.points)

    def detects(*boxes):
        return lambda image: Detections(np.float32(boxes).reshape(-1, 4), np.ones(len(boxes), np.float32), None)

    NetworkMethod(landmarker, detects(box + 300, box + 2)).predict(face)
    assert (landmarker.crops[0].x, landmarker.crops[0].y) == pytest.approx((72, 82))
    assert NetworkMethod(landmarker, detects(box + 300)).predict(face) is None
    assert NetworkMethod(landmarker, detects()).predict(face) is None


def test_the_last_result_is_cached():
    calls = []

    def count_calls(*arguments):
        calls.append(arguments)
        return len(calls)

    cached = LastCallCache(count_calls)
    a, b = np.zeros(2), np.zeros(2)
    assert [cached(a, b), cached(a, b), cached(b, a), cached(b, a), cached(a, b)] == [1, 1, 2, 2, 3]
    detector = CachedDetector(count_calls)
    assert detector(a) == detector(a) == 4


class Offset:
    """Method stub with another scheme: the ground truth plus a constant offset in the face's own axes.

    The axes are computed from angle and eye distance alone; faces named in `missed` are not detected.
    """

    def __init__(self, constant, missed=()):
        self.constant, self.missed = constant, missed

    def predict(self, sample):
        if sample.name in self.missed:
            return None
        right, left = sample.points[list(topology.EYE_OUTER_CORNERS)]
        across = left - right
        distance, angle = np.hypot(*across), np.arctan2(across[1], across[0])
        rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return (sample.points + distance * self.constant @ rotation).astype(np.float32)

    def predict_shifted(self, sample, move):
        return self.predict(sample)


def test_a_constant_offset_of_the_scheme_is_removed(faces):
    constant = np.random.default_rng(0).normal(0, 0.05, (68, 2))
    constant[list(topology.EYE_OUTER_CORNERS)] = 0  # they span the axes
    other = Offset(constant, missed=(faces[1].name,))
    offset = methods.median_offset(other, faces[:4])
    np.testing.assert_allclose(offset, -constant, atol=1e-5)
    corrected = OffsetCorrected(other, offset)
    np.testing.assert_allclose(corrected.predict(faces[5]), faces[5].points, atol=1e-2)
    np.testing.assert_allclose(corrected.predict_shifted(faces[5], Move()), faces[5].points, atol=1e-2)
    assert corrected.predict(faces[1]) is None
    with pytest.raises(DataError, match="of the 1 faces"):
        methods.median_offset(other, faces[1:2])


def test_the_right_mesh_of_several(faces):
    mesh = np.zeros((3, 478, 2), np.float32)
    groups = topology_maps.MAPS[topology_maps.MESH_478, topology.SCHEME]
    for group, point in zip(groups, faces[0].points, strict=True):
        mesh[1, list(group)] = point
    selected = methods.select_labelled_mesh(mesh, faces[0])
    inner = list(topology.INNER_51)
    np.testing.assert_allclose(selected[inner], faces[0].points[inner], atol=0.01)
    assert methods.select_labelled_mesh(mesh[:1], faces[0]) is None
    assert methods.select_labelled_mesh(mesh[:0], faces[0]) is None


def test_mediapipes_file_is_not_there(tmp_path):
    with pytest.raises(ModelFileError, match="does not exist; give the path of MediaPipe's") as caught:
        MediaPipeMethod(tmp_path / "face_landmarker.task")
    assert "\n" not in str(caught.value)


def test_mediapipe_is_shown_the_face_moved_and_then_in_its_place():
    """The second of three frames has the box's centre where the move puts it, the third in the image's centre."""
    image = np.zeros((300, 300, 3), np.uint8)
    image[100:200, 100:200] = 255
    corners = np.float32([[100, 100], [199, 199]])
    face = Sample("a", "a", "t", image, np.tile(corners, (34, 1)), np.ones(68, np.float32))
    frames = []
    stub = SimpleNamespace(_frame=lambda frame: frames.append(frame) or np.zeros((0, 478, 2), np.float32))
    assert MediaPipeMethod.predict_shifted(stub, face, Move(0.2, -0.1, 0.5)) is None
    empty, moved, plain = (frame[..., 0] > 127 for frame in frames)
    assert not empty.any()
    middle, side = (plain.shape[0] - 1) / 2, 99
    for mask, centre, width in (
        (moved, (middle + 0.2 * side, middle - 0.1 * side), 50),
        (plain, (middle, middle), 100),
    ):
        y, x = np.nonzero(mask)
        assert (x.mean(), y.mean()) == pytest.approx(centre, abs=1.0)
        assert np.sqrt(mask.sum()) == pytest.approx(width, abs=2)
