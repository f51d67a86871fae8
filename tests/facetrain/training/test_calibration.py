"""Calibration recovers the scale and the probabilities of simulated predictions."""

import numpy as np
import pytest
import torch

from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.training.calibration import (
    COVERAGE_OF_ONE_SIGMA,
    likelihood_gain,
    platt_scaling,
    scale_sigma,
    sigma_factor,
)

OPTIONS = LandmarkNetOptions(input_px=32, stem=4, widths=(4, 6, 8), depths=(1, 1, 1), head=4)


@pytest.mark.parametrize(("likelihood", "scale"), [("laplace", 1 / np.sqrt(2)), ("gaussian", 1.0)])
@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0])
def test_the_factor_corrects_a_wrong_sigma(likelihood, scale, sigma):
    rng = np.random.default_rng(0)
    draw = rng.laplace if likelihood == "laplace" else rng.normal
    errors = np.abs(draw(0, scale, 200_000))  # standard deviation 1
    factor = sigma_factor([errors / sigma], likelihood)
    assert factor * sigma == pytest.approx(1, rel=0.02)
    assert (errors <= sigma * factor).mean() == pytest.approx(COVERAGE_OF_ONE_SIGMA[likelihood], abs=0.01)


def test_sets_have_equal_weight_and_no_faces_give_one():
    small, large = np.full(10, 4.0), np.full(100_000, 1.0)
    assert sigma_factor([small, large]) == pytest.approx(2.0)  # the geometric mean
    assert sigma_factor([]) == sigma_factor([np.zeros(0)]) == 1.0


def test_scaling_sigma_leaves_the_points():
    torch.manual_seed(0)
    model, crops = LandmarkNet(OPTIONS).eval(), torch.full((2, 32, 32, 3), 9, dtype=torch.uint8)
    with torch.inference_mode():
        before = model(crops)
        scale_sigma(model, 1.5)
        after = model(crops)
    torch.testing.assert_close(after["sigma"], before["sigma"] * 1.5)
    torch.testing.assert_close(after["points"], before["points"])


def test_platt_scaling_recovers_a_known_miscalibration():
    rng = np.random.default_rng(2)
    true_logits = rng.normal(0, 2, 200_000)
    truth = (rng.random(len(true_logits)) < 1 / (1 + np.exp(-true_logits))).astype(float)
    logits = (true_logits + 0.8) * 2.5  # overconfident, and biased towards the positives
    slope, offset = platt_scaling(logits, truth)
    assert slope == pytest.approx(1 / 2.5, rel=0.02)
    assert offset == pytest.approx(-0.8, abs=0.03)


def test_platt_scaling_is_the_maximum_of_the_likelihood():
    from scipy.optimize import minimize

    logits, truth = np.array([-3.0, -1.0, 0.5, 0.2, 2.0, 4.0, -0.5]), np.array([0, 0, 0, 1, 1, 1, 1])
    target = np.where(truth == 1, 5 / 6, 1 / 5)  # Platt's smoothing: four are 1, three are 0

    def loss(line):
        p = 1 / (1 + np.exp(-(line[0] * logits + line[1])))
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum()

    np.testing.assert_allclose(platt_scaling(logits, truth), minimize(loss, [1, 0], tol=1e-10).x, atol=1e-4)


def test_the_slope_is_finite_for_separable_classes_and_one_for_a_single_class():
    slope, offset = platt_scaling(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0, 0, 1, 1]))
    assert 1 / (1 + np.exp(-(slope + offset))) == pytest.approx(3 / 4)  # (2 + 1) / (2 + 2)
    assert platt_scaling(np.array([1.0, 2.0]), np.array([1, 1])) == (1.0, 0.0)
    assert platt_scaling(np.array([]), np.array([])) == (1.0, 0.0)
    assert platt_scaling(np.array([1.0, -1.0, 2.0, -2.0]), np.array([0, 1, 0, 1])) == (1.0, 0.0)


def test_likelihood_gain_by_hand():
    logits, truth = np.zeros(8), np.array([1, 1, 0, 0, 0, 0, 0, 0])
    quarter = 2 * np.log(4) + 6 * np.log(4 / 3)  # cross-entropy of a probability of 1/4
    assert likelihood_gain(logits, truth, (1.0, -np.log(3))) == pytest.approx(8 * np.log(2) - quarter)
    assert likelihood_gain(logits, truth, (1.0, 0.0)) == 0
