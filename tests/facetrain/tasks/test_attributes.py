"""Attribute heads: frozen trunk, sampling grids, loss, calibration, export, initialisation."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import DataError
from facetrack.geometry import CropBox
from facetrack.landmarker import Landmarker
from facetrack.modelfile import ATTRIBUTES
from facetrain.models.attributes import HEADS, AttributeNet, GridSampler, HeadInputs, HeadOptions, SamplingGrid
from facetrain.models.landmarks import LandmarkNet, LandmarkNetOptions
from facetrain.samples.sampling import EpochItems
from facetrain.tasks.attributes import (
    AttributeLoss,
    AttributeRecipe,
    attribute_metrics,
    attribute_spec,
    calibrate_heads,
    load_heads,
    train_attributes,
)
from facetrain.tasks.landmarks import export_landmarks, start_from
from facetrain.training.cached_features import CachedFeatures
from facetrain.training.checkpoint import load_weights
from facetrain.training.fit import FitOptions, fit

TINY = LandmarkNetOptions(input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), head=4)


def tiny():
    torch.manual_seed(0)
    return AttributeNet(TINY, HeadOptions(hidden=8))


def crops(count, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8))


class Items(EpochItems):
    def item(self, index, rng):
        known = torch.tensor([float("nan"), 1.0, 0.0])
        return {"crop": crops(1, index)[0], "attributes": known, "smile_trust": torch.tensor(1.0)}


def test_the_points_are_those_of_the_network_without_heads_to_the_bit(tmp_path):
    model, alone = tiny().eval(), LandmarkNet(TINY).eval()
    alone.load_state_dict({k: v for k, v in model.state_dict().items() if not k.startswith(HEADS)})
    with torch.inference_mode():
        expected, untrained = alone(crops(4)), model(crops(4))["attributes"]
    options = FitOptions(epochs=2, batch=4, workers=0, ema_decay=0.9, device="cpu")
    features = CachedFeatures(model, Items(8), 8, options)
    fit(model.heads, features, AttributeLoss(), lambda net: {}, options, tmp_path, inputs=HeadInputs._fields)
    with torch.inference_mode():
        predicted = model.eval()(crops(4))
    for name in ("points", "sigma", "presence"):
        assert torch.equal(expected[name], predicted[name]), name
    assert not torch.equal(untrained, predicted["attributes"])
    # The exported networks, too, although ONNX Runtime may fuse their operators differently.
    export_landmarks(model, attribute_spec(AttributeRecipe(network=TINY), None, {}), crops(4), tmp_path / "with.onnx")
    spec = dataclasses.replace(OnnxEngine(tmp_path / "with.onnx").spec, outputs=dict.fromkeys(expected, ""))
    export_landmarks(alone, spec, crops(4), tmp_path / "without.onnx")
    files = [OnnxEngine(tmp_path / f"{name}.onnx")(crops(4).numpy()) for name in ("with", "without")]
    for name in expected:
        np.testing.assert_array_equal(files[0][name], files[1][name])


def test_cached_features_give_the_networks_own_logits():
    model = tiny().eval()
    features = CachedFeatures(model, Items(6), 6, FitOptions(workers=0, device="cpu"))
    logits = torch.stack(
        [model.heads(*(features[i][n][None] for n in HeadInputs._fields))["logits"][0] for i in range(6)]
    )
    with torch.inference_mode():
        expected = model(crops_of(6))["logits"]
    # The cached features are shuffled and in half precision.
    torch.testing.assert_close(logits.sort(dim=0).values, expected.sort(dim=0).values, atol=0.01, rtol=0.01)


def crops_of(count):
    return torch.cat([crops(1, index) for index in range(count)])


def test_unknown_labels_have_no_gradient():
    logits = torch.zeros(2, 3, requires_grad=True)
    nan = float("nan")
    batch = {"attributes": torch.tensor([[1.0, 0.5, nan], [nan, nan, 0.0]]), "smile_trust": torch.ones(2)}
    loss = AttributeLoss()({"logits": logits}, batch)
    loss["total"].backward()
    # At logit 0 the gradient of the cross-entropy is .5 - label; one crop has each of the three labels.
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.5, 0.0, 0.0], [0.0, 0.0, 0.5]]))
    assert loss["mouth_open"].item() == pytest.approx(np.log(2))


def test_only_smiles_are_weighted_by_their_trust():
    logits = torch.zeros(4, 3, requires_grad=True)
    batch = {
        "attributes": torch.tensor([[1.0] * 3, [0.0] * 3, [0.0] * 3, [float("nan")] * 3]),
        "smile_trust": torch.tensor([1.0, 0.1, 0.9, 1.0]),
    }
    AttributeLoss()({"logits": logits}, batch)["total"].backward()
    smile, other = ATTRIBUTES.index("smile"), ATTRIBUTES.index("glasses")
    torch.testing.assert_close(logits.grad[:, smile], torch.tensor([-0.5, 0.05, 0.45, 0.0]) / 2.0)
    torch.testing.assert_close(logits.grad[:, other], torch.tensor([-0.5, 0.5, 0.5, 0.0]) / 3)


class HeldOut:
    """Held-out set of random crops with given labels of smiles."""

    def __init__(self, model, truth):
        self.head_inputs = dict(zip(HeadInputs._fields, model.reading(crops(len(truth))), strict=True))
        known = torch.full((len(truth), 3), float("nan"))
        known[:, ATTRIBUTES.index("smile")] = torch.tensor(truth)
        self.items = {"genki4k": {"attributes": known}}

    def predict(self, heads, name):
        with torch.inference_mode():
            return {key: value.numpy() for key, value in heads(*self.head_inputs.values()).items()}


def test_calibrated_smiles_have_the_frequency_of_the_labels():
    from scipy.special import expit

    model, smile = tiny().eval(), ATTRIBUTES.index("smile")
    with torch.inference_mode():
        held_out = HeldOut(model, [0.0] * 16)
        before = held_out.predict(model.heads, "")["logits"]
        confident = np.argsort(-before[:, smile])[[0, 2, 5]].tolist()
        held_out.items["genki4k"]["attributes"][confident, smile] = 1
        slope, offset = calibrate_heads(model.heads, held_out)["smile"]
    after = held_out.predict(model.heads, "")["logits"]
    np.testing.assert_allclose(after[:, smile], slope * before[:, smile] + offset, atol=1e-4)
    np.testing.assert_array_equal(np.delete(after, smile, axis=1), np.delete(before, smile, axis=1))
    # At maximum likelihood the mean probability is that of the smoothed labels: 3 times 4/5 and 13 times 1/15 of 16.
    assert expit(after[:, smile]).mean() == pytest.approx((3 * 4 / 5 + 13 / 15) / 16, abs=1e-4)


def eye_points(turn_deg=0.0):
    """Landmarks of two eyes, 20 px wide, at (30, 40) and (70, 40) of a 112 px crop, rotated about its centre."""
    points = torch.zeros(68, 2)
    points[list(topology.RIGHT_EYE)] = torch.tensor([30.0, 40.0])
    points[list(topology.LEFT_EYE)] = torch.tensor([70.0, 40.0])
    for index, x in ((36, 20.0), (39, 40.0), (42, 60.0), (45, 80.0)):
        points[index, 0] = x
    return (points - 55.5) @ rotation(turn_deg).T + 55.5


def rotation(degrees):
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float32)


@pytest.mark.parametrize("turn_deg", [0.0, 15.0])
@pytest.mark.parametrize("side", [28, 112])
def test_grids_are_sampled_as_by_opencv_each_from_the_first_end(side, turn_deg):
    maps = np.random.default_rng(1).normal(size=(1, 3, side, side)).astype(np.float32)
    right = SamplingGrid(((36,), (39,)), topology.RIGHT_EYE, (1.3, 0.9))
    left = SamplingGrid(((45,), (42,)), topology.LEFT_EYE, (1.3, 0.9))
    points = eye_points(turn_deg)
    samples = GridSampler((right, left), 4, 5, 112)(torch.from_numpy(maps), points.flatten()[None])
    assert samples.shape == (1, 3, 2 * 4, 5)
    across, down = np.meshgrid(20 * np.linspace(-0.65, 0.65, 5), 20 * np.linspace(-0.45, 0.45, 4))
    for number, (middle, sign) in enumerate(((points[37], 1), (points[43], -1))):
        grid = np.stack([sign * across, sign * down], axis=-1) @ rotation(turn_deg).numpy().T + middle.numpy()
        cells = ((grid + 0.5) * side / 112 - 0.5).astype(np.float32)  # px of the crop -> cells of the maps
        for channel in range(3):
            expected = cv2.remap(maps[0, channel], cells[..., 0], cells[..., 1], cv2.INTER_LINEAR)
            part = samples[0, channel, 4 * number : 4 * number + 4]
            np.testing.assert_allclose(part, expected, atol=0.13)  # remap rounds coordinates to 1/32 cell


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = tiny().eval()
    path = tmp_path_factory.mktemp("attributes") / "heads.onnx"
    spec = attribute_spec(AttributeRecipe(network=TINY), None, {"test_mouths_mouth_open": 99.0})
    export_landmarks(model, spec, crops(6), path)
    return model, path


def test_the_exported_network_equals_torch_and_names_its_outputs(exported):
    model, path = exported
    engine = OnnxEngine(path)
    with torch.inference_mode():
        expected = model(crops(3, seed=5))
    predicted = engine(crops(3, seed=5).numpy())
    for name in ("points", "attributes"):
        np.testing.assert_allclose(predicted[name], expected[name], atol=1e-3)
    assert ((predicted["attributes"] >= 0) & (predicted["attributes"] <= 1)).all()
    assert engine.spec.outputs["attributes"].endswith(": " + ", ".join(ATTRIBUTES))
    assert engine.spec.metrics == {"attributes/test_mouths_mouth_open": 99.0}


def test_the_landmarker_returns_attributes(exported):
    model, path = exported
    image = crops(1, seed=3)[0].numpy()
    reading = Landmarker(OnnxEngine(path))(image, [CropBox(31.5, 31.5, 64)])[0]
    with torch.inference_mode():
        expected = model(torch.from_numpy(image)[None])
    assert list(reading.attributes) == list(ATTRIBUTES)
    np.testing.assert_allclose(list(reading.attributes.values()), expected["attributes"][0], atol=1e-3)


def test_a_landmark_network_can_start_from_a_file_with_heads(exported):
    model, path = exported
    trunk = LandmarkNet(TINY)
    start_from(trunk, str(path))
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    loaded = AttributeNet(TINY, HeadOptions(hidden=8))
    load_weights(loaded, path)
    assert torch.equal(loaded.heads.rest[3].weight, model.heads.rest[3].weight)


def test_heads_can_be_initialised_from_those_on_another_trunk(exported):
    model, path = exported
    other = AttributeNet(dataclasses.replace(TINY, depths=(1, 2, 1)), HeadOptions(hidden=8))
    load_heads(other, path)
    for name, value in other.heads.state_dict().items():
        assert torch.equal(value, model.heads.state_dict()[name]), name


def test_heads_with_an_eye_head_and_angles_lose_them(exported, tmp_path):
    """Files of 2026: the last layer had mouth_open, smile, glasses and three angles, the eyes' logits came before."""
    model, _ = exported
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    for name, shape in (("weight", (3, 8)), ("bias", (3,))):
        state[f"heads.rest.3.{name}"] = torch.cat([state[f"heads.rest.3.{name}"], torch.ones(shape)])
    save_file(state | {"heads.eye.4.bias": torch.ones(64)}, tmp_path / "old.safetensors")
    loaded = AttributeNet(TINY, HeadOptions(hidden=8))
    load_weights(loaded, tmp_path / "old.safetensors")
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_metrics_count_only_binary_labels():
    nan = np.nan
    truth = torch.tensor([[1.0, 0.4, 0.5], [0.0, 1.0, nan], [nan, 1.0, nan]])
    figures = attribute_metrics({"attributes": np.full((3, 3), 0.9, np.float32)}, {"attributes": truth}, min_count=1)
    assert figures == {"mouth_open": 50.0, "smile": 100.0}


def test_a_missing_landmark_network_is_an_error(tmp_path):
    with pytest.raises(DataError, match="need a trained landmark network"):
        train_attributes(tmp_path, tmp_path / "run", AttributeRecipe(init=""))
    assert not (tmp_path / "run").exists()
