"""Cuts are told from motion, light and noise."""

import cv2
import numpy as np
import pytest

from facetrack.scene_cut import SceneCut


def picture(seed, size=(480, 640)):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 8, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)


def shifted(image, x, y):
    return cv2.warpAffine(
        image, np.float32([[1, 0, x], [0, 1, y]]), image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE
    )


def test_another_scene_is_a_cut_in_its_first_frame_only():
    cut = SceneCut()
    assert [cut(image) for image in (picture(1), picture(1), picture(2), picture(2))] == [False, False, True, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda image: shifted(image, 12, -8),
        lambda image: cv2.convertScaleAbs(image, alpha=1, beta=40),
        lambda image: np.clip(image + np.random.default_rng(3).normal(0, 20, image.shape), 0, 255).astype(np.uint8),
    ],
    ids=["motion", "light", "noise"],
)
def test_what_a_camera_does_is_none(change):
    cut = SceneCut()
    cut(picture(1))
    assert not cut(change(picture(1)))


def test_another_aspect_is_a_cut_and_reset_is_a_new_start():
    cut = SceneCut()
    cut(picture(1))
    assert cut(picture(1, (480, 480)))
    cut.reset()
    assert not cut(picture(2))
