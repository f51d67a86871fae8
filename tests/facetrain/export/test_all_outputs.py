"""Every output of a dense landmark network with turned and attribute heads, through every engine and precision."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from facetrack.engine import parity
from facetrack.engine.choice import open_engine
from facetrack.engine.flat import Flat
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.packing import item_shapes, unpacked
from facetrack.engine.parity import ParityError
from facetrack.engine.torch import on_device, open_module
from facetrack.geometry import crop_from_points
from facetrack.landmarker import Landmarker
from facetrack.photograph import enlarge, enlarged, load_photograph
from facetrain.export import deploy, int8
from facetrain.models.landmarks import LandmarkNetOptions
from small_networks import exported, random_network, spec_of

DENSE = LandmarkNetOptions(
    input_px=64, stem=4, widths=(4, 4, 8), depths=(1, 1, 1), expand=(0, 0, 0), head=4, turned=True
)
OUTPUTS = ["points", "sigma", "presence", "visibility", "rotation", "rotation_sigma", "attributes"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Export the network with random weights, its norms' statistics from real crops, as training does."""
    network = random_network(DENSE).train()
    crops = parity.photograph_crops(spec_of(network), 8)
    with torch.no_grad():
        for _ in range(10):
            network(crops)
    return exported(network.eval(), tmp_path_factory.mktemp("source") / "model.onnx")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Time nothing, and compare on few crops."""
    monkeypatch.setattr(deploy, "LATENCY_S", 0.0)
    monkeypatch.setattr(deploy, "_crops", lambda spec, data: parity.photograph_crops(spec, 4))


def reference(source, count=5):
    """Return torch's outputs in float32, and the crops."""
    network, spec = open_module(source)
    crops = parity.photograph_crops(spec, count)
    with torch.inference_mode():
        found = network(crops)
    assert list(spec.outputs) == OUTPUTS
    return {name: found[name].numpy() for name in OUTPUTS}, crops.numpy()


def assert_equal(found, expected, precision="fp32"):
    assert list(found) == OUTPUTS
    for name in OUTPUTS:
        allowed = parity.FP32[name] * (parity.FP16_FACTOR if precision == "fp16" else 1)
        np.testing.assert_allclose(found[name], expected[name], atol=allowed, err_msg=name)


@pytest.mark.parametrize("engine", ["onnx", "openvino", "torch"])
def test_every_engine_gives_every_output(source, engine):
    need(engine)
    expected, crops = reference(source)
    assert_equal(open_engine(source, engine)(crops), expected)


@pytest.mark.parametrize("engine", ["onnx", "openvino", "torch"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_every_export_gives_every_output(source, tmp_path, engine, precision):
    need(engine)
    out = tmp_path / f"out{deploy.SUFFIX[engine]}"
    done = deploy.export(source, engine, precision, (1,), None, out)
    assert set(done.spec.parity) == set(OUTPUTS)
    expected, crops = reference(source)
    assert_equal(open_engine(out, engine)(crops), expected, precision)


def test_the_packed_outputs_of_cuda_graphs_and_tensorrt_are_all_of_them(source):
    """The code of both on the CPU: programs of fixed batch sizes, and TensorRT's flat network."""
    expected, crops = reference(source)
    network, spec = open_module(source)
    assert_equal(on_device(network, spec, "cpu", (1, 2, 4))(crops), expected)
    with torch.inference_mode():
        flat = Flat(network, OUTPUTS)(torch.from_numpy(crops).float()).numpy()
    assert flat.shape == (5, 68 * 2 + 68 + 1 + 68 + 9 + 3 + 3)
    assert_equal(unpacked(flat, item_shapes(network, OUTPUTS, crops.shape)), expected)


def test_crops_cut_on_the_device_give_the_same_readings(source):
    network, spec = open_module(source)
    image, points = enlarge(load_photograph()[0]), enlarged(load_photograph()[1])
    crops = [crop_from_points(points, 1.3, roll) for roll in (None, 0.3)]
    on_host = Landmarker(open_engine(source))(image, crops)
    on_lane = Landmarker(Resident(on_device(network, spec, "cpu"), spec))(image, crops)
    for host, lane in zip(on_host, on_lane, strict=True):
        np.testing.assert_allclose(lane.head.rotation, host.head.rotation, atol=0.02)
        np.testing.assert_allclose(lane.landmarks.visibility, host.landmarks.visibility, atol=0.02)
        assert lane.attributes.keys() == host.attributes.keys()


class Resident:
    def __init__(self, run, spec):
        self.spec, self.from_frame = spec, run.from_frame


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_int8_keeps_every_output_near_floats(source, tmp_path, engine, monkeypatch):
    """A random network's points move by more than a trained one's: their limit is widened, the others' are not."""
    need(engine)
    monkeypatch.setattr(int8, "INT8_NME", 5.0)
    out = tmp_path / "q.onnx"
    done = deploy.export(source, "onnx", "int8", (1,), Path("synthetic:24"), out)
    assert set(done.spec.parity) == {"nme_float", "nme_int8", *OUTPUTS} - {"points"}
    nodes = onnx.load(out).graph.node
    assert sum(node.op_type == "QuantizeLinear" for node in nodes) > 5
    expected, crops = reference(source, 8)
    found = open_engine(out, engine)(crops)
    assert list(found) == OUTPUTS
    changes = int8.output_changes(expected, found)
    assert all(changes[name] <= limit for name, limit in int8.INT8_OTHERS.items()), changes
    np.testing.assert_allclose(np.linalg.det(found["rotation"]), 1, atol=1e-5)


def test_int8_that_corrupts_another_output_than_the_points_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr(int8, "INT8_NME", 5.0)
    monkeypatch.setitem(int8.INT8_OTHERS, "visibility", -1.0)
    with pytest.raises(ParityError, match="visibility"):
        deploy.export(source, "onnx", "int8", (1,), Path("synthetic:24"), tmp_path / "q.onnx")
    assert list(tmp_path.iterdir()) == []


def test_changes_by_hand():
    turned = np.array([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    before = {"rotation": np.eye(3)[None], "visibility": np.zeros((1, 68)), "sigma": np.full((1, 68), 2.0)}
    after = {"rotation": turned, "visibility": np.full((1, 68), np.log(3)), "sigma": np.full((1, 68), 2.5)}
    found = int8.output_changes(before | {"points": 0}, after)
    assert found == pytest.approx({"rotation": 90, "visibility": 0.25, "sigma": 0.25})


def test_the_networks_own_file_names_all_outputs(source):
    assert list(OnnxEngine(source).spec.outputs) == OUTPUTS


def need(engine):
    """Skip without OpenVINO; it is not imported, which would send telemetry."""
    if engine == "openvino" and find_spec("openvino") is None:
        pytest.skip("needs the extra openvino")
