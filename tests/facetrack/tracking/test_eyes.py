"""Fusion of the eye network's contour with the landmarks, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from facetrack.geometry import CropBox
from facetrack.landmarker import Reading
from facetrack.tracking.eyes import LandmarksAndEyes, Resting, fused
from facetrack.types import EyesReading, Landmarks

LANDMARKS = Landmarks(np.zeros((68, 2), np.float32), np.full(68, 2.0, np.float32))


def eyes(sigma: float = 1.0, covered: tuple[float, float] = (0.0, 0.0)) -> EyesReading:
    pair = np.ones(2, np.float32)
    return EyesReading(
        np.full((2, 6, 2), 10.0, np.float32), np.full((2, 6), sigma, np.float32), np.zeros((2, 2), np.float32),
        pair, pair, 0.3 * pair, 0.01 * pair, np.full((2, 3), 1 / 3, np.float32), np.array(covered, np.float32),
    )  # fmt: skip


def test_each_point_is_weighted_by_its_variance() -> None:
    found = fused(LANDMARKS, eyes())
    # 4 / (4 + 1) of the way from 0 to 10; the smaller sigma stays.
    assert found.points[36:48] == pytest.approx(np.full((12, 2), 8.0))
    assert found.sigma[36:48] == pytest.approx(np.ones(12))
    assert np.array_equal(found.points[:36], LANDMARKS.points[:36])
    assert np.array_equal(found.sigma[48:], LANDMARKS.sigma[48:])
    assert not LANDMARKS.points.any()  # the old value stays


def test_covered_eyes_stay_and_unknown_sigma_gives_way() -> None:
    found = fused(LANDMARKS, eyes(covered=(0.9, 0.1)))
    assert not found.points[36:42].any()
    assert found.points[42:48] == pytest.approx(np.full((6, 2), 8.0))
    unsure = replace(LANDMARKS, sigma=np.full(68, np.nan, np.float32))
    assert fused(unsure, eyes()).points[36:48] == pytest.approx(np.full((12, 2), 10.0))
    broken = eyes()
    broken.contour[0] = np.nan
    assert not fused(LANDMARKS, broken).points[36:42].any()


def test_only_faces_are_read_a_second_time() -> None:
    asked: list[int] = []

    def landmarker(image: np.ndarray, crops: list[CropBox]) -> list[Reading]:
        return [Reading(LANDMARKS, presence) for presence in (0.9, 0.05, 0.8)]

    def reader(image: np.ndarray, faces: list[np.ndarray]) -> list[EyesReading | None]:
        asked.append(len(faces))
        return [eyes(), None]

    first, second, third = LandmarksAndEyes(landmarker, reader)(np.zeros((4, 4, 3), np.uint8), [])  # type: ignore[arg-type]
    assert asked == [2]
    assert first.eyes is not None
    assert first.landmarks.points[36, 0] == pytest.approx(8.0)
    assert second.eyes is None
    assert third.eyes is None
    assert third.landmarks is LANDMARKS


class Counted:
    """Landmarker that keeps which crops it was asked about, call by call."""

    def __init__(self) -> None:
        self.asked: list[list[CropBox]] = []

    def __call__(self, image: np.ndarray, crops: Sequence[CropBox]) -> list[Reading]:
        self.asked.append(list(crops))
        return [Reading(LANDMARKS, 0.9, {"x": crop.x}) for crop in crops]


def room(level: int = 0, y: int = 100, x: int = 100) -> np.ndarray:
    """Return a picture with a patch of 16 px somewhere that is `level` grey levels brighter, under noise of 1."""
    image = 90 + np.random.default_rng(abs(level)).normal(0, 1, (240, 320, 3))
    image[y : y + 16, x : x + 16] += level
    return image.round().astype(np.uint8)


FACE = CropBox(120.0, 120.0, 150.0, 0.1)


BEFORE = Resting.WAIT + Resting.SETTLED + 1
"""Frames in which a face is read before its reading holds."""


def resting(landmarker: Counted) -> Resting:
    """Return one that has seen FACE rest for long, and has just read it."""
    rest = Resting(landmarker)
    for _ in range(BEFORE + 2 * (Resting.LONGEST + 1)):
        rest(room(), [FACE])
    assert len(landmarker.asked[-1]) == 1
    return rest


def test_a_face_that_rests_is_read_once_in_four_frames() -> None:
    landmarker = Counted()
    rest = Resting(landmarker)
    found = [rest(room(), [FACE])[0] for _ in range(BEFORE + 8)]
    assert [len(crops) for crops in landmarker.asked] == [1] * BEFORE + [0, 0, 0, 1, 0, 0, 0, 1]
    assert found[-2] is found[-5] is not found[-1]


@pytest.mark.parametrize(("place", "level", "reads"), [((120, 110), 12, 1), ((120, 110), -12, 1), ((10, 290), 60, 0)])
def test_what_changes_in_the_face_has_it_read_at_once(place: tuple[int, int], level: int, reads: int) -> None:
    landmarker = Counted()
    rest = resting(landmarker)
    rest(room(level, *place), [FACE])
    assert len(landmarker.asked[-1]) == reads
    rest(room(), [FACE])
    assert len(landmarker.asked[-1]) == reads, "one that has changed is not compared again at once"


def test_a_face_that_moves_is_read_where_it_is_and_one_that_jitters_rests() -> None:
    landmarker = Counted()
    rest = Resting(landmarker)
    moved = [replace(FACE, x=FACE.x + 2.0 * i) for i in range(BEFORE + 4)]
    jittering = [replace(FACE, y=FACE.y + 0.3 * (i % 2)) for i in range(BEFORE + 4)]
    for one, other in zip(moved, jittering, strict=True):
        readings = rest(room(), [one, other])
        assert [reading.attributes["x"] for reading in readings] == [one.x, other.x]
    assert [crops[0] for crops in landmarker.asked] == moved
    # Read where they are, as without a rest, not where they were.
    assert [crops[1:] for crops in landmarker.asked] == [[c] for c in jittering[:-4]] + [[], [], [], [jittering[-1]]]


def test_it_forgets() -> None:
    landmarker = Counted()
    rest = resting(landmarker)
    rest.reset()
    rest(room(), [FACE])
    assert len(landmarker.asked[-1]) == 1
