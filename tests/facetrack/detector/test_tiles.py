"""Coverage of the image by the tiles, and detections in px of the whole image."""

import numpy as np
import pytest

from facetrack.detector.search import CoarseToFine, quarter_turned
from facetrack.detector.tiles import Tiles, shifted
from facetrack.types import Detections, Frame
from staged import LowResolutionStage, actor, ids

SIZES = [(640, 480), (1280, 720), (1920, 1080), (720, 1280), (513, 300), (3840, 2160)]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("side", [1, 24, 63, 64])
def test_every_small_box_lies_wholly_in_a_tile(width, height, side):
    """All positions of a box of side x side pixels; side 1: every pixel of the image."""
    tiles = Tiles()
    assert side <= tiles.OVERLAP_PX
    wide, high = tiles.size
    covered = np.zeros((height - side + 1, width - side + 1), bool)
    for x, y in tiles.origins(width, height):
        assert 0 <= x <= max(width - wide, 0)
        assert 0 <= y <= max(height - high, 0)
        covered[y : y + high - side + 1, x : x + wide - side + 1] = True
    assert covered.all()


@pytest.mark.parametrize(
    ("width", "height", "count"),
    [(320, 240, 0), (448, 336, 0), (512, 384, 0), (513, 384, 4), (640, 480, 4), (1280, 720, 12), (1920, 1080, 20)],
)
def test_as_many_tiles_as_needed(width, height, count):
    """Tiles of 448 x 336 px, with at most 384 x 272 px of step: (1280 - 64) / 384 = 3.2 and (720 - 64) / 272 = 2.4."""
    assert len(Tiles().origins(width, height)) == count


def test_tiles_come_in_turn_cyclically():
    image = np.arange(480 * 640 * 3, dtype=np.uint8).reshape(480, 640, 3)
    tiles = Tiles()
    returned = [tiles.next(image) for _ in range(5)]
    assert [origin for _, origin in returned] == [(0, 0), (192, 0), (0, 144), (192, 144), (0, 0)]
    for tile, (x, y) in returned:
        assert tile.shape == (336, 448, 3)
        assert np.shares_memory(tile, image)
        assert (tile[0, 0] == image[y, x]).all()
    tiles.reset()
    tiles.next(image)
    tiles.reset()
    assert tiles.next(image)[1] == (0, 0)
    assert tiles.next(image[:240, :320]) is None


def test_detections_are_moved_back():
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
    detections = Detections(np.float32([[1, 2, 31, 42], [5, 6, 7, 8]]), np.float32([0.9, 0.8]), points)
    moved = shifted(detections, (384, 272))
    assert moved.boxes.tolist() == [[385, 274, 415, 314], [389, 278, 391, 280]]
    assert moved.scores is detections.scores
    np.testing.assert_array_equal(moved.keypoints[..., 0], points[..., 0] + 384)
    np.testing.assert_array_equal(moved.keypoints[..., 1], points[..., 1] + 272)
    assert shifted(Detections(detections.boxes, detections.scores), (1, 1)).keypoints is None


@pytest.mark.parametrize("place", [(20, 20), (1255, 700), (430, 300), (640, 360), (845, 545)])
def test_a_far_face_is_found_within_one_round_of_the_tiles(place):
    """30 px of 1280 are 7.5 px in the downsampled image, 21 px in a downsampled tile."""
    stage = LowResolutionStage(1280, 720)
    stage.actors = [actor(*place, 30.0)]
    tracker = stage.tracker(looks=False)
    assert len(stage.detect(stage.image)) == 0
    for i in range(12):
        faces = tracker.update(Frame(stage.image, time_s=i / 30, index=i))
        if faces:
            break
    assert ids(faces) == [1]
    np.testing.assert_allclose(faces[0].landmarks.points, stage.actors[0])
    assert stage.detector_calls == 1 + 2 * (i + 1), "expected the whole image and one tile in each frame"


def test_beside_a_near_face_a_far_one_is_found_in_a_round_of_intervals():
    stage = LowResolutionStage(1280, 720)
    stage.actors = [actor(300, 300, 150), actor(1100, 600, 30)]
    tracker = stage.tracker(looks=False)
    ids_by_frame = [
        ids(tracker.update(Frame(stage.image, time_s=i * 0.5, index=i)))
        for i in range(1 + 12 * CoarseToFine.CLOSER_EVERY)
    ]
    assert ids_by_frame[0] == [1]
    assert ids_by_frame[-1] == [1, 2]


def test_beside_a_near_face_a_far_one_is_found_as_soon_as_the_whole_image_hints_at_it():
    stage = LowResolutionStage(1280, 720)
    stage.hinting = True
    stage.actors = [actor(300, 300, 150)]
    tracker = stage.tracker(looks=False)
    assert ids(tracker.update(Frame(stage.image, time_s=0.0, index=0))) == [1]
    stage.actors.append(actor(1265, 700, 24))
    found = [ids(tracker.update(Frame(stage.image, time_s=0.5 * i, index=i))) for i in range(1, 5)]
    assert found[-1] == [1, 2], "the whole is searched in the third of these, the part around the hint in the fourth"


def test_hints_take_turns_with_each_other_and_with_the_tiles():
    """Two weak boxes that nothing comes of, and a third that is large enough as it is."""
    image = np.zeros((480, 640, 3), np.uint8)
    weak = np.float32([[100, 100, 124, 124], [400, 300, 424, 324], [0, 0, 200, 200]])
    searched = []

    def detect(part):
        whole = part.shape == image.shape
        if not whole:
            offset = part.__array_interface__["data"][0] - image.__array_interface__["data"][0]
            searched.append((offset // 3 % 640, offset // 3 // 640, *part.shape[1::-1]))
        boxes = weak if whole else np.zeros((0, 4), np.float32)
        return Detections(boxes, np.float32([0.4, 0.3, 0.2])[: len(boxes)])

    search = CoarseToFine()
    for _ in range(4):
        passes = list(search(detect, image, lambda found: np.arange(len(found))))
        assert not any(len(seen.sure) for seen in passes)
    # Around the middles (112, 112) and (412, 312), the next tile, and again.
    first, second, tile = (0, 0, 320, 240), (252, 192, 320, 240), (0, 0, 448, 336)
    assert searched == [first, second, tile, first]


def test_a_small_image_has_no_tiles_and_is_searched_in_quarter_turns():
    shapes = []

    def detect(part):
        shapes.append(part.shape[:2])
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    search, image = CoarseToFine(), np.zeros((240, 320, 3), np.uint8)
    for _ in range(2):
        list(search(detect, image, lambda found: np.arange(len(found))))
    assert shapes == [(240, 320), (320, 240), (240, 320), (320, 240)]


@pytest.mark.parametrize("clockwise", [True, False])
def test_boxes_and_keypoints_of_a_quarter_turn_are_turned_back(clockwise):
    """Marks of the image are looked up in the turned image, whose positions must map back to where they were drawn."""
    image = np.zeros((48, 64, 3), np.uint8)
    marks = np.float32([[10, 5], [20, 9], [15, 20], [11, 30], [40, 31]])
    for value, (x, y) in enumerate(marks.astype(int), 1):
        image[y, x] = value
    turned, back = quarter_turned(image, clockwise)
    assert turned.shape == (64, 48, 3)
    there = np.float32([np.argwhere(turned[..., 0] == value)[0][::-1] for value in range(1, 6)])
    box = np.concatenate([there.min(axis=0), there.max(axis=0)])
    found = back(Detections(box[None], np.float32([0.9]), there[None]))
    np.testing.assert_array_equal(found.keypoints[0], marks)
    np.testing.assert_array_equal(found.boxes[0], [10, 5, 40, 31])
    assert back(Detections(box[None], np.float32([0.9]))).keypoints is None
