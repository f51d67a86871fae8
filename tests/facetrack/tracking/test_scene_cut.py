"""Cuts are detected from motion, light and noise."""

import cv2
import numpy as np
import pytest

from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from facetrack.photograph import load_photograph
from facetrack.tracking.scene_cut import SceneCut
from facetrack.tracking.tracker import FaceTracker, TrackerOptions
from facetrack.types import Frame
from staged import Stage, actor, ids


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


def photograph(seed):
    """Of 800x480 px: surfaces with soft edges and fine grain, as in pictures taken by cameras."""
    rng = np.random.default_rng(seed)
    image = picture(seed, (480, 800))
    for _ in range(25):
        x, y = rng.integers(0, 800), rng.integers(0, 480)
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        cv2.ellipse(image, (int(x), int(y)), tuple(rng.integers(20, 120, 2).tolist()), 0, 0, 360, colour, -1)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.5) + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_a_camera_swung_by_a_fifth_of_the_picture_is_no_cut_and_another_photograph_is(seed, monkeypatch):
    wide, cut = photograph(seed), SceneCut()
    assert [cut(wide[:, x : x + 640]) for x in (0, 128, 0)] == [False] * 3
    assert cut(photograph(seed + 100)[:, :640])
    monkeypatch.setattr(SceneCut, "PAN", 2.0)
    cut.reset()
    assert [cut(wide[:, x : x + 640]) for x in (0, 128)] == [False, True], "a swing changes as much as a cut"


def test_the_demo_s_photograph_swung_is_no_cut_and_mirrored_upside_down_it_is():
    image = next(iter(SyntheticClip(ClipOptions(size=(800, 480)))))[0].image
    cut = SceneCut()
    assert [cut(image[:, x : x + 640]) for x in (0, 128)] == [False, False]
    assert cut(np.ascontiguousarray(image[::-1, ::-1][:, :640]))


def test_another_aspect_is_a_cut_and_reset_is_a_new_start():
    cut = SceneCut()
    cut(picture(1))
    assert cut(picture(1, (480, 480)))
    cut.reset()
    assert not cut(picture(2))


@pytest.mark.parametrize("size", [(240, 320), (360, 480), (723, 964), (96, 128)])
def test_another_size_of_the_same_scene_is_no_cut(size: tuple[int, int]) -> None:
    photograph, _ = load_photograph()
    picture = np.ascontiguousarray(photograph[:384, :512])
    cut = SceneCut()
    cut(picture)
    assert not cut(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA))
    assert cut(np.ascontiguousarray(255 - picture))


@pytest.mark.parametrize("smoothing", ["off", "medium"])
@pytest.mark.parametrize("scale", [0.5, 2.0, 0.75])
def test_a_stream_that_changes_its_size_keeps_its_faces(scale: float, smoothing: str) -> None:
    stage = Stage()
    tracker = FaceTracker(stage.detect, stage, TrackerOptions(smoothing=smoothing), stage.appearance)
    number = 0
    for factor in (1.0, scale, 1.0):
        image = np.zeros((round(480 * factor), round(640 * factor), 3), np.uint8)
        for _ in range(8):
            places = {"anna": actor(150 + 2 * number, 200), "bert": actor(450, 250)}
            stage.cast(**{name: ((p + 0.5) * factor - 0.5).astype(np.float32) for name, p in places.items()})
            searched = stage.detector_calls
            faces = tracker.update(Frame(image, time_s=number / 30, index=number), search=number == 0)
            if number >= 3:
                assert ids(faces) == [1, 2]
                assert stage.detector_calls == searched  # both were read where they went
                if smoothing == "off":
                    np.testing.assert_allclose(faces[1].landmarks.points, stage.actors[1], atol=1e-3)
                assert np.abs(faces[0].landmarks.points - stage.actors[0]).max() < 4 * factor
            number += 1
