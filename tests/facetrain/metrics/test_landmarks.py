"""Landmark metrics by hand and by numerical integration."""

import numpy as np
import pytest

from facetrack import topology, topology_maps
from facetrain.metrics import landmarks as metrics


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


def test_summary_separates_regions():
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


def test_five_points_are_normalised_by_the_eye_centres():
    truth = np.array([[[20, 20], [60, 50], [40, 60], [25, 80], [55, 80]]], float)  # the eyes are 50 px apart
    predicted = truth.copy()
    predicted[0, 2] += [6, 8]  # the nose has an error of 10 px: 20 %, and 4 % in the mean of the five points
    figures = metrics.summary(predicted, truth, topology_maps.FIVE)
    assert figures["nme_pupil"] == pytest.approx(4)
    assert (figures["nme_nose"], figures["nme_eyes"], figures["nme_lips"]) == pytest.approx((20, 0, 0))
    assert (figures["fr10"], figures["auc10"]) == pytest.approx((0, 0.6))
    assert figures["nme_box"] == pytest.approx(2 / np.sqrt(40 * 60) * 100)
    assert not {"nme", "nme_51", "fr8", "nme_jaw"} & set(figures)


def test_points_that_are_not_labelled_count_nowhere():
    truth = np.tile(np.arange(30.0).reshape(15, 2), (3, 1, 1))
    corners = [topology_maps.KAGGLE_NAMES.index(f"{side}_eye_outer_corner") for side in ("right", "left")]
    truth[:, corners] = [[0, 0], [40, 0]]
    predicted = truth + np.array([0, 2.0])  # 2 of 40 px: 5 %
    truth[0, 10:] = np.nan
    predicted[0, 10:] += 1000
    truth[1, corners[0]] = np.nan  # without a corner there is no eye distance
    predicted[1] += 1000
    errors = metrics.face_error(predicted, truth, topology_maps.KAGGLE_15)
    np.testing.assert_allclose(errors, [5, np.nan, 5])
    assert metrics.summary(predicted, truth, topology_maps.KAGGLE_15)["nme"] == pytest.approx(5)


def test_regions_of_kaggles_points():
    regions = metrics.regions(topology_maps.KAGGLE_15)
    named = {region: [topology_maps.KAGGLE_NAMES[i] for i in indices] for region, indices in regions.items()}
    assert named["nose"] == ["nose_tip"]
    assert all("brow" in name for name in named["brows"])
    assert len(named["eyes"]) == 6
    assert len(named["lips"]) == 4
    assert "jaw" not in named
    assert {len(group) for group in metrics.regions(topology.SCHEME).values()} == {17, 10, 9, 12, 20}
    assert metrics.regions(topology_maps.COFW_29) == {}


def test_labels_that_all_lie_to_one_side():
    truth = faces(4)  # eyes 50 px apart
    predicted = truth - np.array([1.0, -0.5])
    predicted[:, list(topology.JAW)] += 30  # the jaw is excluded, and the median is robust to a few outliers
    predicted[0, 20:25] += 100
    assert metrics.label_shift(predicted, truth) == pytest.approx((2, -1))


def test_points_are_moved_to_where_300w_labels_lie():
    truth = np.zeros((1, 68, 2))
    truth[0, 45] = 30, 40  # the outer eye corners are 50 px apart, on a tilted head
    moved = metrics.as_300w(truth + 5, truth)
    np.testing.assert_allclose(moved - truth, np.broadcast_to([5.5, 5.0], (1, 68, 2)))  # 1 % of 50 px, along x
