"""Networks that are not what their metadata says are refused when they are opened, each in a sentence."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx, of the extra train")

from facetrack.engine import MAX_THREADS
from facetrack.engine.onnx import OnnxEngine
from facetrack.errors import FacetrackError, ModelFileError
from facetrack.modelfile import check_file
from facetrain.evaluation.damage.networks import SPEC, whole

TensorProto = onnx.TensorProto


def save(path: Path, **changes: Any) -> Path:
    onnx.save(whole(**changes), path)
    return path


def constant(**odd: np.ndarray):
    """Return the usual outputs, except for some."""

    def value(name: str) -> np.ndarray:
        shapes = {"points": (1, 68, 2), "sigma": (1, 68), "presence": (1,)}
        return odd[name] if name in odd else np.full(shapes[name], 5.0, np.float32)

    return value


def test_the_undamaged_network_opens(tmp_path: Path) -> None:
    outputs = OnnxEngine(save(tmp_path / "n.onnx"))(np.zeros((3, 32, 32, 3), np.uint8))
    assert {name: value.shape for name, value in outputs.items()} == {
        "points": (3, 68, 2), "sigma": (3, 68), "presence": (3,)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"input_px": 0}, r"input_px is '0'; expected a side of 8 to 2048 px, or null"),
        ({"input_px": "32"}, r"input_px is '32'"),
        ({"input_px": True}, r"input_px is 'True'"),
        ({"input_px": 10**9}, r"input_px is '1000000000'"),
        ({"scale": 0}, r"scale is '0'"),
        ({"mean": None}, r"mean is 'None'"),
        ({"margin": float("nan")}, r"margin is 'nan'; expected a number, 0\.1 to 10"),
        ({"outputs": ["points"]}, r"outputs is .*expected an object of texts"),
        ({"data": "helen"}, r"data is 'helen'; expected a list of texts"),
        ({"name": 3}, r"name is '3'; expected a text"),
        ({"format": "1"}, r"format is '1'"),
        ({"format": 2}, r"format 2, .*upgrade"),
        ({"outputs": {"points": "", "gaze": ""}}, r"has the outputs .*; its metadata promises \['gaze', 'points'\]"),
        ({"outputs": {}}, r"its metadata promises \[\]"),
    ],
)
def test_wrong_metadata_is_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = save(tmp_path / "n.onnx", metadata=json.dumps(asdict(SPEC) | changes))
    with pytest.raises(ModelFileError, match=words):
        OnnxEngine(path)


@pytest.mark.parametrize("text", ["", "3", "[]", "null", '"x"', "[" * 100_000, '{"name": "x"}'])
def test_metadata_that_is_no_object_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelFileError, match="its facetrack metadata cannot be read"):
        OnnxEngine(save(tmp_path / "n.onnx", metadata=text))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outputs": constant(points=np.zeros((1, 5, 2), np.float32))}, r"'points' has the shape \(1, 5, 2\) for 1"),
        ({"outputs": constant(presence=np.zeros((1, 2), np.float32))}, r"'presence' has the shape"),
        ({"outputs": constant(sigma=np.zeros(7, np.float32))}, r"'sigma' has the shape"),
        ({"outputs": constant(presence=np.full(1, np.nan, np.float32))}, r"'presence' is float32, not all .* finite"),
        ({"input_type": TensorProto.FLOAT}, r"does not run on 1x32x32x3 bytes"),
        ({"input_shape": (2, 32, 32, 3)}, r"does not run on 1x32x32x3 bytes"),
        ({"input_shape": ("n", 3, 32, 32)}, r"does not run on"),
        ({"inputs": 2}, r"has 2 inputs; expected one"),
    ],
)
def test_a_network_that_does_not_do_as_it_says_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        OnnxEngine(save(tmp_path / "n.onnx", **changes))


@pytest.mark.parametrize(
    ("name", "shape"), [("rotation", (1, 3, 2)), ("rotation_sigma", (1, 2)), ("eyes", (1, 2, 27)), ("eyes", (1, 28))]
)
def test_rotations_and_eyes_of_another_shape_are_refused(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    metadata = json.dumps(asdict(SPEC) | {"outputs": {name: ""}})
    odd = {"metadata": metadata, "names": (name,), "outputs": constant(**{name: np.zeros(shape, np.float32)})}
    with pytest.raises(ModelFileError, match=f"'{name}' has the shape"):
        OnnxEngine(save(tmp_path / "n.onnx", **odd))


def test_weights_in_other_files_are_refused_before_they_take_memory(tmp_path: Path) -> None:
    model = whole()
    onnx.save(model, tmp_path / "n.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (tmp_path / "weights.bin").is_file()
    with pytest.raises(ModelFileError, match="keeps weights in other files"):
        OnnxEngine(tmp_path / "n.onnx")


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "n.onnx").open("wb") as file:
        file.truncate(600_000_000)  # a hole on the disk
    with pytest.raises(ModelFileError, match=r"has 600 MB; expected a network of 500 at most"):
        check_file(tmp_path / "n.onnx")


@pytest.mark.parametrize("threads", [0, -1, MAX_THREADS + 1, 9999])
def test_an_impossible_number_of_threads_starts_none(tmp_path: Path, threads: int) -> None:
    with pytest.raises(FacetrackError, match=f"threads is {threads}; expected 1 to 64"):
        OnnxEngine(save(tmp_path / "n.onnx"), threads)
