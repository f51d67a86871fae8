"""TensorRT engine without a GPU: calls against recorded signatures, everything else with a test double."""

import ast
import json
import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facetrack.engine import cache, parity, tensorrt
from facetrack.engine.device import DeviceNetwork
from facetrack.engine.flat import Flat
from facetrack.engine.half_precision import check_types
from facetrack.engine.packing import item_shapes, unpacked
from facetrack.engine.parity import ParityError
from facetrack.engine.tensorrt import TensorRtEngine
from facetrack.engine.torch import EXTRA_FILE, open_module, spec_in
from facetrack.errors import FacetrackError, ModelFileError
from facetrack.geometry import CropBox
from facetrack.modelfile import bundled_path
from facetrain.export import deploy
from places import REPOSITORY

pytestmark = pytest.mark.net

SHAPE = (2, 64, 64, 3)
CALLS = {
    "dynamo.compile": ("dynamo/_compiler.py", "compile"),
    "save": ("_compile.py", "save"),
    "load": ("_compile.py", "load"),
    "runtime.set_cudagraphs_mode": ("runtime/_cudagraphs.py", "set_cudagraphs_mode"),
}


def our_calls():
    """Return {function of torch_tensorrt: (positional arguments, keywords)} of the calls in the engine's source."""
    calls = {}
    for node in ast.walk(ast.parse(Path(tensorrt.__file__).read_text())):
        if isinstance(node, ast.Call) and re.fullmatch(r"self\._trt\.[\w.]+", ast.unparse(node.func)):
            keywords = {k.arg for k in node.keywords if k.arg} | (
                set(tensorrt.COMPILE) if any(k.arg is None for k in node.keywords) else set()
            )
            calls[ast.unparse(node.func).removeprefix("self._trt.")] = (len(node.args), keywords)
    return calls


def signature(source, name):
    """Return a function's {"positional": names, "keywords": names} from its source: importing it needs TensorRT."""
    function = next(
        node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == name
    )
    arguments = function.args
    return {
        "positional": [a.arg for a in arguments.posonlyargs + arguments.args],
        "keywords": [a.arg for a in arguments.kwonlyargs],
    }


RECORDED = json.loads((REPOSITORY / "tests" / "support" / "torch_tensorrt_signatures.json").read_text())
"""{version: {function: signature}}, read from the wheels with `signature`."""


def assert_takes(known, call):
    count, keywords = our_calls()[call]
    assert count <= len(known["positional"])
    assert keywords <= {*known["positional"][count:], *known["keywords"]}


def test_every_call_is_among_those_that_are_checked():
    calls = our_calls()
    assert set(calls) == set(CALLS)
    assert calls["dynamo.compile"] == (
        1, {"arg_inputs", "min_block_size", "require_full_compilation", "immutable_weights"},
    )  # fmt: skip


def test_every_version_that_the_extra_allows_is_recorded():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    required = next(word for word in project["optional-dependencies"]["tensorrt"] if word.startswith("torch-tensorrt"))
    lowest, highest = (int(minor) for minor in re.fullmatch(r"torch-tensorrt>=2\.(\d+),<2\.(\d+)", required).groups())
    assert [version.rpartition(".")[0] for version in RECORDED] == [f"2.{minor}" for minor in range(lowest, highest)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("version", RECORDED)
def test_every_recorded_torch_tensorrt_takes_what_it_is_given(version, call):
    assert_takes(RECORDED[version][call], call)


@pytest.mark.parametrize("call", CALLS)
def test_the_installed_torch_tensorrt_takes_what_it_is_given(call):
    package = find_spec("torch_tensorrt")
    if package is None or package.origin is None:
        pytest.skip("torch-tensorrt is not installed: the extra tensorrt")
    file, name = CALLS[call]
    assert_takes(signature(Path(package.origin).parent / file, name), call)


def test_a_removed_name_is_detected(monkeypatch):
    """`enabled_precisions` was removed in 2.13; `compile` would accept and ignore it."""
    monkeypatch.setattr(tensorrt, "COMPILE", tensorrt.COMPILE | {"enabled_precisions": None})
    assert_takes(RECORDED["2.12.1"]["dynamo.compile"], "dynamo.compile")
    with pytest.raises(AssertionError):
        assert_takes(RECORDED["2.13.0"]["dynamo.compile"], "dynamo.compile")


@pytest.fixture(scope="module")
def built():
    """Return the appearance network in half precision, wrapped for TensorRT."""
    module, spec = open_module(bundled_path("appearance"), "fp16")
    names = list(spec.outputs)
    return Flat(module, names).eval(), module, spec, item_shapes(module, names, SHAPE)


def test_the_flat_network_predicts_the_same(built):
    flat, module, spec, items = built
    crops = parity.photograph_crops(spec, 2)
    with torch.inference_mode():
        actual, expected = unpacked(flat(crops.float()).numpy(), items), module(crops)
    assert items == {"embedding": (32,)}
    np.testing.assert_allclose(actual["embedding"], expected["embedding"].numpy(), atol=1e-6)


def test_all_five_outputs_are_packed():
    module, spec = open_module(bundled_path("landmarks68"))
    names = list(spec.outputs)
    items = item_shapes(module, names, (1, 112, 112, 3))
    assert items == {"points": (68, 2), "sigma": (68,), "presence": (), "attributes": (5,), "pose": (3,)}
    crops = parity.photograph_crops(spec, 2)
    with torch.inference_mode():
        actual, expected = unpacked(Flat(module, names)(crops).numpy(), items), module(crops)
    for name in names:
        np.testing.assert_allclose(actual[name], expected[name].numpy(), atol=1e-5)


def test_the_exported_program_has_the_requested_types(built):
    flat, module, _, _ = built
    program = torch.export.export(flat, (torch.zeros(SHAPE),))
    check_types(program, module)
    single, _ = open_module(bundled_path("appearance"))
    with pytest.raises(ModelFileError, match="exported 0 convolutions in half precision where the network has 9"):
        check_types(torch.export.export(Flat(single, ["embedding"]).eval(), (torch.zeros(SHAPE),)), module)


def test_a_program_with_wrong_outputs_is_refused(built):
    """The engine pads every batch to one size."""
    flat, _, spec, items = built
    network, crops = open_module(bundled_path("appearance"))[0], parity.photograph_crops(spec, 4)

    def engine(run):
        return DeviceNetwork(lambda shape: lambda crops: run(crops.float()), lambda shape: items, 64, "cpu", (2,))

    measured = parity.with_measured_parity(network, engine(flat), crops, spec, "fp16", "it")
    assert 0 < measured.parity["embedding"] < 0.01
    for wrong in (
        lambda crops: flat(crops) + 0.1,
        lambda crops: flat(crops).flip(0),
        lambda crops: flat(crops) * np.nan,
    ):
        with pytest.raises(ParityError, match="it in fp16 and torch differ"):
            parity.with_measured_parity(network, engine(wrong), crops, spec, "fp16", "it")


class FakeTensorRt:
    """Test double of torch_tensorrt: runs programs in torch, writes and reads torch's files.

    compiled: (batch shape, settings) of each call. offset: added to the outputs.
    """

    def __init__(self):
        self.compiled, self.graphs, self.offset = [], [], 0.0
        self.runtime = SimpleNamespace(set_cudagraphs_mode=self.graphs.append)
        self.dynamo = SimpleNamespace(compile=self.compile)

    def compile(self, program, *, arg_inputs, **settings):
        self.compiled.append((tuple(arg_inputs[0].shape), settings))
        run, offset = program.module(), self.offset
        return lambda crops: run(crops) + offset

    def save(self, module, path, *, extra_files, output_format, arg_inputs):
        assert output_format == "exported_program"

        class Whole(torch.nn.Module):
            def forward(self, crops):
                return crops.mean(dim=(1, 2, 3))[:, None].expand(-1, 32)

        torch.export.save(torch.export.export(Whole(), tuple(arg_inputs)), path, extra_files=extra_files)

    def load(self, path, extra_files):
        return torch.export.load(path, extra_files=extra_files)


@pytest.fixture(scope="module")
def few_crops():
    return parity.photograph_crops(open_module(bundled_path("appearance"))[1], 5)


@pytest.fixture
def fake(monkeypatch, tmp_path, few_crops):
    """Replace torch_tensorrt by its test double and the GPU by the CPU."""
    fake = FakeTensorRt()
    monkeypatch.setattr(tensorrt, "need_torch_tensorrt", lambda: fake)
    monkeypatch.setattr(tensorrt, "DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "none")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(parity, "photograph_crops", lambda spec: few_crops)
    return fake


def test_programs_are_built_once_for_each_size_and_record_their_parity(fake, tmp_path, caplog):
    make = lambda: TensorRtEngine(bundled_path("appearance"), "fp32", (1, 2))  # noqa: E731
    engine = make()
    assert [shape for shape, _ in fake.compiled] == [(1, 64, 64, 3), (2, 64, 64, 3)]
    assert fake.compiled[0][1] == {"min_block_size": 1, "require_full_compilation": True, "immutable_weights": True}
    assert fake.graphs == [True]
    logged = [record.args for record in caplog.records if record.name == tensorrt.__name__]
    assert logged == [("appearance", 1), ("appearance", 2)]  # a build takes minutes, so it is announced
    batch = np.stack([np.full((64, 64, 3), value, np.uint8) for value in (10, 20, 30)])
    np.testing.assert_allclose(engine(batch)["embedding"][:, 5], [10, 20, 30])  # the engine runs the file of `save`
    crops = [CropBox(20, 20, 8), CropBox(200, 20, 8)]
    embeddings = engine.from_frame(np.full((64, 64, 3), 40, np.uint8), crops)["embedding"]
    np.testing.assert_allclose(embeddings[:, 0], [40, 0])
    files = sorted((tmp_path / "engines").iterdir())
    assert len(files) == 2
    for file in files:
        extra_files = {EXTRA_FILE: ""}
        torch.export.load(file, extra_files=extra_files)
        assert 0 <= spec_in(extra_files, file).parity["embedding"] < 1e-4
    make()
    assert len(fake.compiled) == 2
    files[0].write_bytes(b"cut short")
    make()
    assert len(fake.compiled) == 3
    engine.discard()
    assert list((tmp_path / "engines").iterdir()) == []


def test_a_program_with_other_outputs_is_not_cached(fake, tmp_path):
    fake.offset = 0.01
    with pytest.raises(ParityError, match="the TensorRT program in fp32 and torch differ"):
        TensorRtEngine(bundled_path("appearance"), "fp32", (1,))
    assert list((tmp_path / "engines").iterdir()) == []


def test_an_export_that_disagrees_on_given_faces_is_removed(fake, tmp_path):
    """The fake's files have other outputs than torch; the programs compared before they were written did not."""
    with pytest.raises(ParityError, match="tensorrt in fp32 and torch differ"):
        deploy.export(bundled_path("appearance"), "tensorrt", "fp32", (1,), None, tmp_path / "x")
    assert list((tmp_path / "engines").iterdir()) == []


def test_a_detector_is_not_built(fake, tmp_path):
    with pytest.raises(FacetrackError, match="images of any size"):
        deploy.export(bundled_path("detector"), "tensorrt", "fp16", (1,), None, tmp_path / "x")
    with pytest.raises(ModelFileError, match="one crop size"):
        TensorRtEngine(bundled_path("detector"))
    assert fake.compiled == []


def test_modules_of_the_package_do_not_hide_others():
    """A module called torch or onnx inside the package must not hide the real ones."""
    assert "facetrack" not in str(sys.modules["torch"].__file__)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensorrt_agrees_with_torch(tmp_path, monkeypatch):
    pytest.importorskip("torch_tensorrt", reason="needs the extra tensorrt")
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    path = bundled_path("landmarks68")
    module, spec = open_module(path)
    engine = TensorRtEngine(path, sizes=(1, 4))
    differences = parity.compare(module, engine, parity.photograph_crops(spec, 8), list(spec.outputs))
    parity.check_tolerance(differences, parity.tolerances(spec, "fp16"), "TensorRT and torch")
