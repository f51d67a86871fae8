"""The motion gate of the search: what moves, what is noise, and how often an unchanged picture is searched."""

import cv2
import numpy as np
import pytest

from facetrack.detector.search import CoarseToFine
from facetrack.detector.stillness import Stillness
from facetrack.types import Detections, Frame
from staged import Stage, actor, frame, ids


def searched(still, picture, count, own=None):
    return [not still(picture(i), 5, own) for i in range(count)]


def noisy(sigma, size):
    rng = np.random.default_rng(0)
    pictures = [np.clip(90 + rng.normal(0, sigma, (*size, 3)), 0, 255).astype(np.uint8) for _ in range(4)]
    return lambda i: pictures[i % 4]


@pytest.mark.parametrize(
    ("size", "sigma"), [((480, 640), 10.0), ((720, 1280), 10.0), ((240, 320), 5.0), ((512, 512), 5.0)]
)
def test_noise_is_no_motion(size, sigma):
    for own, every in ((None, Stillness.EVERY_ALONE), (np.float32([[0.4, 0.4, 0.6, 0.6]]), Stillness.EVERY)):
        found = searched(Stillness(), noisy(sigma, size), 66, own)
        assert all(found[:6]), "an unchanged picture is searched `enough` times before it is known"
        assert sum(found[6:]) == 60 / every


def test_what_moves_in_and_around_a_followed_face_is_its_own():
    """A box of 100 px, whose surroundings of 60 px are its own; a patch 60 grey levels brighter in and beside them."""
    own = np.float32([[300 / 640, 200 / 480, 400 / 640, 300 / 480]])
    for x, y, moves in ((350, 250, False), (250, 250, False), (440, 330, False), (220, 250, True), (350, 390, True)):

        def picture(i, x=x, y=y):
            image = np.full((480, 640, 3), 90, np.uint8)
            image[y - 8 : y + 8, x - 8 : x + 8] += np.uint8(60 * (i % 2))
            return image

        found = searched(Stillness(), picture, 40, own)
        assert all(found) == moves, (x, y)
        assert all(searched(Stillness(), picture, 40)), "nobody is followed"


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (1080, 1920), (2160, 3840)])
def test_a_small_dark_or_bright_thing_in_any_place_is_motion(size):
    """A disc of a fortieth of the picture's width, 16 px in 640x480, 40 grey levels off."""
    rng, still = np.random.default_rng(1), Stillness()
    height, width = size
    empty = np.full((*size, 3), 90, np.uint8)
    for sign in (-1, 1, -1, 1):
        assert not all(searched(still, lambda i: empty, 20))
        disc = empty.copy()
        centre = int(rng.integers(0, width)), int(rng.integers(0, height))
        cv2.circle(disc, centre, width // 80, (90 + sign * 40,) * 3, -1)
        assert not still(disc, 5)


def test_slow_change_adds_up():
    """A room that grows lighter by half a grey level per frame changes by more than MOVED in 22 frames."""
    found = searched(Stillness(), lambda i: np.full((480, 640, 3), 50 + i // 2, np.uint8), 100)
    assert all(found[i] for i in range(0, 100, 22))
    assert sum(found) < 50


def test_a_picture_of_another_size_is_searched():
    still = Stillness()
    assert not all(searched(still, lambda i: np.zeros((480, 640, 3), np.uint8), 20))
    assert not still(np.zeros((200, 320, 3), np.uint8), 5)


def test_every_part_of_a_still_picture_is_searched_before_it_is_known():
    """Four tiles of 640x480 and two quarter turns, each a third of the searches."""
    image, parts = np.zeros((480, 640, 3), np.uint8), []

    def detect(part):
        if part.shape != image.shape:
            parts.append((part.shape, part.__array_interface__["data"][0]))
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    search = CoarseToFine()
    for _ in range(19):
        list(search(detect, image, lambda found: np.arange(len(found)), np.float32([[0, 0, 9, 9]])))
    assert len({part for part in parts if part[0][:2] == (336, 448)}) == 4
    assert len([part for part in parts if part[0][:2] == (640, 480)]) == 2


def test_nobody_in_a_still_picture_costs_little_and_who_comes_in_is_found_at_once():
    stage = Stage()
    tracker = stage.tracker(looks=False, confirmations=1)
    for i in range(40):
        tracker.update(frame(i, image=np.zeros((480, 640, 3), np.uint8)))
    stage.detector_calls = 0
    for i in range(40, 140):
        assert ids(tracker.update(frame(i, image=np.zeros((480, 640, 3), np.uint8)))) == []
    assert stage.detector_calls <= 2 * (100 / Stillness.EVERY_ALONE + 1), "the whole and one part of it in each search"
    stage.actors = [actor(320, 240, 60)]
    image = np.zeros((480, 640, 3), np.uint8)
    image[210:270, 290:350] = 60
    assert ids(tracker.update(frame(140, image=image))) == [1]


def test_a_face_that_is_lost_in_a_still_picture_is_searched_for_in_each_frame_again():
    stage, black = Stage(), np.zeros((480, 640, 3), np.uint8)
    stage.actors = [actor(320, 240, 60)]
    tracker = stage.tracker(looks=False, confirmations=1, detect_interval_s=0.0)
    for i in range(60):
        assert ids(tracker.update(Frame(black, time_s=i / 30, index=i))) == [1]
    stage.detector_calls, stage.actors = 0, []
    for i in range(60, 70):
        tracker.update(Frame(black, time_s=i / 30, index=i))
    assert stage.detector_calls >= 10
