"""Error measures by hand and by numerical integration."""

import numpy as np
import pytest

from facetrack import topology
from facetrain import metrics


def faces(n=3):
    points = np.random.default_rng(0).uniform(0, 100, (n, 68, 2))
    points[:, topology.RIGHT_EYE_OUTER] = [20, 50]
    points[:, topology.LEFT_EYE_OUTER] = [70, 50]
    return points


def test_nme_by_hand():
    truth = faces()
    # Every point off by (3, 4): 5 px over an eye distance of 50 px is 10 %.
    np.testing.assert_allclose(metrics.nme_per_point(truth + np.array([3, 4]), truth), 10.0)


def test_failure_rate_counts_above_the_threshold():
    assert metrics.failure_rate(np.array([1.0, 8.0, 8.1, 20.0])) == 50.0


def test_auc_is_the_area_under_the_curve():
    nme = np.random.default_rng(1).uniform(0, 12, 200)
    x = np.linspace(0, 8, 200_001)
    share = np.searchsorted(np.sort(nme), x, side="right") / len(nme)
    assert metrics.auc(nme) == pytest.approx(np.trapezoid(share, x) / 8, abs=1e-4)


def test_summary_tells_regions_apart():
    truth = faces()
    predicted = truth.copy()
    predicted[:, list(topology.JAW)] += [0, 5]
    figures = metrics.summary(predicted, truth)
    assert figures["nme_jaw"] == pytest.approx(10)
    assert figures["nme_51"] == pytest.approx(0)
    assert figures["nme"] == pytest.approx(10 * 17 / 68)
    assert figures["auc8"] == pytest.approx((8 - 2.5) / 8)


def test_other_normalisations_by_hand():
    truth = faces(1)
    truth[0, list(topology.RIGHT_EYE)] = [20, 50]
    truth[0, list(topology.LEFT_EYE)] = [60, 20]  # eye middles 50 px apart
    truth[0, 0], truth[0, 1] = [0, 0], [100, 100]
    np.clip(truth, 0, 100, out=truth)
    figures = metrics.summary(truth + np.array([0, 2]), truth)
    assert figures["nme_pupil"] == pytest.approx(4)
    assert figures["nme_box"] == pytest.approx(2)


def test_kaggle_rmse_by_hand():
    truth = np.zeros((2, 2, 2))
    truth[1, 1] = np.nan
    predicted = truth + np.array([3.0, 4.0])
    assert metrics.kaggle_rmse(predicted, truth, 96) == pytest.approx(np.sqrt(12.5))
    assert metrics.kaggle_rmse(predicted, truth, 192) == pytest.approx(np.sqrt(12.5) / 2)
