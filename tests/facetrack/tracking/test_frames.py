"""One check before anything is computed: each wrong frame has its sentence, flat pictures none."""

from __future__ import annotations

import numpy as np
import pytest

from facetrack.tracking.frames import check_frame
from facetrack.tracking.scene_cut import SceneCut
from facetrack.tracking.tracker import FaceTracker
from facetrack.types import Frame
from staged import Stage, actor, at_work, frame

GOOD = np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (GOOD.astype(np.float32), r"float32 \(48, 64, 3\); expected uint8 .* np\.uint8\(255 \* image\)"),
        (GOOD.astype(np.uint16), r"uint16 .*>> 8"),
        (GOOD.astype(np.int64), r"int64 .*astype"),
        (GOOD[..., 0], r"uint8 \(48, 64\); .*GRAY2BGR"),
        (GOOD[..., :1], r"GRAY2BGR"),
        (np.zeros((48, 64, 4), np.uint8), r"BGRA2BGR"),
        (np.zeros((48, 64, 2), np.uint8), r"three channels"),
        (GOOD.transpose(2, 0, 1), r"\(3, 48, 64\); .*transpose\(1, 2, 0\)"),
        (GOOD[None], r"one picture at a time"),
        (GOOD[:0], r"no pixels"),
        (np.zeros((2, 40_000, 3), np.uint8), r"32766 px"),
        (None, r"of type NoneType; expected a numpy array"),
        (GOOD.tolist(), r"of type list"),
    ],
)
def test_a_wrong_image_is_named_with_what_to_do(image: object, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Stage().tracker().update(Frame(image, time_s=0.0, index=0))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("time_s", "index", "words"),
    [
        (0, 0.04, r"index is 0\.04; expected a whole number"),
        (float("nan"), 0, r"time nan"),
        (float("inf"), 0, r"time inf"),
        ("0", 0, r"time '0'"),
        (1.0, 3, r"time 1\.0 s, not after 1\.0 s"),
    ],
)
def test_a_wrong_time_or_index_is_named(time_s: object, index: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_frame(Frame(GOOD, time_s=time_s, index=index), last_time_s=1.0)  # type: ignore[arg-type]


def test_what_is_like_a_number_is_taken() -> None:
    check_frame(Frame(GOOD[:, ::-1], time_s=np.float32(2.5), index=np.int64(3)), last_time_s=1.0)  # type: ignore[arg-type]


def test_a_tracker_goes_on_after_a_wrong_frame() -> None:
    stage = Stage()
    tracker = stage.tracker()
    tracker.update(frame(0))
    with pytest.raises(ValueError, match="GRAY2BGR"):
        tracker.update(Frame(GOOD[..., 0], time_s=0.5, index=1))
    assert tracker.update(frame(1)) == []


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (24, 1920), (1000, 4), (1, 5000), (5000, 1), (31, 1024)])
def test_flat_pictures_have_scene_cuts_too(size: tuple[int, int]) -> None:
    cut = SceneCut()
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    assert not cut(picture)
    assert not cut(picture)
    assert isinstance(bool(cut(255 - picture)), bool)


@pytest.mark.net
def test_flat_pictures_pass_the_real_tracker() -> None:
    tracker = FaceTracker.from_weights()
    for index, size in enumerate([(1, 1), (24, 1920), (1000, 4), (1, 5000), (5000, 1), (2, 2)]):
        image = np.random.default_rng(index).integers(0, 256, (*size, 3), dtype=np.uint8)
        assert tracker.update(Frame(image, time_s=index / 10, index=index)) == []


def test_a_tracker_that_another_thread_uses_says_so_and_works_on():
    stage = Stage()
    stage.actors = [actor(200, 200)]
    tracker = stage.tracker(looks=False)
    with at_work(tracker) as faces:
        for call in (lambda: tracker.update(frame(1)), lambda: tracker.search(frame(0)), tracker.reset):
            with pytest.raises(RuntimeError, match="at work in another thread; give each camera or video a tracker"):
                call()
    assert [face.track_id for face in faces[0]] == [1]
    assert [face.track_id for face in tracker.update(frame(1))] == [1]
