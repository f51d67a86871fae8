"""Drawn faces: reproducible, with points that match the image and angles that match the pose solver."""

import time

import cv2
import numpy as np
import pytest

from facetrack import topology
from facetrack.geometry import points_box
from facetrack.pose import head_pose
from facetrain.synth.drawn_heads import SIDE_PX, read_synthetic


@pytest.fixture(scope="module")
def samples():
    return read_synthetic(60, seed=3)


@pytest.fixture(scope="module")
def heads(samples):
    return [s for s in samples if s.name.startswith("head")]


def test_samples_depend_on_seed_and_index_alone(samples):
    again = read_synthetic(3, seed=3)
    for first, second in zip(samples[:3], again, strict=True):
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.points, second.points)
    assert (read_synthetic(1, seed=4)[0].image != samples[0].image).any()


def test_samples_are_complete(samples, heads):
    assert len({s.name for s in samples}) == len(samples)
    assert {s.scheme for s in samples} == {topology.SCHEME}
    assert 0 < len(samples) - len(heads) < 25
    for sample in samples:
        assert sample.image.shape == (SIDE_PX, SIDE_PX, 3)
        assert np.isfinite(sample.points).all()
        box = points_box(sample.points)
        assert 50 < max(box[2] - box[0], box[3] - box[1]) < 160
        assert -10 < box.min() < box.max() < SIDE_PX + 10


def test_irises_are_dark_against_the_white(heads):
    """Check that each open eye has pixels much darker than its brightest ones."""
    open_eyed = [s for s in heads if s.attributes.get("eyes_open") == 1]
    assert len(open_eyed) > 15
    contrasted = 0
    for sample in open_eyed:
        grey = cv2.cvtColor(sample.image, cv2.COLOR_BGR2GRAY)
        for eye in (topology.RIGHT_EYE, topology.LEFT_EYE):
            mask = np.zeros_like(grey)
            cv2.fillPoly(mask, [np.rint(sample.points[list(eye)]).astype(np.int32)], 255)
            inside = grey[mask > 0].astype(float)
            contrasted += np.percentile(inside, 95) - np.percentile(inside, 5) > 0.35 * np.percentile(inside, 95)
    assert contrasted > 0.9 * 2 * len(open_eyed)


def test_the_outline_is_where_the_face_ends(heads):
    """Check on most heads that the image changes more across the outline than just inside of it."""
    changes = []
    for sample in heads:
        blurred = cv2.GaussianBlur(sample.image, (0, 0), 1.0).astype(float)
        jaw = sample.points[list(topology.JAW[3:-3])]
        away = jaw - sample.points[topology.NOSE_TIP]
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        for step in (-9.0, 0.0):
            ends = [np.rint(jaw + away * (step + side)).astype(int).clip(0, SIDE_PX - 1) for side in (-3, 3)]
            difference = np.abs(blurred[ends[0][:, 1], ends[0][:, 0]] - blurred[ends[1][:, 1], ends[1][:, 0]])
            changes.append(difference.mean())
    inner, outline = np.array(changes).reshape(-1, 2).T
    assert (outline > inner).mean() > 0.85


def test_angles_agree_with_the_pose_solver(heads):
    """Compare loosely, since the solver's rigid head is another one (the average); signs and scale must agree."""
    labels, estimates = [], []
    for sample in heads:
        pose = head_pose(sample.points, (SIDE_PX, SIDE_PX))
        assert pose is not None
        labels.append([sample.attributes[f"{name}_deg"] for name in ("yaw", "pitch", "roll")])
        estimates.append([pose.yaw_deg, pose.pitch_deg, pose.roll_deg])
    for axis in (0, 1, 2):
        assert np.corrcoef(np.array(labels)[:, axis], np.array(estimates)[:, axis])[0, 1] > 0.8


def test_lids_and_lips_move(samples):
    def gap(sample, group):
        points = sample.points[list(group)]
        return np.linalg.norm(points[1] - points[5]) / np.linalg.norm(points[0] - points[3])

    eyes = {
        value: [gap(s, topology.RIGHT_EYE) for s in samples if s.attributes.get("eyes_open") == value]
        for value in (0, 1)
    }
    assert max(np.mean(eyes[0]), 0.15) < 0.2 < np.mean(eyes[1])


def test_speed():
    read_synthetic(1)
    start = time.process_time()
    read_synthetic(10, seed=9)
    assert (time.process_time() - start) / 10 < 0.15  # 0.035 s on a 2.5 GHz Xeon; room for a busy machine
