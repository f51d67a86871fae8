"""TensorRT engine without a GPU: calls against recorded signatures, everything else with a test double."""

import ast
import ctypes
import json
import pickle
import re
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch, of the extra train")

from facetrack.engine import cache, parity, tensorrt
from facetrack.engine.device import DeviceNetwork
from facetrack.engine.flat import Flat
from facetrack.engine.half_precision import check_types
from facetrack.engine.packing import item_shapes, unpacked
from facetrack.engine.parity import ParityError
from facetrack.engine.tensorrt import TensorRtEngine
from facetrack.engine.torch import open_module
from facetrack.errors import FacetrackError, ModelFileError
from facetrack.modelfile import ModelSpec, bundled_path
from facetrain.export import deploy
from places import REPOSITORY

pytestmark = pytest.mark.net

SHAPE = (2, 64, 64, 3)
CONVERT = "dynamo.convert_exported_program_to_serialized_trt_engine"
CALLS = {CONVERT: ("dynamo/_compiler.py", "convert_exported_program_to_serialized_trt_engine")}


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
    assert calls[CONVERT] == (
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
    """`enabled_precisions` was removed in 2.13; the function would accept and ignore it."""
    monkeypatch.setattr(tensorrt, "COMPILE", tensorrt.COMPILE | {"enabled_precisions": None})
    assert_takes(RECORDED["2.12.1"][CONVERT], CONVERT)
    with pytest.raises(AssertionError):
        assert_takes(RECORDED["2.13.0"][CONVERT], CONVERT)


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


def test_all_outputs_are_packed():
    module, spec = open_module(bundled_path("landmarks68"))
    names = list(spec.outputs)
    items = item_shapes(module, names, (1, 112, 112, 3))
    assert items == {
        "points": (68, 2), "sigma": (68,), "presence": (), "visibility": (68,), "rotation": (3, 3),
        "rotation_sigma": (3,), "attributes": (3,),
    }  # fmt: skip
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
    """Test double of torch_tensorrt and tensorrt: a serialized engine is the number of a program, run in torch.

    compiled: (batch shape, settings) of each build. offset: added to the outputs; later_offset: also to those of
    engines that were opened from a file.
    """

    class Logger:
        WARNING = 2

        def __init__(self, level):
            pass

    TensorIOMode = SimpleNamespace(INPUT="in", OUTPUT="out")

    def __init__(self):
        self.compiled, self.programs, self.opened, self.offset, self.later_offset = [], [], [], 0.0, 0.0
        self.dynamo = SimpleNamespace(convert_exported_program_to_serialized_trt_engine=self.convert)

    def convert(self, program, *, arg_inputs, **settings):
        self.compiled.append((tuple(arg_inputs[0].shape), settings))
        self.programs.append((program.module(), tuple(arg_inputs[0].shape)))
        return b"engine %d" % (len(self.programs) - 1)

    def Runtime(self, logger):  # noqa: N802  (TensorRT's name)
        return SimpleNamespace(deserialize_cuda_engine=self.open)

    def open(self, data):
        if not data.startswith(b"engine "):
            return None
        run, shape = self.programs[int(data.split()[1])]
        offset = self.offset + (self.later_offset if data in self.opened else 0.0)
        self.opened.append(data)
        addresses = {}

        def execute(stream):
            crops = view(addresses["crops"], shape)
            view(addresses["output0"], (shape[0], 32))[:] = (run(torch.from_numpy(crops.copy())) + offset).numpy()
            return True

        context = SimpleNamespace(set_tensor_address=addresses.__setitem__, execute_async_v3=execute)
        return SimpleNamespace(
            num_io_tensors=2, get_tensor_name=["crops", "output0"].__getitem__,
            get_tensor_mode={"crops": "in", "output0": "out"}.__getitem__,
            get_tensor_shape={"crops": shape, "output0": (shape[0], 32)}.__getitem__,
            create_execution_context=lambda: context,
        )  # fmt: skip


def view(address, shape):
    """Return the float32 array at an address."""
    return np.ctypeslib.as_array((ctypes.c_float * int(np.prod(shape))).from_address(address)).reshape(shape)


@pytest.fixture(scope="module")
def few_crops():
    return parity.photograph_crops(open_module(bundled_path("appearance"))[1], 5)


@pytest.fixture
def fake(monkeypatch, tmp_path, few_crops):
    """Replace torch_tensorrt by its test double and the GPU by the CPU."""
    fake = FakeTensorRt()
    monkeypatch.setattr(tensorrt, "need_torch_tensorrt", lambda: fake)
    monkeypatch.setattr(tensorrt, "need_tensorrt", lambda: fake)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=0))
    monkeypatch.setattr(tensorrt, "DEVICE", "cpu")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "none")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(parity, "photograph_crops", lambda spec: few_crops)
    return fake


def test_engines_are_built_once_for_each_size_and_record_their_parity(fake, tmp_path, caplog):
    make = lambda: TensorRtEngine(bundled_path("appearance"), "fp32", (1, 2))  # noqa: E731
    engine = make()
    assert [shape for shape, _ in fake.compiled] == [(1, 64, 64, 3), (2, 64, 64, 3)]
    assert fake.compiled[0][1] == {"min_block_size": 1, "require_full_compilation": True, "immutable_weights": True}
    logged = [record.args for record in caplog.records if record.name == tensorrt.__name__]
    assert logged == [("appearance", 1), ("appearance", 2)]  # a build takes minutes, so it is announced
    batch = np.stack([np.full((64, 64, 3), value, np.uint8) for value in (10, 20, 30)])
    network, _ = open_module(bundled_path("appearance"))
    with torch.inference_mode():
        np.testing.assert_allclose(engine(batch)["embedding"], network(torch.from_numpy(batch))["embedding"], atol=1e-5)
    files = sorted((tmp_path / "engines").iterdir())
    assert sorted(file.suffix for file in files) == [".engine", ".engine", ".json", ".json"]
    for file in files[1::2]:
        assert 0 <= ModelSpec.from_metadata(json.loads(file.read_text()), file).parity["embedding"] < 1e-4
    make()
    assert len(fake.compiled) == 2
    engine.discard()
    assert list((tmp_path / "engines").iterdir()) == []


def test_an_engine_is_loaded_only_as_it_was_written_here(fake, tmp_path):
    make = lambda: TensorRtEngine(bundled_path("appearance"), "fp32", (1,))  # noqa: E731
    make()
    file, beside = sorted((tmp_path / "engines").iterdir())
    for corrupt in (
        lambda: file.write_bytes(b"cut short"),
        lambda: file.write_bytes(b"engine 0 of somebody else"),
        lambda: file.write_bytes(pickle.dumps("x")),
        lambda: beside.unlink(),
        lambda: beside.write_text("{}"),
        lambda: file.chmod(0o666),
    ):
        before = len(fake.compiled)
        corrupt()
        make()
        assert len(fake.compiled) == before + 1
    make()
    assert len(fake.compiled) == before + 1


def test_a_program_with_other_outputs_is_not_cached(fake, tmp_path):
    fake.offset = 0.01
    with pytest.raises(ParityError, match="the TensorRT engine in fp32 and torch differ"):
        TensorRtEngine(bundled_path("appearance"), "fp32", (1,))
    assert list((tmp_path / "engines").iterdir()) == []


def test_an_export_that_disagrees_on_given_faces_is_removed(fake, tmp_path):
    """Engines that were opened from their files have other outputs than torch; those just built do not."""
    fake.later_offset = 0.01
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
