"""Cuts of a part of the picture concern the faces in that part: on a stage, and between two halves of real clips."""

from itertools import islice

import cv2
import numpy as np
import pytest

from facetrack.capture import VideoFile
from facetrack.detector.cnn import bundled_detector
from facetrack.signals import FaceSignals
from facetrack.tracking.face_cut import FaceCuts
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame
from places import DATA
from staged import Stage, actor, alike


def room(seed, size=(480, 320)):
    """Return a picture of patches, as of a room."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 4, 3), np.uint8)
    return cv2.resize(patches, size[::-1], interpolation=cv2.INTER_NEAREST)


def call(left, right):
    """Return two cells side by side."""
    return np.concatenate((left, right), axis=1)


def follow(tracker, pictures, first=0):
    """Return the faces of each picture."""
    return [tracker.update(Frame(image, time_s=i / 30, index=i)) for i, image in enumerate(pictures, first)]


@pytest.fixture
def stage():
    """Return a stage with a person in either half of the picture, and networks with embeddings."""
    stage = Stage()
    stage.cast(ann=actor(160, 240), bob=actor(480, 240))
    return stage


def test_a_person_who_is_cut_to_in_the_same_place_has_a_new_number_in_that_frame(stage):
    tracker = stage.tracker(detect_interval_s=1e9)
    follow(tracker, [call(room(1), room(2))] * 20)
    stage.looks["eve"] = alike(0.6, 1, 5)  # as alike as one pair of people in twenty
    stage.cast(ann=actor(160, 240), eve=actor(482, 243))
    faces = follow(tracker, [call(room(1), room(3))] * 20, 20)
    assert [stage.names(f) for f in faces] == [{"ann": 1, "eve": 3}] * 20
    stage.cast(ann=actor(160, 240), bob=actor(480, 240))
    faces = follow(tracker, [call(room(1), room(2))] * 20, 40)
    assert [stage.names(f) for f in faces] == [{"ann": 1, "bob": 2}] * 20, "and who comes back has the old one"


def test_the_new_person_s_signals_are_new(stage, monkeypatch):
    made = []
    original = FaceSignals.__init__
    monkeypatch.setattr(FaceSignals, "__init__", lambda self, *args: (made.append(args[-1]), original(self, *args))[1])
    tracker = stage.tracker()
    follow(tracker, [call(room(1), room(2))] * 5)
    stage.cast(ann=actor(160, 240), eve=actor(480, 240))
    follow(tracker, [call(room(1), room(3))] * 5, 5)
    assert made == [1, 2, 3]


def test_the_same_person_before_another_wall_is_no_cut(stage):
    tracker = stage.tracker()
    follow(tracker, [room(1, (480, 640))] * 20)
    elsewhere = room(1, (480, 640))
    elsewhere[160:320, 400:560] = room(3, (160, 160))
    stage.looks["bob"] = alike(0.8, 1, 5)
    faces = follow(tracker, [elsewhere] * 20, 20)
    assert [stage.names(f) for f in faces] == [{"ann": 1, "bob": 2}] * 20
    stage.looks["bob"] = alike(0.7, 0, 5)  # unlike both views so far
    assert stage.names(follow(tracker, [room(1, (480, 640))], 40)[0]) == {"ann": 1, "bob": 3}


def test_another_look_in_the_same_room_is_no_cut(stage):
    tracker = stage.tracker()
    follow(tracker, [call(room(1), room(2))] * 20)
    stage.looks["bob"] = alike(0.6, 1, 5)
    faces = follow(tracker, [call(room(1), room(2))] * 20, 20)
    assert [stage.names(f) for f in faces] == [{"ann": 1, "bob": 2}] * 20


def test_a_head_that_moves_by_its_own_size_takes_its_surroundings_along(stage):
    """What its old place shows is new, and a head turned aside resembles its front but little."""
    wall, head = np.full((480, 640, 3), 90, np.uint8), room(5, (120, 120))

    def shown(x):
        picture = wall.copy()
        picture[180:300, x - 60 : x + 60] = head
        return picture

    tracker = stage.tracker()
    stage.cast(bob=actor(200, 240))
    follow(tracker, [shown(200)] * 10)
    stage.looks["bob"] = alike(0.6, 1, 5)
    stage.cast(bob=actor(240, 240))
    assert [stage.names(f) for f in follow(tracker, [shown(240)] * 5, 10)] == [{"bob": 1}] * 5


def test_somebody_who_passes_between_is_no_cut(stage):
    """What a moving head's old place shows is new in every frame, and the reading of a face half covered is unlike."""
    head, wall = room(5, (120, 120)), room(6, (480, 640))

    def shown(x, covered):
        picture = wall.copy()
        picture[180:300, x - 60 : x + 60] = head
        if covered:
            picture[180:300, x - 60 : x + 60] = room(covered, (120, 120))
        return picture

    tracker, places = stage.tracker(), range(100, 420, 40)
    for i, x in enumerate(places):
        stage.cast(bob=actor(x, 240))
        stage.looks["bob"] = alike(0.6, 1, 5) if x > 300 else alike(1.0, 1, 5)
        faces = tracker.update(Frame(shown(x, (x > 300) * x), time_s=i / 30, index=i))
        assert stage.names(faces) == {"bob": 1}


def test_a_cut_of_nearly_all_of_the_picture_leaves_the_faces_that_it_does_not_concern(stage):
    tracker = stage.tracker()
    small = actor(60, 60, 40)
    stage.cast(ann=small, bob=actor(400, 240, 200))

    def view(seed):
        picture = room(seed, (480, 640))
        picture[:140, :140] = room(9, (140, 140))
        return picture

    assert stage.names(follow(tracker, [view(1)] * 10)[-1]) == {"ann": 2, "bob": 1}
    stage.cast(ann=small, eve=actor(400, 240, 200))
    assert [stage.names(f) for f in follow(tracker, [view(2)] * 5, 10)] == [{"ann": 2, "eve": 3}] * 5


def test_without_embeddings_the_picture_alone_decides(stage):
    tracker = stage.tracker(looks=False)
    follow(tracker, [call(room(1), room(2))] * 5)
    faces = follow(tracker, [call(room(1), room(3))] * 5, 5)
    assert [[face.track_id for face in f] for f in faces] == [[1, 3]] * 5


def test_another_size_of_the_picture_and_a_face_at_its_edge_are_no_cuts(stage):
    tracker = stage.tracker(looks=False)
    stage.cast(ann=actor(30, 30))
    follow(tracker, [room(1, (480, 640))] * 3)
    stage.cast(ann=actor(15, 15, 40))
    half = cv2.resize(room(1, (480, 640)), (320, 240), interpolation=cv2.INTER_AREA)
    assert [[face.track_id for face in f] for f in follow(tracker, [half] * 3, 3)] == [[1]] * 3


def test_a_picture_without_faces_leaves_nothing_behind():
    cuts = FaceCuts(None)
    cuts.remember(room(1), [])
    assert cuts.unchanged(room(2)) == set()


def cell(clip, count):
    """Return frames of a clip, cut to 320 px about the face of the first."""
    frames = [frame.image for frame in islice(VideoFile(DATA / "videos" / f"{clip}.mp4"), count)]
    x0, y0, x1, y1 = bundled_detector()(frames[0]).boxes[0].tolist()
    scale = 320 / (1.25 * max(x1 - x0, y1 - y0))
    matrix = np.array([[scale, 0, 160 - scale * (x0 + x1) / 2], [0, scale, 160 - scale * (y0 + y1) / 2]])
    return [cv2.warpAffine(image, matrix, (320, 320), borderMode=cv2.BORDER_REPLICATE) for image in frames]


@pytest.mark.net
@pytest.mark.data
@pytest.mark.parametrize(
    "clips", [("grin_d0", "mouth_d18", "squeeze_d3"), ("talk_d10", "turn_s18", "glasses_d9")], ids="-".join
)
def test_one_half_of_two_clips_side_by_side_is_switched_to_a_third(clips):
    """Of both, the landmark network reads the new face where the old one was, and both kept the number before."""
    left, before, after = (cell(clip, 24) for clip in clips)
    pictures = [call(left[i], before[i] if i < 10 else after[i]) for i in range(24)]
    found = follow(FaceTracker.from_weights(), pictures)
    sides = [{face.track_id: float(face.box[[0, 2]].mean()) > 320 for face in faces} for faces in found]
    (stays,) = (track for track, is_right in sides[9].items() if not is_right)
    (goes,) = (track for track, is_right in sides[9].items() if is_right)
    for side in sides[10:]:
        assert side[stays] is False
        assert goes not in side
    assert True in sides[-1].values(), "a face that is cut off by the picture's edge waits for ten readings"
