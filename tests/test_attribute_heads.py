"""The attribute heads: the trunk they stand on, what they read, what they learn from, and the file they travel in."""

import cv2
import numpy as np
import pytest
import torch

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.geometry import CropBox
from facetrack.landmarker import Landmarker
from facetrack.modelfile import ATTRIBUTES
from facetrain.attribute_task import (
    AttributeLoss,
    AttributeRecipe,
    attribute_spec,
    export_attributes,
    measured,
    train_attributes,
)
from facetrain.checkpoint import load_weights
from facetrain.fit import FitOptions, fit
from facetrain.landmark_task import start_from
from facetrain.models.attributes import AttributeNet, HeadOptions, Lattice, Reader, trunk_prefixes
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.sampling import EpochItems

TINY = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


def tiny():
    torch.manual_seed(0)
    return AttributeNet(TINY, HeadOptions(hidden=8))


def crops(count, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))


class Items(EpochItems):
    def item(self, index, rng):
        known = torch.tensor([1.0, 0.0, float("nan"), 1.0, 0.0])
        return {"crop": crops(1, index)[0], "attributes": known, "pose": torch.tensor([10.0, 0.0, -5.0])}


def test_training_the_heads_leaves_the_points_as_they_were_to_the_bit(tmp_path):
    model = tiny()
    with torch.inference_mode():
        before = model.eval()(crops(4))
    options = FitOptions(epochs=2, batch=4, workers=0, freeze=trunk_prefixes(model), ema_decay=0.9, device="cpu")
    trained = fit(model, Items(8), AttributeLoss(), lambda net: {}, options, tmp_path).eval()
    with torch.inference_mode():
        after = trained(crops(4))
    for name in ("points", "sigma", "presence"):
        assert torch.equal(before[name], after[name]), name
    assert not torch.equal(before["attributes"], after["attributes"])


def test_what_is_unknown_teaches_nothing():
    logits = torch.zeros(2, 5, requires_grad=True)
    pose = torch.zeros(2, 3, requires_grad=True)
    nan = float("nan")
    batch = {
        "attributes": torch.tensor([[1.0, nan, nan, 0.5, nan], [nan, nan, 0.0, nan, nan]]),
        "pose": torch.tensor([[nan, nan, nan], [5.0, nan, -5.0]]),
    }
    loss = AttributeLoss()({"logits": logits, "pose": pose}, batch)
    loss["total"].backward()
    # At logit 0 the entropy's slope is .5 - truth; one crop knows each of the three.
    expected = torch.tensor([[-0.5, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0, 0.0]])
    torch.testing.assert_close(logits.grad, expected)
    assert loss["eye_right_open"].item() == pytest.approx(np.log(2))
    assert (pose.grad[0] == 0).all()
    assert pose.grad[1, 1] == 0
    assert pose.grad[1, 0] < 0 < pose.grad[1, 2]


def eye_points():
    """Both eyes 20 px wide in a crop of 112, at (30, 40) and (70, 40)."""
    points = torch.zeros(1, 68, 2)
    points[0, list(topology.RIGHT_EYE)] = torch.tensor([30.0, 40.0])
    points[0, list(topology.LEFT_EYE)] = torch.tensor([70.0, 40.0])
    for index, x in ((36, 20.0), (39, 40.0), (42, 60.0), (45, 80.0)):
        points[0, index, 0] = x
    return points


def test_lattices_are_read_bilinearly_as_opencv_does_both_eyes_from_the_outer_corner_in():
    maps = np.random.default_rng(1).normal(size=(1, 3, 28, 28)).astype(np.float32)
    size, span = (5, 4), (1.3, 0.9)
    right = Lattice(((36,), (39,)), topology.RIGHT_EYE, size, span)
    left = Lattice(((45,), (42,)), topology.LEFT_EYE, (3, 2), span, mirrored=True)
    found = Reader((right, left), 28, 112)(torch.from_numpy(maps), eye_points())
    for part, middle, sign, (columns, rows) in zip(found, (30, 70), (1, -1), (size, (3, 2)), strict=True):
        across, down = np.linspace(-0.65, 0.65, columns) * sign, np.linspace(-0.45, 0.45, rows)
        x, y = np.meshgrid(middle + 20 * across, 40 + 20 * down)
        cells = [((places - 1.5) / 4).astype(np.float32) for places in (x, y)]  # cells of 4 px
        for channel in range(3):
            expected = cv2.remap(maps[0, channel], *cells, cv2.INTER_LINEAR)
            np.testing.assert_allclose(part[0, channel], expected, atol=0.06)  # remap rounds places to 1/32 cell


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = tiny().eval()
    path = tmp_path_factory.mktemp("attributes") / "heads.onnx"
    spec = attribute_spec(AttributeRecipe(network=TINY), None, {"test_eyes_eyes_open": 99.0})
    export_attributes(model, spec, crops(6), path)
    return model, path


def test_the_file_says_what_torch_says_and_names_its_outputs(exported):
    model, path = exported
    engine = OnnxEngine(path)
    with torch.inference_mode():
        expected = model(crops(3, seed=5))
    found = engine(crops(3, seed=5).numpy())
    for name in ("points", "attributes", "pose"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-3)
    assert ((found["attributes"] >= 0) & (found["attributes"] <= 1)).all()
    assert engine.spec.outputs["attributes"].endswith(": " + ", ".join(ATTRIBUTES))
    assert engine.spec.metrics == {"attributes/test_eyes_eyes_open": 99.0}


def test_the_landmarker_hands_on_attributes_and_pose(exported):
    model, path = exported
    image = crops(1, seed=3)[0].numpy()
    reading = Landmarker(OnnxEngine(path))(image, [CropBox(31.5, 31.5, 64)])[0]
    with torch.inference_mode():
        expected = model(torch.from_numpy(image)[None])
    assert list(reading.attributes) == list(ATTRIBUTES)
    np.testing.assert_allclose(list(reading.attributes.values()), expected["attributes"][0], atol=1e-3)
    np.testing.assert_allclose(reading.pose_deg, expected["pose"][0], atol=1e-2)


def test_a_landmark_network_can_start_from_a_file_with_heads(exported):
    model, path = exported
    trunk = LandmarkNet(TINY)
    start_from(trunk, str(path))
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    again = AttributeNet(TINY, HeadOptions(hidden=8))
    load_weights(again, path)
    assert torch.equal(again.heads.eye[0].weight, model.heads.eye[0].weight)


def test_figures_count_only_what_is_clear():
    nan = np.nan
    truth = torch.tensor([[1.0, 0.0, nan, nan, nan], [0.4, 1.0, nan, nan, nan], [nan, 0.0, nan, nan, nan]])
    found = {"attributes": np.full((3, 5), 0.9, np.float32), "pose": np.array([[1.0, 2, 3]] * 3, np.float32)}
    items = {"attributes": truth, "pose": torch.tensor([[0.0, 0, 0], [nan, nan, nan], [3.0, 2, 1]])}
    figures = measured(found, items, least=1)
    assert figures == {"eyes_open": 50.0, "yaw_deg": 1.5, "pitch_deg": 1.0, "roll_deg": 2.5}


def test_without_a_network_to_stand_on_it_says_so(tmp_path):
    with pytest.raises(DataError, match="need a trained landmark network"):
        train_attributes(tmp_path, tmp_path / "run", AttributeRecipe(init=""))
    assert not (tmp_path / "run").exists()
