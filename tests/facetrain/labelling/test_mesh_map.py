"""The mesh map and the ensemble, on meshes whose 68 points are known linear functions of them."""

import numpy as np
import pytest

from facetrack import topology
from facetrack.errors import DataError
from facetrain.labelling.ensemble import TRUST, combine, mesh_share
from facetrain.labelling.mesh_map import N_WITH_IRISES, fit_mesh_map, mesh_of, similarity
from facetrain.labelling.self_label import PseudoLabel
from facetrain.sample import Sample

MIRRORED = np.arange(N_WITH_IRISES)
MIRRORED[:68], MIRRORED[100:168] = topology.FLIP, 100 + topology.FLIP
"""Which mesh point another one is in the mirror image. Each of the 68 is midway between points k and 100 + k."""


def faces(count, seed):
    """Make meshes (N, 478, 2) of a symmetric mean with three shapes, turned, scaled and moved.

    Also those of the mirror images, x turned back, and the 68 points.
    """
    rng = np.random.default_rng(0)
    mean = rng.normal(size=(N_WITH_IRISES, 2)) * 50
    mean = (mean + mean[MIRRORED] * [-1, 1]) / 2
    shapes = rng.normal(size=(3, N_WITH_IRISES, 2)) * 4
    rng = np.random.default_rng(seed)
    mesh = mean + np.einsum("ns,skd->nkd", rng.normal(size=(count, 3)), shapes)
    angle, scale = rng.uniform(-0.4, 0.4, count), rng.uniform(0.6, 1.5, count)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mesh = mesh @ turn.transpose(2, 0, 1) + rng.uniform(100, 300, (count, 1, 2))
    return mesh, mesh[:, MIRRORED], (mesh[:, :68] + mesh[:, 100:168]) / 2


def test_similarity_finds_the_turn_scale_and_shift():
    rng = np.random.default_rng(2)
    source = rng.normal(size=(1, 30, 2))
    turn = 2.5 * np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])
    matrix, shift = similarity(source, source[0] @ turn + [4, -7])
    np.testing.assert_allclose(matrix[0], turn, atol=1e-12)
    np.testing.assert_allclose(shift[0], [4, -7], atol=1e-12)


def test_a_linear_scheme_is_recovered_and_strangers_are_left_out():
    plain, mirrored, points = faces(300, 1)
    points[7] += 200  # a mesh of somebody else
    plain[3] = np.nan  # nothing found
    fitted, used = fit_mesh_map(plain, mirrored, points)
    assert np.flatnonzero(~used).tolist() == [3, 7]
    fresh, turned, truth = faces(20, 9)
    spread = np.linalg.norm(truth - truth.mean(axis=1, keepdims=True), axis=2).mean(axis=1)
    for predicted in (fitted(fresh), fitted.both(fresh, turned)):
        assert (np.linalg.norm(predicted - truth, axis=2).mean(axis=1) / spread).max() < 0.03


def test_too_few_faces_are_refused():
    nothing = np.full((3, N_WITH_IRISES, 2), np.nan)
    with pytest.raises(DataError, match="two or more"):
        fit_mesh_map(nothing, nothing, np.zeros((3, 68, 2)))


def test_the_mesh_is_given_back_in_the_pictures_pixels():
    rng = np.random.default_rng(0)
    points = rng.uniform(80, 160, (68, 2)).astype(np.float32)
    sample = Sample("a.png", "a", "t", rng.integers(0, 255, (240, 240, 3), np.uint8), points, np.ones(68, np.float32))
    middle = (points.min(axis=0) + points.max(axis=0)) / 2

    def centred(image):  # a mesh whose every point is the crop's centre
        return np.full((1, N_WITH_IRISES, 2), (image.shape[0] - 1) / 2, np.float32)

    plain, mirrored = mesh_of(sample, centred)
    np.testing.assert_allclose(plain, np.tile(middle, (N_WITH_IRISES, 1)), atol=1e-3)
    np.testing.assert_allclose(mirrored, plain, atol=1e-3)
    assert np.isnan(mesh_of(sample, lambda image: np.zeros((0, N_WITH_IRISES, 2), np.float32))[0]).all()


def test_shares_by_region_and_size():
    small, middle, large = mesh_share(np.array([20.0, 32.5, 60.0]))
    assert (small == 0).all()
    eye, chin = topology.RIGHT_EYE_OUTER, topology.CHIN
    assert (large[eye], large[chin]) == (0.90, 0.43)
    np.testing.assert_allclose(middle, large / 2)


def test_points_are_the_weighted_mean_and_a_quarrel_is_left_out():
    mapped = np.random.default_rng(0).uniform(0, 200, (3, 68, 2))
    mapped[:, 36], mapped[:, 45] = [50, 100], [150, 100]  # 100 px apart
    agreed = PseudoLabel((mapped[0] + [2, 0]).astype(np.float32), np.ones(68, np.float32))
    quarrel = PseudoLabel((mapped[1] + [20, 0]).astype(np.float32), np.ones(68, np.float32))
    points, weight = combine(mapped, [agreed, quarrel, "no face seen"])
    np.testing.assert_allclose(points[0, 36], mapped[0, 36] + [0.2, 0], atol=1e-3)
    np.testing.assert_allclose(points[0, 8], mapped[0, 8] + [1.14, 0], atol=1e-3)
    np.testing.assert_allclose(weight[0], TRUST, atol=1e-6)
    assert np.isnan(points[1:]).all()
    assert (weight[1:] == 0).all()
