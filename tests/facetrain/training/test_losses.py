"""Losses against values computed by hand and SciPy's densities."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from facetrack.errors import DataError
from facetrain.training.losses import (
    POINT_LOSSES,
    LandmarkLoss,
    adaptive_wing,
    gaussian_nll,
    laplace_nll,
    pairwise,
    weighted_mean,
    wing,
)


def test_wing_by_hand():
    # w 10, epsilon 2: C = 10 - 10 ln 6.
    error = torch.tensor([0.0, 2.0, -2.0, 30.0])
    expected = [0.0, 10 * math.log(2), 10 * math.log(2), 30 - (10 - 10 * math.log(6))]
    np.testing.assert_allclose(wing(error), expected, rtol=1e-6)


def test_wing_is_continuous_where_it_turns_linear():
    below, above = wing(torch.tensor([9.9999, 10.0001], dtype=torch.float64))
    assert abs(float(above - below)) < 1e-3


def test_laplace_is_scipys():
    error, sigma = np.array([0.0, -1.5, 4.0]), np.array([0.5, 1.0, 3.0])
    ours = laplace_nll(torch.from_numpy(error), torch.from_numpy(sigma))
    np.testing.assert_allclose(ours, -stats.laplace.logpdf(error, scale=sigma / math.sqrt(2)), rtol=1e-6)


def test_weighted_mean_ignores_values_of_zero_weight():
    assert float(weighted_mean(torch.tensor([1.0, 3.0, 1e9]), torch.tensor([1.0, 1.0, 0.0]))) == pytest.approx(2.0)
    assert float(weighted_mean(torch.tensor([5.0]), torch.tensor([0.0]))) == 0.0


def test_negatives_teach_presence_only():
    points = torch.zeros(2, 68, 2, requires_grad=True)
    outputs = {"points": points, "sigma": torch.ones(2, 68), "presence": torch.zeros(2)}
    batch = {"points": torch.full((2, 68, 2), 5.0), "weight": torch.zeros(2, 68), "presence": torch.zeros(2)}
    losses = LandmarkLoss()(outputs, batch)
    assert losses["points"].item() == 0.0
    assert losses["presence"].item() == pytest.approx(math.log(2))


def test_the_sigma_loss_has_no_gradient_on_the_points():
    points = torch.zeros(1, 68, 2, requires_grad=True)
    sigma = torch.ones(1, 68, requires_grad=True)
    outputs = {"points": points, "sigma": sigma, "presence": torch.zeros(1)}
    batch = {"points": torch.full((1, 68, 2), 5.0), "weight": torch.ones(1, 68), "presence": torch.ones(1)}
    LandmarkLoss()(outputs, batch)["sigma"].backward()
    assert points.grad is None or float(points.grad.abs().sum()) == 0.0
    assert float(sigma.grad.abs().sum()) > 0


def test_gaussian_is_scipys():
    error, sigma = np.array([0.0, -1.5, 4.0]), np.array([0.5, 1.0, 3.0])
    ours = gaussian_nll(torch.from_numpy(error), torch.from_numpy(sigma))
    np.testing.assert_allclose(ours, -stats.norm.logpdf(error, scale=sigma), rtol=1e-6)


def test_adaptive_wing_by_hand_and_smooth_where_it_turns():
    one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    # At a peak (y = 1) with d = 0.25: 14 ln(1 + 0.25^1.1); in the background (y = 0): 14 ln(1 + 0.25^2.1).
    assert adaptive_wing(one * 0.75, one).item() == pytest.approx(14 * math.log(1 + 0.25**1.1))
    assert adaptive_wing(one * 0.25, zero).item() == pytest.approx(14 * math.log(1 + 0.25**2.1))
    for target in (zero, one * 0.4, one):
        d = torch.tensor([0.5 - 1e-6, 0.5 + 1e-6, 0.5 + 3e-6], dtype=torch.float64)
        values = adaptive_wing(target - d, target.expand(3))
        assert abs((values[1] - values[0]).item()) < 1e-3
        slopes = [(values[i + 1] - values[i]).item() / (d[i + 1] - d[i]).item() for i in (0, 1)]
        assert slopes[0] == pytest.approx(slopes[1], rel=1e-3)


def test_pairwise_is_the_mean_over_all_pairs():
    rng = torch.Generator().manual_seed(0)
    predicted, target = torch.rand(3, 5, 2, generator=rng), torch.rand(3, 5, 2, generator=rng)
    differences = [(p[:, :, None] - p[:, None, :]) for p in (predicted, target)]
    np.testing.assert_allclose(
        pairwise(predicted, target), ((differences[0] - differences[1]) ** 2).mean(dim=(1, 2, 3)), rtol=1e-5
    )


def test_pairwise_is_blind_to_a_common_shift_and_the_others_are_not():
    target = torch.rand(2, 68, 2)
    assert pairwise(target + 7.0, target).max().item() < 1e-9
    for name, loss in POINT_LOSSES.items():
        assert loss(torch.full((1,), 7.0)).item() > 1, name


@pytest.mark.parametrize("wrong", [{"points": "l3"}, {"likelihood": "cauchy"}])
def test_unknown_losses_are_named(wrong):
    with pytest.raises(DataError, match="expected one of"):
        LandmarkLoss(**wrong)
