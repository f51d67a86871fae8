"""Rendered turned heads: their labels fit the mean head, visibility by side, and their label table."""

import numpy as np
import pytest

from facetrack import topology
from facetrack.angles import euler_deg
from facetrain.labelling.turned_heads import of_heads, random_turned_head, write_turned_heads
from facetrain.synth.rendering.head_model import load_head_model
from facetrain.synth.rendering.render import Renderer
from places import HEAD_MODEL as MODEL

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not MODEL.is_file(), reason="needs the ICT head model beside the repository"),
]
OFFSET = np.zeros((17, 3))


@pytest.fixture(scope="module")
def renderer():
    return Renderer(load_head_model(MODEL))


@pytest.fixture(scope="module")
def heads(renderer):
    return [random_turned_head(renderer, OFFSET, 3, index) for index in range(6)]


def test_rigid_points_fit_a_head_turned_as_the_label_says(renderer, heads):
    model = renderer.model
    rigid = list(topology.RIGID)
    mean = (model.points68(model.vertices) - model.origin) * [1, -1, -1]
    for sample in heads:
        rotation = of_heads([sample]).rotation[0].astype(float)
        seen, head = sample.points[rigid].astype(float), (mean @ rotation.T)[rigid, :2]
        seen, head = seen - seen.mean(axis=0), head - head.mean(axis=0)
        scale = (seen * head).sum() / (head**2).sum()
        off = np.linalg.norm(seen - scale * head, axis=1).mean()
        assert scale > 0
        assert off < 0.25 * np.linalg.norm(seen, axis=1).mean() + 2  # other people than the mean head


def test_the_far_eye_is_hidden_and_the_near_one_is_not(heads):
    far, near = [], []
    for sample in heads:
        yaw = float(sample.attributes["yaw_deg"])
        if abs(yaw) > 60:
            sides = (topology.LEFT_EYE, topology.RIGHT_EYE) if yaw > 0 else (topology.RIGHT_EYE, topology.LEFT_EYE)
            far.append(sample.visible[list(sides[0])].mean())
            near.append(sample.visible[list(sides[1])].mean())
    assert far
    assert np.mean(far) < np.mean(near)


def test_the_jaws_offset_moves_the_jaw_alone(renderer, heads):
    moved = random_turned_head(renderer, OFFSET + np.array([0, 1, 0]), 3, 0)
    extent = np.ptp(heads[0].points, axis=0).max()
    inner = list(topology.INNER_51)
    a, b = heads[0].points[inner], moved.points[inner]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)  # the camera frames the points, so that all may move a little
    scale = (a * b).sum() / (a**2).sum()
    assert np.linalg.norm(scale * a - b, axis=1).max() < 0.02 * extent


def test_a_pack_gives_its_label_table(renderer, tmp_path):
    write_turned_heads(renderer, tmp_path / "heads_turned", OFFSET, range(2), seed=3)
    from facetrain.formats.packs import read_pack

    samples = read_pack(tmp_path / "heads_turned", trim=False).samples
    table = of_heads(samples)
    assert table.names == ("head_000000.jpg", "head_000001.jpg")
    for index, sample in enumerate(samples):
        yaw, pitch, roll = euler_deg(table.rotation[index].astype(float))
        expected = [float(sample.attributes[name]) for name in ("yaw_deg", "pitch_deg", "roll_deg")]
        np.testing.assert_allclose([yaw, pitch, roll], expected, atol=1e-3)
    assert (table.rotation_weight == 1).all()
    assert np.isnan(table.hand).all()
