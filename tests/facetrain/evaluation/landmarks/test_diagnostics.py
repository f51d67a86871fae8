"""Diagnostics on cases with known results."""

import numpy as np
import pytest

from facetrack import topology
from facetrack.geometry import crop_from_box, points_box
from facetrack.landmarker import Reading
from facetrack.modelfile import ModelSpec
from facetrack.types import Landmarks
from facetrain.evaluation.landmarks import diagnostics
from facetrain.sample import Sample
from facetrain.training.losses import pairwise, wing


def test_a_shift_invariant_loss_is_detected():
    assert diagnostics.shift_sensitivity(pairwise) < 1e-6
    assert diagnostics.shift_sensitivity(lambda p, t: wing(p - t)) > 0.5
    assert diagnostics.shift_sensitivity(lambda p, t: (p - t) ** 2) == pytest.approx(1, abs=1e-5)


def test_collapse_to_the_mean_face_is_detected():
    truth = np.random.default_rng(0).uniform(0, 100, (50, 68, 2)).astype(np.float32)
    mean_face = np.repeat(truth.mean(axis=0, keepdims=True), 50, axis=0)
    assert diagnostics.collapse(mean_face, truth) < 0.01
    assert diagnostics.collapse(truth + 1, truth) == pytest.approx(1, abs=1e-4)


def test_coordinates_outside_the_crop_are_counted():
    points = np.array([[[0, 0], [111, 111], [112, 5], [np.nan, 5]]], np.float32)
    assert diagnostics.outside(points, 112) == pytest.approx(2 / 8)


class ShiftedByItsBox:
    """Network stub that predicts relative to its crop: a box shifted by d shifts every point by d."""

    margin = 1.3
    spec = ModelSpec(
        "stub", "landmarks", 112, 0, 1, topology.SCHEME, dict.fromkeys(("points", "sigma", "presence"), ""), [], "", "",
        margin=1.3,
    )  # fmt: skip

    def __init__(self, truth):
        self.truth = truth

    def __call__(self, image, crops):
        exact = crop_from_box(points_box(self.truth), self.margin)
        moved = self.truth + np.array([crops[0].x - exact.x, crops[0].y - exact.y])
        return [Reading(Landmarks(moved.astype(np.float32), np.ones(68, np.float32)), 1.0)]


def test_box_jitter_is_the_shift_for_a_network_that_only_knows_its_box(tmp_path):
    points = np.random.default_rng(1).uniform(0, 100, (68, 2)).astype(np.float32)
    points[36], points[45], points[0], points[16] = [25, 40], [75, 40], [0, 0], [100, 100]
    sample = Sample("a", "a", "t", np.zeros((10, 10, 3), np.uint8), points, np.ones(68, np.float32))
    jitter = diagnostics.box_jitter(ShiftedByItsBox(points), [sample], (0.0, 0.1), (1.0, 1.2))
    # A tenth of the 100 px box is 10 px, 20 % of the 50 px between the eyes.
    assert jitter.shifts == pytest.approx({0.0: 0.0, 0.1: 20.0}, abs=1e-3)
    assert jitter.scales == pytest.approx({1.0: 0.0, 1.2: 0.0}, abs=1e-3)
    diagnostics.save_box_jitter({"a": jitter}, tmp_path / "jitter.png")
    assert (tmp_path / "jitter.png").stat().st_size > 1000
