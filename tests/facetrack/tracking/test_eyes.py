"""Fusion of the eye network's contour with the landmarks, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from facetrack.geometry import CropBox
from facetrack.landmarker import Reading
from facetrack.tracking.eyes import LandmarksAndEyes, fused
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
