"""Fit of the gates against SciPy's minimum and a distribution of known quantiles; which readings are usable."""

import numpy as np
import pytest
from scipy.optimize import minimize

from facetrack.geometry import crop_from_box
from facetrack.landmarker import Reading
from facetrack.topology import N_POINTS
from facetrack.types import Landmarks
from facetrain.evaluation.gates import cases, fit
from facetrain.evaluation.gates.report import report
from facetrain.sample import Sample
from staged import actor

RNG = np.random.default_rng(0)
MARGIN = 1.3


def made_readings(count=4000):
    """Presence and sigma of faces and of pictures without one, whose log-odds is 2 - x + 3 y by construction."""
    inputs = RNG.normal(0, 1.5, (count, 2))
    chance = 1 / (1 + np.exp(-(2 - inputs[:, 0] + 3 * inputs[:, 1])))
    usable = (RNG.random(count) < chance).astype(float)
    names = np.array(["some"] * count)
    kinds = np.where(usable == 1, "plain", "")
    fitted = np.arange(count) % 2 == 0
    return fit.Readings(names, kinds, np.full(count, 40.0), inputs, usable, usable == 0, fitted)


def test_the_logistic_fit_is_the_minimum_that_scipy_finds():
    made = made_readings()
    weight = RNG.uniform(0.2, 2.0, len(made.usable))

    def loss(found):
        odds = made.inputs @ found[:2] + found[2]
        return (weight * (np.logaddexp(0, odds) - made.usable * odds)).sum() + 0.5e-3 * (found[:2] ** 2).sum()

    expected = minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-6}).x
    assert fit.logistic(made.inputs, made.usable, weight) == pytest.approx(expected, abs=1e-3)


def test_the_levels_of_an_exponential_tail():
    """Of exponential values the share p lies above ln(1 / p)."""
    odds = RNG.exponential(1.0, 200_000)
    assert fit.passed_by(odds, 0.005) == pytest.approx(np.log(200), abs=0.1)
    assert fit.passed_by(odds, 0.0005) == pytest.approx(np.log(2000), abs=0.15)


def test_a_fit_finds_the_weights_and_orders_its_levels():
    found = fit.fit(made_readings(40_000))
    assert found.log_sigma / found.presence == pytest.approx(-3.0, rel=0.1)
    assert found.keep < found.enter < found.clear


class Landmarker:
    """Places a face on the middle of every crop, as large as a crop of that margin expects."""

    margin = MARGIN

    def __call__(self, image, crops):
        sigma = np.ones(N_POINTS, np.float32)
        return [Reading(Landmarks(actor(c.x, c.y, c.size_px / MARGIN), sigma), 0.9) for c in crops]


def face_case(shift_px=0.0, kind="plain", error=None):
    image = np.zeros((240, 240, 3), np.uint8)
    points = actor(120, 120)
    sample = Sample("a.jpg", "a", "made", image, points, np.ones(N_POINTS, np.float32))
    crop = crop_from_box(np.array([80 + shift_px, 80, 160 + shift_px, 160], np.float32), MARGIN)
    return cases.Case("made", "a.jpg", kind, image, crop, error or cases.by_points(sample), -70.0)


def test_points_are_usable_by_their_distance_from_the_labels():
    """A face of 80 px: 4 px are .05, 16 px are .2; the second reading is jittered around the first."""
    near, far = fit.read(Landmarker(), [face_case(4.0)]), fit.read(Landmarker(), [face_case(16.0)])
    assert (near.usable[0], far.usable[0]) == (1.0, 0.0)
    assert not far.faceless.any(), "a face is there, its points are wrong"
    assert near.yaw_deg.tolist() == [70.0, 70.0]
    nothing = fit.read(Landmarker(), [face_case(kind="", error=cases.no_face)])
    assert nothing.faceless.all()
    assert fit.read(Landmarker(), [face_case(), face_case(200.0)]).usable.shape == (2,), "one lies outside the picture"


def test_a_worsened_face_is_readable_unless_all_of_it_is_covered():
    points, grey = actor(120, 120), np.full((240, 240, 3), 120, np.uint8)
    for kind in ("dark", "masked", "small"):
        image, readable = cases.worsened(grey, points, kind, np.random.default_rng(1))
        assert readable
        assert image.shape == grey.shape
    covered = [cases.worsened(grey, points, "covered", np.random.default_rng(seed))[1] for seed in range(40)]
    assert any(covered)
    assert not all(covered)


def test_the_report_counts_what_the_fit_has_not_seen():
    made = made_readings()
    table = report(made, {"fitted": fit.fit(made)}, "net").tables[0]
    rows = {row[1]: row for row in table.rows}
    seen = int((made.usable[~made.fitted] == 1).sum())
    assert rows["usable points"][2] == rows["usable, yaw 30-60"][2] == str(seen)
