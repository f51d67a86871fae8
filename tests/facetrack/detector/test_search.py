"""Weak detections, which the landmark network decides, and the search of a picture on its own."""

import numpy as np
import pytest

from facetrack.detector.search import CoarseToFine, Thorough
from facetrack.geometry import crop_from_box, points_box
from facetrack.landmarker import closer_crops
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import Detections, Frame
from staged import LowResolutionStage, Stage, actor, alike, frame, ids


class UnsureStage(Stage):
    """Stage whose detector gives every face the same score."""

    score = 0.3

    def detect(self, image):
        found = super().detect(image)
        return Detections(found.boxes, np.full(len(found), self.score, np.float32))


@pytest.mark.parametrize(
    ("score", "sigma_share", "found"),
    [(0.3, 0.025, True), (0.3, 0.034, False), (0.9, 0.031, True), (0.9, 0.045, False)],
)
def test_a_weak_detection_is_a_face_only_where_the_landmarks_are_certain(score, sigma_share, found):
    """By the stage's gates, a relative sigma of .03 is certain and one of .0322 enough for a new face to be shown."""
    stage = UnsureStage()
    stage.score, stage.sigma_px = score, sigma_share * 80
    stage.actors = [actor(200, 200, 80)]
    tracker = stage.tracker(looks=False, confirmations=1)
    assert ids(tracker.update(frame(0))) == ([1] if found else [])


def test_who_was_lost_is_known_again_in_a_weak_detection():
    """The relative sigma of .035 would not do for a new face."""
    stage = UnsureStage()
    stage.looks = {"anna": alike(1.0, 0, 15)}
    stage.score = 0.9
    stage.cast(anna=actor(100, 200, 80))
    tracker = stage.tracker(confirmations=1)
    for i in range(10):
        assert ids(tracker.update(frame(i))) == [1]
    stage.cast()
    for i in range(10, 30):
        assert ids(tracker.update(frame(i))) == []
    stage.score, stage.sigma_px = 0.3, 0.035 * 80
    stage.cast(anna=actor(400, 200, 80))
    assert any(ids(tracker.update(frame(i))) == [1] for i in range(30, 40))


def test_weak_detections_of_a_frame_take_turns():
    boxes = np.float32([[x, 0, x + 90, 90] for x in (0, 100, 200)])
    scores = np.float32([0.4, 0.3, 0.25])
    search, read = CoarseToFine(), []
    for i in range(9):
        passes = search(lambda part: Detections(boxes, scores), restless(i), every, FOLLOWED)
        for seen in passes:
            assert len(seen.weak) <= 1
            read += seen.weak.tolist()
    assert read == [0, 1, 2], "the whole picture is searched in one of three searches"


def every(found):
    return np.arange(len(found))


def restless(i):
    """Pictures of 640x480 in which something moves far from FOLLOWED."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[440:460, 40:60] = 60 * (i % 2)
    return image


FOLLOWED = np.float32([[400, 100, 500, 200]])


def passes_of(detect, count, missed=False):
    """Return the sizes of what the detector is given in each search beside FOLLOWED, and what comes of it."""
    search, sizes, found = CoarseToFine(), [], []

    def watched(part):
        sizes[-1].append(part.shape[1::-1])
        return detect(part)

    for i in range(count):
        sizes.append([])
        found.append(list(search(watched, restless(i), every, FOLLOWED, missed)))
    return sizes, found


def nothing(part):
    return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


WHOLE, COARSE, HINT, TILE = (640, 480), (160, 120), (320, 240), (448, 336)


def test_while_all_are_followed_three_searches_share_the_passes():
    assert passes_of(nothing, 6)[0] == [[WHOLE], [COARSE], [COARSE, TILE]] * 2


def test_a_face_that_the_reduced_picture_shows_is_enough_for_a_search():
    """Of a reduced picture pixel i is the mean of four from 4 i on, centred at 4 i + 1.5."""
    sizes, found = passes_of(lambda part: Detections(np.float32([[8, 20, 28, 40]]), np.float32([0.9])), 6)
    assert sizes == [[WHOLE], [COARSE], [COARSE]] * 2
    np.testing.assert_allclose(found[1][0].found.boxes, [[33.5, 81.5, 113.5, 161.5]])


def test_small_weak_detections_are_looked_at_more_closely_in_the_next_search():
    def detect(part):
        return Detections(np.float32([[100, 100, 124, 124]]), np.float32([0.3 if part.shape[1] == 640 else 0.1]))

    assert passes_of(detect, 6)[0] == [[WHOLE], [COARSE, HINT], [COARSE, TILE]] * 2


def test_while_somebody_is_missed_every_search_sees_the_whole():
    assert passes_of(nothing, 6, missed=True)[0] == [[WHOLE], [WHOLE], [WHOLE, TILE]] * 2


def test_a_picture_on_its_own_is_searched_in_all_tiles_at_once():
    """The face has 8 px in the downsampled whole, and in a video's first frame only one of the tiles is searched."""
    stage = LowResolutionStage(1280, 720)
    stage.actors = [actor(1240, 690, 30)]
    options = {"smoothing": "off", "confirmations": 1}
    picture = Frame(stage.image, time_s=0.0, index=0)
    assert ids(FaceTracker(stage.detect, stage, TrackerOptions(**options)).update(picture)) == []
    assert ids(FaceTracker(stage.detect, stage, TrackerOptions(single=True, **options)).update(picture)) == [1]


def test_what_a_tile_cuts_off_is_left_to_its_neighbour():
    """A detector that reports the same face in every tile that shows a part of it."""
    image = np.zeros((480, 640, 3), np.uint8)
    face = np.float32([440, 100, 500, 160])

    def detect(part):
        offset = (part.__array_interface__["data"][0] - image.__array_interface__["data"][0]) // 3
        x, y = offset % 640, offset // 640
        seen = part.base is not None and x + part.shape[1] > face[0] and part.shape != image.shape
        boxes = (face - [x, y, x, y])[None] if seen else np.zeros((0, 4))
        return Detections(boxes.astype(np.float32), np.full(len(boxes), 0.9, np.float32))

    passes = list(Thorough()(detect, image, lambda found: np.arange(len(found))))
    whole_ones = [seen.found.boxes.tolist() for seen in passes[1:-2] if len(seen.sure)]
    assert whole_ones == [[face.tolist()]], "tiles on the left end at x = 448, lower ones begin at y = 144"


def test_quarter_turns_show_no_face_that_is_followed_already():
    """A detector that finds the actor in any turn: one face, from one reading."""
    stage = Stage()
    stage.actors = [actor(160, 120, 80)]
    tracker = stage.tracker(looks=False, confirmations=1, single=True)
    picture = np.zeros((240, 320, 3), np.uint8)
    assert ids(tracker.update(Frame(picture, time_s=0.0, index=0))) == [1]


def test_a_picture_on_its_own_is_read_a_second_time_around_the_face_s_own_points():
    """The first crop is that of the box, off by a quarter of the face; the one that counts lies on the face."""
    stage = Stage()
    stage.actors = [actor(160, 120, 80)]
    box = points_box(stage.actors[0])[None] + 20
    tracker = stage.tracker(looks=False, confirmations=1, single=True)
    tracker.detector = lambda image: Detections(box, np.float32([0.9]))
    assert ids(tracker.update(frame(0))) == [1]
    first, second = (np.array([crop.x, crop.y]) for crop in stage.crops[:2])
    np.testing.assert_allclose(first, [180, 140], atol=1)
    np.testing.assert_allclose(second, [160, 120], atol=1)


def test_a_crop_without_a_face_stays_where_it_is():
    stage = Stage()
    stage.actors = [actor(160, 120, 80)]
    far = crop_from_box(points_box(actor(500, 400, 60)), stage.margin)
    assert closer_crops(stage, np.zeros((480, 640, 3), np.uint8), [far]) == [far]
