"""Self-training against a landmarker whose errors the test makes."""

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
    """Knows where the face is, and is wrong by `error` px to the right in every picture, mirrored or not."""

    truth: np.ndarray
    error: float = 0.0
    noise: float = 0.0
    presence: float = 0.99
    margin: float = 1.3

    def __call__(self, image, crops):
        points = self.truth.copy()
        if image[0, 0, 0] == 0:  # the test marks the left upper corner: here it is gone, so this is the mirror image
            points = points[topology.FLIP]
            points[:, 0] = image.shape[1] - 1 - points[:, 0]
        rng = np.random.default_rng(0)
        out = []
        for _ in crops:
            wrong = points + [self.error, 0] + rng.normal(0, 1, points.shape) * self.noise
            sigma = np.ones(len(points), np.float32)
            out.append(Reading(Landmarks(wrong.astype(np.float32), sigma), self.presence))
        return out


def marked(sample):
    image = np.zeros((240, 240, 3), np.uint8)
    image[0, 0] = 255
    return Sample(sample.name, sample.group, "test", image, sample.points, sample.weight)


@pytest.fixture(scope="module")
def samples():
    return [marked(sample) for sample in read_synthetic(6, seed=3)]


def test_an_error_to_one_side_cancels_in_the_mirror(samples):
    teacher = SelfTeacher(StagedLandmarker(samples[0].points, error=1.5), None)
    label = teacher(samples[0])
    np.testing.assert_allclose(label.points, samples[0].points, atol=1e-3)


def test_views_that_differ_lower_the_weight_and_then_the_face_is_left_out(samples):
    sample = samples[0]
    sure = SelfTeacher(StagedLandmarker(sample.points), None)(sample)
    assert sure.weight.min() == pytest.approx(1, abs=1e-3)
    unsure = SelfTeacher(StagedLandmarker(sample.points, noise=1.0), None)(sample)
    assert 0 < unsure.weight.mean() < 1
    assert SelfTeacher(StagedLandmarker(sample.points, noise=20.0), None)(sample) == "the views differ"
    assert SelfTeacher(StagedLandmarker(sample.points, presence=0.2), None)(sample) == "hardly a face"


def test_a_constant_difference_between_two_schemes_is_found(samples):
    constant = np.random.default_rng(1).normal(0, 0.05, (topology.N_POINTS, 2))
    pairs = []
    for sample in samples:
        _, frame = face_frame(sample.points)
        pairs.append((sample.points, sample.points + constant @ frame))
    np.testing.assert_allclose(scheme_offset(pairs), constant, atol=1e-5)


def test_own_points_and_the_teachers_are_averaged(samples):
    sample = samples[0]
    shifted = sample.points.copy()
    shifted[30] += [0, 4]  # one face's own opinion of one point; over a set of one it is the scheme itself
    (alone,) = relabel([sample], SelfTeacher(StagedLandmarker(shifted), None, ViewOptions(views=2)))
    np.testing.assert_allclose(alone.points, shifted, atol=1e-2)
    np.testing.assert_allclose(alone.weight, 1, atol=1e-3)


def test_each_face_left_out_is_told(samples):
    teacher = SelfTeacher(StagedLandmarker(samples[0].points, presence=0.1), None)
    assert list(relabel(samples[:2], teacher)) == ["hardly a face"] * 2
