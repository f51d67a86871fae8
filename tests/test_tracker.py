"""The tracker's decisions frame by frame, on a stage: a detector and a landmarker that know where the actors stand."""

import numpy as np
import pytest

from facetrack.geometry import box_iou, crop_from_box, points_box
from facetrack.landmarker import Reading
from facetrack.tracker import FaceTracker, TrackerOptions
from facetrack.types import Detections, Frame, Landmarks, Pose

SHAPE = np.random.default_rng(0).uniform(-0.5, 0.5, (68, 2))
SHAPE -= (SHAPE.max(axis=0) + SHAPE.min(axis=0)) / 2
SHAPE[36:42], SHAPE[42:48] = [-0.25, -0.2], [0.25, -0.2]


def actor(x, y, size=80.0):
    return (SHAPE * size + [x, y]).astype(np.float32)


class Stage:
    """Plays both networks: `actors` are the faces that can be seen now."""

    margin = 1.3

    def __init__(self):
        self.actors = []
        self.sigma_px = 1.0
        self.attributes = {}
        self.detector_calls = 0
        self.landmarker_calls = []

    def detect(self, image):
        self.detector_calls += 1
        boxes = np.array([points_box(points) for points in self.actors], np.float32).reshape(-1, 4)
        return Detections(boxes, np.full(len(boxes), 0.9, np.float32))

    def __call__(self, image, crops):
        self.landmarker_calls.append(len(crops))
        return [self._read(crop) for crop in crops]

    def _read(self, crop):
        """The actor who fills most of the crop, or nothing."""
        half = crop.size_px / 2
        square = np.array([[crop.x - half, crop.y - half, crop.x + half, crop.y + half]])
        for points in self.actors:
            ideal = crop_from_box(points_box(points), self.margin)
            r = ideal.size_px / 2
            if box_iou(square, np.array([[ideal.x - r, ideal.y - r, ideal.x + r, ideal.y + r]]))[0, 0] > 0.4:
                return Reading(Landmarks(points, np.full(68, self.sigma_px, np.float32)), 0.99, self.attributes)
        return Reading(Landmarks(actor(crop.x, crop.y, half), np.ones(68, np.float32)), 0.05)


@pytest.fixture
def stage():
    return Stage()


def tracker_on(stage, **options):
    return FaceTracker(stage.detect, stage, TrackerOptions(smoothing="off", **options))


def frame(i, fps=30.0, size=(480, 640)):
    return Frame(np.zeros((*size, 3), np.uint8), i / fps, i)


def ids(faces):
    return [face.track_id for face in faces]


def test_nothing_there_is_an_empty_list(stage):
    assert tracker_on(stage).update(frame(0)) == []


def test_what_the_network_reads_of_a_face_stands_in_its_signals(stage, monkeypatch):
    ahead = Pose(np.eye(3), np.array([0.0, 0.0, 600.0]), 0.0, 0.0, 0.0)
    monkeypatch.setattr("facetrack.tracker.head_pose", lambda *_: ahead)
    tracker = tracker_on(stage)
    stage.actors = [actor(200, 200)]
    for i, eyes in enumerate([(0.9, 0.8), (0.1, 0.7)]):
        stage.attributes = {"eye_right_open": eyes[0], "eye_left_open": eyes[1]}
        signals = tracker.update(frame(i))[0].signals
        assert (signals.eye_right_open, signals.eye_left_open, signals.smile) == (*eyes, None)


def test_a_face_that_moves_keeps_its_number_without_the_detector(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    for i in range(60):
        stage.actors = [actor(100 + 5 * i, 200)]
        faces = tracker.update(frame(i))
        assert ids(faces) == [1]
        np.testing.assert_allclose(faces[0].landmarks.points, stage.actors[0], atol=1e-3)
    assert stage.detector_calls == 1


def test_a_face_that_leaves_is_gone_in_the_same_frame(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200)]
    assert ids(tracker.update(frame(0))) == [1]
    stage.actors = []
    assert tracker.update(frame(1)) == []


def test_a_short_loss_keeps_the_number_and_a_long_one_does_not(stage):
    tracker = tracker_on(stage, remember_s=1.0)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = []
    for i in range(1, 10):
        tracker.update(frame(i))
    stage.actors = [actor(130, 210)]
    assert ids(tracker.update(frame(10))) == [1]
    stage.actors = []
    for i in range(11, 60):
        tracker.update(frame(i))
    stage.actors = [actor(130, 210)]
    assert ids(tracker.update(frame(60))) == [2]


def test_a_face_covered_for_a_moment_comes_back_without_the_detector(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100, 200, 90), actor(400, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(400, 200)]
    assert ids(tracker.update(frame(1))) == [2]
    tracker.detector = lambda image: pytest.fail("the detector was asked")
    stage.actors = [actor(100, 200, 90), actor(400, 200)]
    assert ids(tracker.update(frame(2))) == [1, 2]


def test_who_comes_back_does_not_exceed_max_faces(stage):
    tracker = tracker_on(stage, max_faces=1)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(400, 200)]
    assert ids(tracker.update(frame(1))) == [2]
    stage.actors = [actor(100, 200), actor(400, 200)]
    assert ids(tracker.update(frame(2))) == [2]


def test_a_newcomer_is_found_within_the_interval(stage):
    tracker = tracker_on(stage, detect_interval_s=0.2)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(0))
    stage.actors = [actor(100, 200), actor(400, 200)]
    seen = [ids(tracker.update(frame(i))) for i in range(1, 8)]
    assert seen[-1] == [1, 2]
    assert seen[0] == [1]


def test_all_followed_faces_go_through_in_one_batch(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100 + 150 * i, 200) for i in range(4)]
    tracker.update(frame(0))
    stage.landmarker_calls.clear()
    assert ids(tracker.update(frame(1))) == [1, 2, 3, 4]
    assert stage.landmarker_calls == [4]


def test_two_tracks_on_one_face_become_one(stage):
    tracker = tracker_on(stage, detect_interval_s=1e9)
    stage.actors = [actor(100, 200), actor(200, 200)]
    assert ids(tracker.update(frame(0))) == [1, 2]
    stage.actors = [actor(160, 200)]  # both crops now hold this one
    assert len(tracker.update(frame(1))) == 1
    assert len(tracker.update(frame(2))) == 1


def test_max_faces_keeps_the_largest(stage):
    tracker = tracker_on(stage, max_faces=1)
    stage.actors = [actor(100, 200, 60), actor(400, 200, 120)]
    faces = tracker.update(frame(0))
    assert len(faces) == 1
    assert faces[0].box[2] - faces[0].box[0] > 100


def test_a_doubtful_newcomer_is_not_admitted(stage):
    stage.actors = [actor(100, 200)]
    ghost = stage.detect(None)
    stage.actors = []
    tracker = FaceTracker(lambda image: ghost, stage, TrackerOptions())
    assert tracker.update(frame(0)) == []


def test_a_vague_reading_is_no_newcomer_but_may_be_a_known_face(stage):
    """A wall that looks like a face has large sigma: 80 px faces here, so 3.6 px is 4.5 % of the size."""
    tracker = tracker_on(stage)
    stage.actors, stage.sigma_px = [actor(100, 200)], 3.6
    assert tracker.update(frame(0)) == []
    stage.sigma_px = 1.0
    assert ids(tracker.update(frame(1))) == [1]
    stage.sigma_px = 3.6
    assert ids(tracker.update(frame(2))) == [1]
    stage.sigma_px = 6.0
    assert tracker.update(frame(3)) == []
    stage.sigma_px = 3.6
    assert ids(tracker.update(frame(4))) == [1]


def test_a_network_without_sigma_is_taken_at_its_word(stage):
    stage.actors, stage.sigma_px = [actor(100, 200)], np.nan
    assert ids(tracker_on(stage).update(frame(0))) == [1]


def test_after_a_cut_in_the_film_the_same_place_is_somebody_else(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(200, 200)]
    scenes = [
        np.random.default_rng(scene).integers(0, 256, (24, 32, 3), np.uint8).repeat(20, 0).repeat(20, 1)
        for scene in (1, 2)
    ]
    seen = [ids(tracker.update(Frame(scenes[i // 3], i / 30, i))) for i in range(6)]
    assert seen == [[1]] * 3 + [[2]] * 3
    assert stage.detector_calls == 2  # one call finds the face again


def test_reset_equals_fresh(stage):
    tracker = tracker_on(stage)
    stage.actors = [actor(100, 200)]
    tracker.update(frame(5))
    tracker.reset()
    assert ids(tracker.update(frame(0))) == [1]


def test_time_must_increase(stage):
    tracker = tracker_on(stage)
    tracker.update(frame(3))
    with pytest.raises(ValueError, match="not after"):
        tracker.update(frame(3))


@pytest.mark.parametrize("bad", [{"smoothing": "much"}, {"max_faces": 0}])
def test_options_are_checked(bad):
    with pytest.raises(ValueError, match="expected"):
        TrackerOptions(**bad)
