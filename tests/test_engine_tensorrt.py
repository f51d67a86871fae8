"""What the TensorRT engine calls exists under those names, and what it leaves to others works without a GPU."""

import ast
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from facetrack.engine import tensorrt
from facetrack.engine.torch import item_shapes, open_module, unpacked
from facetrack.errors import ModelFileError
from facetrack.modelfile import bundled_path
from facetrain import parity
from facetrain.flat import Flat
from facetrain.half import check_types
from facetrain.parity import ParityError, check_built

SHAPE = (2, 64, 64, 3)
CALLS = {
    "dynamo.compile": ("dynamo/_compiler.py", "compile"),
    "save": ("_compile.py", "save"),
    "load": ("_compile.py", "load"),
    "runtime.set_cudagraphs_mode": ("runtime/_cudagraphs.py", "set_cudagraphs_mode"),
}


def our_calls():
    """{function of torch_tensorrt: (positional arguments, keywords)} as they stand in the engine's source."""
    found = {}
    for node in ast.walk(ast.parse(Path(tensorrt.__file__).read_text())):
        if isinstance(node, ast.Call) and re.fullmatch(r"self\._trt\.[\w.]+", ast.unparse(node.func)):
            keywords = {k.arg for k in node.keywords if k.arg} | (
                set(tensorrt.COMPILE) if any(k.arg is None for k in node.keywords) else set()
            )
            found[ast.unparse(node.func).removeprefix("self._trt.")] = (len(node.args), keywords)
    return found


def signature(source, name):
    """(positional names, all names) of a function, without importing it: the import needs TensorRT's libraries."""
    function = next(
        node for node in ast.parse(source.read_text()).body if isinstance(node, ast.FunctionDef) and node.name == name
    )
    positional = [a.arg for a in function.args.posonlyargs + function.args.args]
    return positional, {*positional, *(a.arg for a in function.args.kwonlyargs)}


def test_every_call_is_among_those_that_are_checked():
    calls = our_calls()
    assert set(calls) == set(CALLS)
    assert calls["dynamo.compile"] == (
        1, {"arg_inputs", "min_block_size", "require_full_compilation", "immutable_weights"},
    )  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_the_installed_torch_tensorrt_takes_what_it_is_given(call):
    found = find_spec("torch_tensorrt")
    if found is None or found.origin is None:
        pytest.skip("torch-tensorrt is not installed: the extra tensorrt")
    file, name = CALLS[call]
    positional, known = signature(Path(found.origin).parent / file, name)
    count, keywords = our_calls()[call]
    assert count <= len(positional)
    assert keywords <= known


@pytest.fixture(scope="module")
def built():
    """The appearance network in half, flattened as TensorRT gets it."""
    module, spec = open_module(bundled_path("appearance"), "fp16")
    names = list(spec.outputs)
    return Flat(module, names).eval(), module, spec, item_shapes(module, names, SHAPE)


def test_the_flat_network_says_the_same(built):
    flat, module, spec, items = built
    crops = parity.photograph_crops(spec, 2)
    with torch.inference_mode():
        said, true = unpacked(flat(crops.float()).numpy(), items), module(crops)
    assert items == {"embedding": (32,)}
    np.testing.assert_allclose(said["embedding"], true["embedding"].numpy(), atol=1e-6)


def test_all_five_outputs_lie_side_by_side():
    module, spec = open_module(bundled_path("landmarks68"))
    names = list(spec.outputs)
    items = item_shapes(module, names, (1, 112, 112, 3))
    assert items == {"points": (68, 2), "sigma": (68,), "presence": (), "attributes": (5,), "pose": (3,)}
    crops = parity.photograph_crops(spec, 2)
    with torch.inference_mode():
        said, true = unpacked(Flat(module, names)(crops).numpy(), items), module(crops)
    for name in names:
        np.testing.assert_allclose(said[name], true[name].numpy(), atol=1e-5)


def test_the_exported_program_has_the_types_that_were_asked_for(built):
    flat, module, _, _ = built
    program = torch.export.export(flat, (torch.zeros(SHAPE),))
    check_types(program, module)
    single, _ = open_module(bundled_path("appearance"))
    with pytest.raises(ModelFileError, match="exported 0 convolutions in half precision where the network has 9"):
        check_types(torch.export.export(Flat(single, ["embedding"]).eval(), (torch.zeros(SHAPE),)), module)


def test_what_was_built_wrongly_is_refused(built):
    flat, _, spec, items = built
    check_built(flat, flat, spec, items, SHAPE)
    check_built(flat, lambda crops: flat(crops) + 1e-4, spec, items, SHAPE)
    for wrong in (
        lambda crops: flat(crops) + 0.1,
        lambda crops: flat(crops).flip(0),
        lambda crops: flat(crops) * np.nan,
    ):
        with pytest.raises(ParityError, match="what was built"):
            check_built(flat, wrong, spec, items, SHAPE)


def test_its_name_is_its_own():
    """A module called torch or onnx inside the package must not hide the real ones."""
    assert "facetrack" not in str(sys.modules["torch"].__file__)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_tensorrt_says_what_torch_says(tmp_path, monkeypatch):
    pytest.importorskip("torch_tensorrt", reason="needs the extra tensorrt")
    from facetrack.engine import cache
    from facetrack.engine.tensorrt import TensorRtEngine

    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path)
    path = bundled_path("landmarks68")
    module, spec = open_module(path)
    engine = TensorRtEngine(path, sizes=(1, 4))
    found = parity.compare(module, engine, parity.photograph_crops(spec, 8), list(spec.outputs))
    parity.refuse_unless_within(found, parity.tolerances(spec, "fp16"), "TensorRT and torch")
