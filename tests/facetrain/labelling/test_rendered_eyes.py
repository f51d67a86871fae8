"""Labels of rendered eyes against their pictures: where those of one draw differ by the paint of the irises alone."""

from dataclasses import replace

import numpy as np
import pytest

from facetrain.labelling.eyes.rendered import rendered_eyes
from facetrain.synth.rendering import heads
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer
from facetrain.synth.rendering.skin import random_look
from places import HEAD_MODEL as MODEL

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not MODEL.is_file(), reason="needs the ICT head model beside the repository"),
]
HEADS = range(6)


@pytest.fixture(scope="module")
def renderer():
    return Renderer(load_head_model(MODEL))


def painted(renderer, monkeypatch, colour):
    """Render the same heads, their irises of one colour."""
    monkeypatch.setattr(heads, "random_look", lambda rng: replace(random_look(rng), iris=np.array(colour)))
    return list(rendered_eyes(renderer, HEADS, seed=5))


def test_an_irises_label_lies_on_the_paint_that_is_seen(renderer, monkeypatch):
    """No painted px lies outside the labelled circle (blurred by up to 1.5 px), nor beside its middle."""
    beside = []
    for dark, light in zip(
        painted(renderer, monkeypatch, (0.02, 0.02, 0.02)), painted(renderer, monkeypatch, (0.9, 0.9, 0.2)), strict=True
    ):
        np.testing.assert_array_equal(dark.labels["iris"], light.labels["iris"])
        if dark.labels["iris_weight"] < 0.9:
            continue
        changed = np.abs(dark.crop.astype(int) - light.crop).sum(axis=2)
        y, x = np.nonzero(changed > 0.25 * changed.max())
        centre_x, centre_y, radius = dark.labels["iris"]
        assert np.percentile(np.hypot(x - centre_x, y - centre_y), 95) < 1.1 * radius + 1.5
        beside.append(float((np.median(x) - centre_x) / radius))
    assert len(beside) >= 3
    assert np.abs(beside).mean() < 0.25, "irises taken 6 mm before the ball's centre were .6 off at looks of 20 degrees"


def test_hidden_irises_weigh_nothing_and_the_looks_reach_far(renderer):
    """Shut eyes have no iris; the others' lie up to a quarter of the eye's width beside the corners' middle."""
    eyes = list(rendered_eyes(renderer, range(24), seed=6))
    shut = [eye for eye in eyes if eye.labels["contour_weight"].min() > 0 and eye.labels["gap"] < 0.02]
    assert shut
    assert all(eye.labels["iris_weight"] == 0 for eye in shut)
    seen = [eye for eye in eyes if eye.labels["iris_weight"] > 0.9]
    middle = np.array([eye.labels["contour"][[0, 3]].mean(axis=0) for eye in seen])
    width = np.array([np.linalg.norm(eye.labels["contour"][3] - eye.labels["contour"][0]) for eye in seen])
    off = (np.array([eye.labels["iris"][:2] for eye in seen]) - middle) / width[:, None]
    assert off[:, 0].min() < -0.1
    assert off[:, 0].max() > 0.1
    assert np.ptp(off[:, 1]) > 0.12
    assert {"open", "lowered", "shut"} == {
        name
        for eye in eyes
        if "state" in eye.labels
        for name, is_it in zip(("open", "lowered", "shut"), eye.labels["state"], strict=True)
        if is_it
    }


def test_a_look_along_the_line_of_sight_is_none_and_gaze_goes_with_the_picture(renderer):
    """By the pixels alone: where the iris lies beside the lids' middle there the label points, in half profiles too."""
    eyes = [eye for eye in rendered_eyes(renderer, range(40), seed=7) if eye.labels["iris_weight"] > 0.9]
    middle = np.array([eye.labels["contour"][[0, 3]].mean(axis=0) for eye in eyes])
    width = np.array([np.linalg.norm(eye.labels["contour"][3] - eye.labels["contour"][0]) for eye in eyes])
    off = (np.array([eye.labels["iris"][:2] for eye in eyes]) - middle) / width[:, None]
    gaze = np.array([eye.labels["gaze"] for eye in eyes])
    assert (np.hypot(*gaze.T) < 1).all()
    assert np.corrcoef(off[:, 0], gaze[:, 0])[0, 1] > 0.7
    weights = np.array([float(eye.labels["gaze_weight"]) for eye in eyes])
    assert (weights > 0.9).all()
