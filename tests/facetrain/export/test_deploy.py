"""`facetrack export`: parity with torch, metadata, refusals, int8, command line."""

import copy
import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.engine import parity
from facetrack.engine.choice import open_engine
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.parity import ParityError
from facetrack.engine.torch import TorchEngine
from facetrack.errors import DataError, FacetrackError, OutputError
from facetrack.modelfile import METADATA_KEY
from facetrain.export import deploy, int8
from small_networks import exported, random_network


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return exported(random_network(), tmp_path_factory.mktemp("source") / "model.onnx", {"x": 1.0})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(deploy, "LATENCY_S", 0.01)


@pytest.mark.parametrize(
    ("engine", "precision"),
    [(e, p) for e in ("onnx", "openvino", "torch") for p in ("fp32", "fp16")],
)
def test_every_export_equals_torch_and_reports_the_differences(source, tmp_path, engine, precision):
    if engine == "openvino":
        need_openvino()
    out = tmp_path / f"out{deploy.SUFFIX[engine]}"
    done = deploy.export(source, engine, precision, (1, 3), None, out)
    expected = {"out.xml", "out.bin"} if engine == "openvino" else {out.name}
    assert {path.name for path in tmp_path.iterdir()} == expected
    run = open_engine(out, engine)
    crops = parity.photograph_crops(run.spec, 11).numpy()
    actual, reference = run(crops), OnnxEngine(source)(crops)
    for name, value in reference.items():
        np.testing.assert_allclose(actual[name], value, atol=1e-3 if precision == "fp32" else 0.1, err_msg=name)
    assert run.spec == done.spec
    assert set(run.spec.parity) == {"points", "sigma", "presence"}
    assert 0 <= run.spec.parity["points"] <= (1e-3 if precision == "fp32" else 0.1)
    assert run.spec.metrics == {"x": 1.0}
    assert run.spec.terms == "terms"
    assert set(done.latency_ms) == {1, 3}
    assert set(done.latency_ms[3]) == {engine, "ONNX Runtime"}


def test_half_precision_halves_the_weights(source, tmp_path):
    deploy.export(source, "onnx", "fp16", (1,), None, tmp_path / "half.onnx")
    types = [item.data_type for item in onnx.load(tmp_path / "half.onnx").graph.initializer if len(item.dims) == 4]
    # The heatmaps' convolution has no batch norm and stays in float32.
    assert types.count(onnx.TensorProto.FLOAT) == 1
    assert types.count(onnx.TensorProto.FLOAT16) == len(types) - 1 > 5


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_network_that_differs_from_torch_is_not_written(source, tmp_path, monkeypatch, engine):
    def broken(model, spec, precision, crops, path):
        biased = copy.deepcopy(model)
        for name, parameter in biased.named_parameters():
            if name.endswith("log_sigma.bias"):
                parameter.data.add_(0.01)
        write(biased, spec, precision, crops, path)

    write = deploy.WRITERS[engine]
    monkeypatch.setitem(deploy.WRITERS, engine, broken)
    with pytest.raises(ParityError, match=r"'sigma': 0\.0.*nothing was written"):
        deploy.export(source, engine, "fp32", (1,), None, tmp_path / f"x{deploy.SUFFIX[engine]}")
    assert list(tmp_path.iterdir()) == []


def test_not_a_number_is_a_disagreement():
    with pytest.raises(ParityError):
        parity.check_tolerance({"points": float("nan")}, {"points": 1.0}, "x")

    class Nan(torch.nn.Module):
        def forward(self, crops):
            return {"points": crops.float().mean(dim=(1, 2, 3))}

    crops = torch.zeros((3, 4, 4, 3), dtype=torch.uint8)
    wrong_in_small_batches = lambda batch: {"points": np.full(len(batch), 0.0 if len(batch) == 3 else np.nan)}  # noqa: E731
    assert np.isnan(parity.compare(Nan(), wrong_in_small_batches, crops, ["points"])["points"])


def test_the_worst_crop_of_any_batch_size_counts():
    """The engine has an error of 3 in batches of five only."""

    class Mean(torch.nn.Module):
        def forward(self, crops):
            return {"points": crops.float().mean(dim=(1, 2, 3))}

    def engine(batch):
        return {"points": batch.astype(np.float32).mean(axis=(1, 2, 3)) + (3 if len(batch) == 5 else 0)}

    crops = torch.randint(0, 256, (20, 4, 4, 3), dtype=torch.uint8)
    assert parity.compare(Mean(), engine, crops, ["points"])["points"] == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize(
    ("engine", "precision", "out", "error", "message"),
    [
        ("coreml", "fp32", "x.onnx", FacetrackError, "--engine is 'coreml'"),
        ("onnx", "fp8", "x.onnx", FacetrackError, "--precision is 'fp8'; expected fp32 or fp16 or int8"),
        ("openvino", "int8", "x.xml", FacetrackError, "OpenVINO and TensorRT read the one of --engine onnx"),
        ("onnx", "int8", "x.onnx", DataError, "give --data"),
        ("onnx", "fp32", "x.safetensors", OutputError, r"a file for onnx ends in \.onnx"),
    ],
)
def test_unsupported_options_are_errors(source, tmp_path, engine, precision, out, error, message):
    with pytest.raises(error, match=message):
        deploy.export(source, engine, precision, (1,), None, tmp_path / out)
    assert list(tmp_path.iterdir()) == []


def test_the_source_is_not_overwritten(source):
    before = source.read_bytes()
    with pytest.raises(OutputError, match="choose another --out"):
        deploy.export(source, "onnx", "fp16", (1,), None, source)
    assert source.read_bytes() == before


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_file_for_torch_is_weights_and_a_specification(source, tmp_path, precision):
    done = deploy.export(source, "torch", precision, (1,), None, tmp_path / "x.safetensors")
    engine, reference = open_engine(tmp_path / "x.safetensors", "auto"), OnnxEngine(source)
    assert engine.spec == done.spec
    crops = parity.photograph_crops(done.spec, 3).numpy()
    in_torch = TorchEngine(source, precision=precision)(crops)
    for name, value in engine(crops).items():
        np.testing.assert_allclose(value, in_torch[name], atol=1e-6)
        assert np.abs(value - reference(crops)[name]).max() <= parity.tolerances(done.spec, precision)[name]


def test_int8_is_validated_on_labelled_faces(source, tmp_path, monkeypatch):
    """The increase of the error on drawn faces is in the metadata; too large an increase is an error."""
    done = deploy.export(source, "onnx", "int8", (1,), Path("synthetic:40"), tmp_path / "q.onnx")
    assert set(done.spec.parity) == {"nme_float", "nme_int8", "sigma", "presence"}
    proto = onnx.load(tmp_path / "q.onnx")
    kinds = {output: node.op_type for node in proto.graph.node for output in node.output}
    quantised = {kinds[node.input[0]] for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    assert {"Conv", "Add"} <= quantised
    assert "Resize" not in {node.op_type for node in proto.graph.node}  # copies instead
    between = [node.name for node in proto.graph.node if node.op_type == "Relu"]
    assert all(name.startswith(int8.FLOAT_LAYERS) for name in between), between  # the others are their Conv's range
    props = {p.key: p.value for p in proto.metadata_props}
    assert json.loads(props[METADATA_KEY])["parity"] == done.spec.parity
    monkeypatch.setattr(int8, "INT8_NME", -100.0)
    with pytest.raises(ParityError, match="int8 and float"):
        deploy.export(source, "onnx", "int8", (1,), Path("synthetic:40"), tmp_path / "p.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["q.onnx"]


def doubling(nearest_mode="floor", more=(), outputs=("bytes",)):
    """Return a network of one doubling of quantised maps. more: nodes that read them, too. outputs: of the network."""
    helper = onnx.helper
    values = {"s": np.float32(0.5), "z": np.uint8(3), "sizes": np.array([1, 1, 2, 2], np.float32)}
    constants = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    resize = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": nearest_mode}
    nodes = [
        helper.make_node("DequantizeLinear", ["maps", "s", "z"], ["float"]),
        helper.make_node("Resize", ["float", "", "sizes"], ["twice"], "up", **resize),
        helper.make_node("QuantizeLinear", ["twice", "s", "z"], ["bytes"]),
        *more,
    ]
    kinds = {"maps": onnx.TensorProto.UINT8, "bytes": onnx.TensorProto.UINT8}
    maps, *shown = (
        helper.make_tensor_value_info(name, kinds.get(name, onnx.TensorProto.FLOAT), ["faces", 5, *size])
        for name, size in [("maps", (3, 4)), *((name, (6, 8)) for name in outputs)]
    )
    graph = helper.make_graph(nodes, "doubling", [maps], shown, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


MAPS = np.random.default_rng(0).integers(0, 256, (2, 5, 3, 4), dtype=np.uint8)


def run_on_maps(model):
    runtime = pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
    return runtime.InferenceSession(model.SerializeToString()).run(None, {"maps": MAPS})


def test_doubled_maps_of_bytes_are_copied_and_no_value_changes():
    """NumPy's repeat is the oracle."""
    after = int8.doubled_by_copies(doubling())
    assert "Resize" not in {node.op_type for node in after.graph.node}
    assert [item.name for item in after.graph.initializer] == ["up_wide", "up_tall"]
    np.testing.assert_array_equal(run_on_maps(after)[0], MAPS.repeat(2, axis=2).repeat(2, axis=3))


@pytest.mark.parametrize(
    "before",
    [
        doubling("ceil"),
        doubling(more=[onnx.helper.make_node("Neg", ["twice"], ["minus"])], outputs=("bytes", "minus")),
        doubling(more=[onnx.helper.make_node("Add", ["twice", "twice"], ["sum"])], outputs=("bytes", "sum")),
        doubling(outputs=("bytes", "twice")),
    ],
    ids=["no plain doubling", "a second reader", "a reader of both sides", "an output of the network"],
)
def test_a_doubling_that_cannot_be_copied_stays(before):
    after = int8.doubled_by_copies(copy.deepcopy(before))
    assert after == before
    run_on_maps(after)


def test_maps_that_something_else_reads_stay_beside_the_copies():
    """Two doublings of the same maps, and a reader of the maps themselves."""
    resize = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    again = [
        onnx.helper.make_node("Resize", ["float", "", "sizes"], ["twice2"], "up2", **resize),
        onnx.helper.make_node("QuantizeLinear", ["twice2", "s", "z"], ["bytes2"]),
        onnx.helper.make_node("DequantizeLinear", ["bytes2", "s", "z"], ["float2"]),
    ]
    after = int8.doubled_by_copies(doubling(more=again, outputs=("bytes", "float2")))
    kinds = [node.op_type for node in after.graph.node]
    assert ("Resize" in kinds, kinds.count("DequantizeLinear")) == (False, 1)  # that of the maps is no longer read
    doubled = MAPS.repeat(2, axis=2).repeat(2, axis=3)
    found = run_on_maps(after)
    np.testing.assert_array_equal(found[0], doubled)
    np.testing.assert_array_equal(found[1], (doubled.astype(np.float32) - 3) / 2)
    negative = onnx.helper.make_node("Resize", ["float", "", "sizes"], ["linear"], "up2", mode="linear")
    after = int8.doubled_by_copies(doubling(more=[negative], outputs=("bytes", "linear")))
    assert [node.op_type for node in after.graph.node].count("DequantizeLinear") == 1
    np.testing.assert_array_equal(run_on_maps(after)[0], doubled)


def test_the_command_takes_a_run_folder_and_prints_a_table(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["export", str(source.parent), "--engine", "onnx", "--batch", "1,2"])
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == [f"{source.parent.name}-fp32.onnx"]
    assert "ONNX Runtime, ms" in done.output
    assert "points: " in done.output


@pytest.mark.parametrize("batch", ["", "0", "1,two", "-1"])
def test_a_malformed_batch_is_refused(source, batch):
    done = CliRunner().invoke(app, ["export", str(source), "--engine", "onnx", "--batch", batch])
    assert isinstance(done.exception, FacetrackError)
    assert "expected whole numbers such as 1,2,4,8" in str(done.exception)


def need_openvino():
    """Skip without OpenVINO; it is not imported, which would send telemetry (`engine.openvino.need_openvino`)."""
    if find_spec("openvino") is None:
        pytest.skip("needs the extra openvino")
