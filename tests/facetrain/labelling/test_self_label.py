"""Self-training with a staged landmarker of known errors."""

from dataclasses import dataclass

import numpy as np
import pytest

from facetrack import topology
from facetrack.landmarker import Reading
from facetrack.types import Landmarks
from facetrain.labelling.self_label import SelfTeacher, ViewOptions, face_frame, relabel, scheme_offset
from facetrain.sample import Sample
from facetrain.synth.drawn_heads import read_synthetic


@dataclass
class StagedLandmarker:
    """Landmarker with a known error: `error` px to the right in every image, mirrored or not, and Gaussian noise."""

    truth: np.ndarray
    error: float = 0.0
    noise: float = 0.0
    presence: float = 0.99
    margin: float = 1.3

    def __call__(self, image, crops):
        points = self.truth.copy()
        if image[0, 0, 0] == 0:  # the marked upper left corner is gone: this is the mirror image
            points = points[topology.FLIP]
            points[:, 0] = image.shape[1] - 1 - points[:, 0]
        rng = np.random.default_rng(0)
        out = []
        for _ in crops:
            wrong = points + [self.error, 0] + rng.normal(0, 1, points.shape) * self.noise
            sigma = np.ones(len(points), np.float32)
            out.append(Reading(Landmarks(wrong.astype(np.float32), sigma), self.presence))
        return out


def with_marked_corner(sample):
    image = np.zeros((240, 240, 3), np.uint8)
    image[0, 0] = 255
    return Sample(sample.name, sample.group, "test", image, sample.points, sample.weight)


@pytest.fixture(scope="module")
def samples():
    return [with_marked_corner(sample) for sample in read_synthetic(6, seed=3)]


def test_a_horizontal_bias_cancels_in_the_mirror_image(samples):
    teacher = SelfTeacher(StagedLandmarker(samples[0].points, error=1.5), None)
    label = teacher(samples[0])
    np.testing.assert_allclose(label.points, samples[0].points, atol=1e-3)


def test_the_spread_of_the_views_lowers_the_weight_and_rejects_the_face(samples):
    sample = samples[0]
    exact = SelfTeacher(StagedLandmarker(sample.points), None)(sample)
    assert exact.weight.min() == pytest.approx(1, abs=1e-3)
    noisy = SelfTeacher(StagedLandmarker(sample.points, noise=1.0), None)(sample)
    assert 0 < noisy.weight.mean() < 1
    assert SelfTeacher(StagedLandmarker(sample.points, noise=20.0), None)(sample) == "the views disagree"
    assert SelfTeacher(StagedLandmarker(sample.points, presence=0.2), None)(sample) == "low face presence"


def test_scheme_offset_recovers_a_constant_difference(samples):
    constant = np.random.default_rng(1).normal(0, 0.05, (topology.N_POINTS, 2))
    pairs = []
    for sample in samples:
        _, frame = face_frame(sample.points)
        pairs.append((sample.points, sample.points + constant @ frame))
    np.testing.assert_allclose(scheme_offset(pairs), constant, atol=1e-5)


def test_own_points_and_the_teachers_are_averaged(samples):
    sample = samples[0]
    shifted = sample.points.copy()
    shifted[30] += [0, 4]  # in a set of one face, the difference is the offset of the scheme
    (relabelled,) = relabel([sample], SelfTeacher(StagedLandmarker(shifted), None, ViewOptions(views=2)))
    np.testing.assert_allclose(relabelled.points, shifted, atol=1e-2)
    np.testing.assert_allclose(relabelled.weight, 1, atol=1e-3)


def test_each_rejected_face_is_reported(samples):
    teacher = SelfTeacher(StagedLandmarker(samples[0].points, presence=0.1), None)
    assert list(relabel(samples[:2], teacher)) == ["low face presence"] * 2
