"""Properties that hold for any input: no NaN leaves, mirrored input gives mirrored output, a batch equals its parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facetrack.geometry import (
    CropBox,
    box_iou,
    crop_from_points,
    crop_matrix,
    crops_from_points,
    frame_matrices,
    points_box,
    transform,
)
from facetrack.modelfile import ATTRIBUTES
from facetrack.pose import head_pose
from facetrack.signals import FaceSignals, Observation, SignalOptions
from facetrack.smoothing.landmarks import SMOOTHING, FaceSmoother, smooth_together

SIZE = (640, 480)
seeds = st.integers(0, 2**32 - 1)
px = st.floats(-1e4, 1e4)
some = settings(max_examples=40, deadline=None, derandomize=True)


def face(seed: int, size_px: float = 120.0, at: tuple[float, float] = (320.0, 240.0)) -> np.ndarray:
    """Return (68, 2) float32 points, random within a square."""
    return (np.random.default_rng(seed).uniform(-0.5, 0.5, (68, 2)) * size_px + at).astype(np.float32)


@some
@given(seeds, px, px, st.floats(1, 5000), st.floats(-7, 7), st.sampled_from([32, 112, 224]))
def test_a_crop_and_back_is_where_it_began(seed: int, x: float, y: float, side: float, roll: float, out: int) -> None:
    crop = CropBox(x, y, side, roll)
    points = face(seed, side, (x, y)).astype(np.float64)
    back = transform(transform(points, crop_matrix(crop, out)), frame_matrices([crop], out)[0])
    np.testing.assert_allclose(back, points, atol=2e-6 * (abs(x) + abs(y) + side) + 1e-3)


@some
@given(seeds, st.floats(1, 3000), px, px)
def test_crops_of_a_batch_are_those_of_its_faces(seed: int, size: float, x: float, y: float) -> None:
    faces = np.stack([face(seed + i, size, (x, y)) for i in range(3)])
    for together, points in zip(crops_from_points(faces, 1.3), faces, strict=True):
        single = crop_from_points(points, 1.3)
        values = [(getattr(crop, item.name)) for crop in (together, single) for item in fields(CropBox)]
        np.testing.assert_allclose(values[:4], values[4:], rtol=1e-5, atol=1e-3)
        assert np.isfinite(values).all()


@some
@given(seeds, st.floats(0, 2000), px)
def test_overlap_is_symmetric_and_a_share(seed: int, size: float, x: float) -> None:
    boxes = np.stack([points_box(face(seed + i, size, (x, 0))) for i in range(4)])
    overlap = box_iou(boxes, boxes)
    assert np.isfinite(overlap).all()
    assert ((overlap >= 0) & (overlap <= 1 + 1e-6)).all()
    np.testing.assert_allclose(overlap, overlap.T, atol=1e-6)


@some
@given(seeds, st.sampled_from(sorted(SMOOTHING)), st.lists(st.floats(1e-4, 3), min_size=1, max_size=8))
def test_smoothing_mirrors_batches_and_stays_finite(seed: int, name: str, steps: list[float]) -> None:
    rng = np.random.default_rng(seed)
    plain, mirrored, together = ([FaceSmoother(SMOOTHING[name]) for _ in range(2)] for _ in range(3))
    time_s = 0.0
    for step in steps:
        time_s += step
        faces = np.stack([face(seed + i) + rng.normal(0, 5, (68, 2)).astype(np.float32) for i in range(2)])
        sigma = rng.choice([0.0, 0.5, 3.0, np.nan, np.inf, 1e30], (2, 68), p=[0.02, 0.45, 0.45, 0.02, 0.02, 0.04])
        sigma = sigma.astype(np.float32)
        alone = [smoother(points, s, time_s) for smoother, points, s in zip(plain, faces, sigma, strict=True)]
        assert np.isfinite(alone).all()
        np.testing.assert_allclose(smooth_together(together, faces, sigma, time_s), alone, atol=1e-3)
        turned = [f * [-1, 1] + [SIZE[0] - 1, 0] for f in faces]
        seen = [
            smoother(t.astype(np.float32), s, time_s) for smoother, t, s in zip(mirrored, turned, sigma, strict=True)
        ]
        np.testing.assert_allclose(np.array(seen) * [-1, 1] + [SIZE[0] - 1, 0], alone, atol=1e-2)


@some
@given(seeds, st.floats(0, 1e5), px, px)
def test_a_pose_is_finite_or_unknown(seed: int, size: float, x: float, y: float) -> None:
    pose = head_pose(face(seed, size, (x, y)), SIZE)
    if pose is not None:
        assert all(math.isfinite(angle) for angle in (pose.yaw_deg, pose.pitch_deg, pose.roll_deg))
        assert np.isfinite(pose.rotation).all()
        assert np.isfinite(pose.translation_mm).all()


def leaves(value: Any) -> Iterator[Any]:
    if is_dataclass(value):
        for item in fields(value):
            yield from leaves(getattr(value, item.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    else:
        yield value


@some
@given(seeds, st.lists(st.sampled_from([1e-3, 1 / 60, 1 / 30, 0.1, 0.6, 5.0]), min_size=3, max_size=25))
def test_no_signal_is_nan(seed: int, steps: list[float]) -> None:
    rng = np.random.default_rng(seed)
    signals, time_s = FaceSignals(SignalOptions(), 1), 0.0
    shape = face(seed)
    for step in steps:
        time_s += step
        kind = rng.integers(5)
        points = (shape + rng.normal(0, 2, (68, 2))).astype(np.float32)
        if kind == 0:  # all in one place
            points[:] = points[0]
        sigma = np.full(68, rng.choice([0.0, 0.5, 50.0, np.nan]), np.float32)
        pose = None if kind == 1 else head_pose(points, SIZE)
        read = {} if kind == 2 else dict(zip(ATTRIBUTES, rng.uniform(0, 1, 3).tolist(), strict=True))
        result, events = signals.update(Observation(time_s, points, sigma, pose, read, float(rng.uniform())))
        for leaf in (*leaves(result), *(leaf for event in events for leaf in leaves(event))):
            assert not isinstance(leaf, float) or math.isfinite(leaf)
