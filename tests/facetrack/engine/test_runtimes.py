"""Parity of every runtime with torch, on the same real crops, in batches of any size."""

import pickle
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx, of the extra train")
torch = pytest.importorskip("torch", reason="needs torch, of the extra train")

from facetrack.engine import parity
from facetrack.engine.choice import open_engine
from facetrack.engine.half_precision import count_convolution_types, half_convolutions
from facetrack.engine.onnx import OnnxEngine
from facetrack.engine.torch import TorchEngine, open_module
from facetrack.errors import DataError, FacetrackError, MissingExtraError, ModelFileError
from facetrack.modelfile import ModelSpec, bundled_path
from facetrain.export.load import open_network

pytestmark = pytest.mark.net

CROPS = 8
TOLERANCE = 1e-3


@pytest.fixture(scope="module", params=["landmarks68", "appearance", "detector", "eyes"])
def network(request):
    """Return (path, torch's outputs on real crops, the crops)."""
    path = bundled_path(request.param)
    module, spec = open_module(path)
    crops = parity.photograph_crops(spec, CROPS)
    with torch.inference_mode():
        outputs = module(crops)
    return path, {name: outputs[name].numpy() for name in spec.outputs}, crops.numpy()


@pytest.mark.parametrize("engine", ["onnx", "openvino", "torch"])
def test_a_runtime_agrees_with_torch(network, engine):
    if engine == "openvino":
        skip_without_openvino()
    path, reference, crops = network
    run = open_engine(path, engine)
    assert run.spec == OnnxEngine(path).spec
    points_by_size = {}
    for size in (1, 2, 3, 5, 8):
        actual = run(crops[:size])
        points_by_size[size] = actual.get("points")
        assert list(actual) == list(reference)
        for name, value in actual.items():
            assert value.dtype == np.float32
            message = f"{name}, batch of {size}"
            np.testing.assert_allclose(value, reference[name][:size], atol=TOLERANCE, err_msg=message)
    if points_by_size[1] is not None:  # the outputs of an earlier call are not overwritten by a later one
        np.testing.assert_allclose(points_by_size[1], reference["points"][:1], atol=TOLERANCE)


def test_a_view_of_a_larger_buffer_is_read_correctly(network):
    """The landmarker passes the first rows of its own buffer."""
    path, reference, crops = network
    buffer = np.concatenate([crops, crops])
    for engine in ("onnx", "openvino", "torch"):
        if engine == "openvino":
            skip_without_openvino()
        actual = open_engine(path, engine)(buffer[3:6])
        for name, value in actual.items():
            np.testing.assert_allclose(value, reference[name][3:6], atol=TOLERANCE)


def test_half_precision_stays_within_a_tenth_of_a_pixel(network):
    path, reference, crops = network
    crops = crops[:2]  # half precision is slow on a CPU
    engine = TorchEngine(path, precision="fp16")
    allowed = parity.tolerances(engine.spec, "fp16")
    assert allowed.get("points", 0.1) == pytest.approx(0.1)
    for name, value in engine(crops).items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, reference[name][:2], atol=allowed[name], err_msg=name)
        assert np.abs(value - reference[name][:2]).max() > 0  # it did compute in half precision


def test_normed_convolutions_alone_are_in_half():
    module, spec = open_module(bundled_path("appearance"), "fp16")
    program = torch.export.export(module, (parity.photograph_crops(spec, 2),))
    # Four that halve the resolution, two in each of two residual blocks, one that mixes channels: nine in
    # `models.appearance`.
    assert count_convolution_types(program) == {torch.float16: 9}


def test_half_precision_leaves_the_network_as_it_was():
    module, spec = open_module(bundled_path("appearance"))
    crops = parity.photograph_crops(spec, 2)
    with torch.inference_mode():
        before = module(crops)["embedding"]
        half_convolutions(module)
        assert torch.equal(module(crops)["embedding"], before)


def test_photograph_crops_show_the_face():
    """The landmarker finds a face in every crop, and the crops are jittered."""
    engine = OnnxEngine(bundled_path("landmarks68"))
    actual = engine(parity.photograph_crops(engine.spec).numpy())
    assert actual["presence"].min() > 0
    assert np.ptp(actual["points"].mean(axis=1), axis=0).min() > 10  # shifted: not one crop 64 times


def test_a_network_of_another_kind_has_no_torch_module(tmp_path):
    spec = ModelSpec("seed", "expression", 64, 0, 1, "", {"logits": ""}, [], "", "")
    with pytest.raises(ModelFileError, match="expected one that the tracker runs"):
        open_network(tmp_path / "x.onnx", spec)


def test_a_changed_network_has_no_torch_module(tmp_path):
    """Weights are loaded by name; renamed ones cannot be."""
    proto = onnx.load(bundled_path("landmarks68"))
    for item in proto.graph.initializer:
        for node in proto.graph.node:
            node.input[:] = [f"w_{name}" if name == item.name else name for name in node.input]
        item.name = f"w_{item.name}"
    path = tmp_path / "renamed.onnx"
    onnx.save(proto, path)
    with pytest.raises((ModelFileError, DataError), match="weights as they were trained"):
        open_engine(path, "torch")


@pytest.mark.parametrize(
    ("engine", "module", "extra"),
    [("openvino", "openvino", "openvino"), ("torch", "torch", "train"), ("tensorrt", "torch_tensorrt", "tensorrt")],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, engine, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"facetrack\[{extra}\]") as caught:
        open_engine(bundled_path("landmarks68"), engine)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_reported():
    with pytest.raises(MissingExtraError, match="finds no NVIDIA GPU"):
        open_engine(bundled_path("landmarks68"), "torch", provider="cuda")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_this_onnx_runtime_lacks_is_reported(provider):
    import onnxruntime

    if len(onnxruntime.get_available_providers()) > 2:
        pytest.skip("this ONNX Runtime has providers for GPUs")
    with pytest.raises(MissingExtraError, match="onnxruntime-gpu"):
        open_engine(bundled_path("landmarks68"), "onnx", provider=provider)


def test_a_provider_that_does_not_start_is_reported(monkeypatch):
    """A GPU build on a machine without its libraries: ONNX Runtime silently falls back to the CPU."""
    import onnxruntime

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    with pytest.raises(MissingExtraError, match="has only CPUExecutionProvider"):
        open_engine(bundled_path("landmarks68"), "onnx", provider="cuda")


@pytest.mark.parametrize(
    ("engine", "provider", "message"),
    [
        ("tflite", "cpu", "`engine` is 'tflite'; expected auto, onnx, openvino, torch, tensorrt"),
        ("onnx", "rocm", "`provider` is 'rocm'; expected cpu or cuda or tensorrt with `engine` onnx"),
        ("openvino", "cuda", "`provider` is 'cuda'; expected cpu with `engine` openvino"),
        ("torch", "tensorrt", "expected cpu or cuda with `engine` torch"),
    ],
)
def test_unknown_names_are_refused(engine, provider, message):
    with pytest.raises(FacetrackError, match=message):
        open_engine(bundled_path("landmarks68"), engine, provider=provider)


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_what_is_no_network_is_refused(tmp_path, engine):
    if engine == "openvino":
        skip_without_openvino()
    for name, content, message in (
        ("text.onnx", "hello", "open"),
        ("text.xml" if engine == "openvino" else "text.safetensors", "hello", "OpenVINO|no file of weights"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ModelFileError, match=message):
            open_engine(tmp_path / name, engine)
    with pytest.raises(ModelFileError, match="no such model file"):
        open_engine(tmp_path / "missing.onnx", engine)


class Evil:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("engine", ["auto", "torch", "onnx", "openvino"])
@pytest.mark.parametrize("name", ["x.pt2", "x.pt", "x.pth", "x.onnx", "x.safetensors"])
def test_no_file_given_as_a_network_is_unpickled(tmp_path, engine, name):
    """Neither torch's own archive nor a bare pickle; a program saved by torch is no network here."""
    if engine == "openvino":
        skip_without_openvino()
    for write in (lambda: torch.save(Evil(tmp_path / "evil"), tmp_path / name), lambda: _save_program(tmp_path / name)):
        write()
        with pytest.raises(FacetrackError):
            open_engine(tmp_path / name, engine)
        assert not (tmp_path / "evil").exists()


def _save_program(path):
    """Write a .pt2 whose weights are replaced by a pickle that writes a file."""
    program = path.with_name("program.pt2")
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),)), program)
    evil = pickle.dumps(Evil(path.with_name("evil")))
    with zipfile.ZipFile(program) as archive, zipfile.ZipFile(path, "w") as changed:
        for item in archive.namelist():
            data = archive.read(item)
            changed.writestr(item, evil if item.endswith((".pt", "weight", "bias")) else data)


def test_one_thread_and_no_spinning(monkeypatch):
    """Session options: worker threads that spin keep whole cores busy between two frames."""
    import onnxruntime

    logged = []
    session = onnxruntime.InferenceSession

    def watched(path, options, providers):
        logged.append(
            (options.intra_op_num_threads, options.get_session_config_entry("session.intra_op.allow_spinning"))
        )
        return session(path, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", watched)
    OnnxEngine(bundled_path("appearance"))
    OnnxEngine(bundled_path("appearance"), threads=2)
    assert logged == [(1, "0"), (2, "0")]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_cuda_graphs_agree_with_torch(network):
    path, reference, crops = network
    run = TorchEngine(path, device="cuda")
    for size in (1, 2, 3, 5, 8):
        for name, value in run(crops[:size]).items():
            np.testing.assert_allclose(value, reference[name][:size], atol=1e-2, err_msg=name)  # cuDNN may use TF32


def skip_without_openvino():
    """Skip without the package; not by importing it, which sends telemetry (`engine.openvino.need_openvino`)."""
    if find_spec("openvino") is None:
        pytest.skip("needs the extra openvino")


def test_torch_engines_of_one_process_keep_their_own_threads():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    try:
        single, double = (open_engine(bundled_path("appearance"), "torch", threads) for threads in (1, 2))
        crop = np.zeros((1, single.spec.input_px, single.spec.input_px, 3), np.uint8)
        for engine, threads in ((single, 1), (double, 2), (single, 1)):
            engine(crop)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
