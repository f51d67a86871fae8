"""Damaged networks, and the reading of a face by those that open."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facetrack import topology
from facetrack.engine.onnx import OnnxEngine
from facetrack.geometry import CropBox
from facetrack.landmarker import Landmarker
from facetrack.modelfile import METADATA_KEY, ModelSpec
from facetrain.evaluation.damage.bytes import Rng, damage

SIDE_PX = 32
SPEC = ModelSpec(
    "whole", "landmarks", SIDE_PX, 0.0, 1.0, topology.SCHEME, dict.fromkeys(("points", "sigma", "presence"), ""), [],
    "", "", margin=1.3,
)  # fmt: skip
HOSTILE: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**9, -(10**30), 1e308, float("nan"), float("inf"), "", "x" * 10_000, "../../etc", [], {},
    [1], {"a": 1}, {"points": None}, [[]], "landmarks", "detector", "appearance",
)  # fmt: skip
OUTPUTS = ("points", "sigma", "presence")


def write_case(rng: Rng, folder: Path) -> tuple[str, Path]:
    """Write one damaged network; return its description and path."""
    path = folder / "network.onnx"
    kinds = (_with_metadata, _with_outputs, _with_external_data, _with_bytes, _with_inputs)
    name, data = kinds[int(rng.choice(len(kinds), p=[0.4, 0.25, 0.05, 0.2, 0.1]))](rng)
    path.write_bytes(data)
    return name, path


def read_case(path: Path) -> None:
    """Open the network and read a crop. Raises AssertionError where what is no number passes for a face."""
    landmarker = Landmarker(OnnxEngine(path))
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for reading in landmarker(image, [CropBox(30, 20, 40)] * 3):
        assert 0 <= reading.presence <= 1, "a presence beyond 0..1"
        assert reading.landmarks.points.shape == (topology.N_POINTS, 2), "another number of points"
        assert np.isfinite(reading.landmarks.points).all() or reading.presence == 0, "a face that is no number"


def whole(
    outputs: Callable[[str], np.ndarray] | None = None, metadata: str | None = None, names: tuple[str, ...] = OUTPUTS,
    input_type: int = TensorProto.UINT8, input_shape: tuple[Any, ...] = ("n", SIDE_PX, SIDE_PX, 3), inputs: int = 1,
) -> onnx.ModelProto:  # fmt: skip
    """Build a network whose outputs are constants, plus 0 times the mean of the picture.

    outputs: name -> (1, ..) constant. metadata: JSON text.
    """
    value = outputs or _usual
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)]
    nodes.append(helper.make_node("ReduceMean", ["f"], ["m"], axes=[1, 2, 3], keepdims=0))
    nodes.append(helper.make_node("Mul", ["m", "zero"], ["z"]))
    constants = [numpy_helper.from_array(np.zeros(1, np.float32), "zero")]
    for name in names:
        constant = value(name)
        shape = np.array([-1, *[1] * (constant.ndim - 1)], np.int64)
        constants += [numpy_helper.from_array(constant, f"c_{name}"), numpy_helper.from_array(shape, f"s_{name}")]
        nodes.append(helper.make_node("Reshape", ["z", f"s_{name}"], [f"z_{name}"]))
        nodes.append(helper.make_node("Add", [f"z_{name}", f"c_{name}"], [name]))
    graph = helper.make_graph(
        nodes, "whole",
        [helper.make_tensor_value_info(f"x{i or ''}", input_type, list(input_shape)) for i in range(inputs)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, SPEC.to_metadata() if metadata is None else {METADATA_KEY: metadata})
    return model


def _usual(name: str) -> np.ndarray:
    shapes = {"points": (1, topology.N_POINTS, 2), "sigma": (1, topology.N_POINTS), "presence": (1,)}
    return np.full(shapes.get(name, (1, 3)), 5.0, np.float32)


def _with_metadata(rng: Rng) -> tuple[str, bytes]:
    """Write one field of another type, range or gone; or a text that is no object at all."""
    if rng.random() < 0.25:
        text = str(rng.choice(["", "null", "3", "[]", '"x"', "{", "[" * 100_000, '{"a":' * 5000, "\0", "NaN"]))
        return f"metadata {text[:8]!r}", whole(metadata=text).SerializeToString()
    values: dict[str, Any] = asdict(SPEC)
    field = str(rng.choice(list(values)))
    hostile = HOSTILE[int(rng.integers(len(HOSTILE)))]
    if rng.random() < 0.15:
        del values[field]
        hostile = "gone"
    else:
        values[field] = hostile
    return f"{field} {str(hostile)[:12]}", whole(metadata=json.dumps(values)).SerializeToString()


def _with_outputs(rng: Rng) -> tuple[str, bytes]:
    """Write outputs missing, of other names or shapes, or not numbers."""
    chosen, how = str(rng.choice(OUTPUTS)), int(rng.integers(5))
    names = tuple(name for name in OUTPUTS if name != chosen) if how == 0 else OUTPUTS
    names = tuple("other" if name == chosen else name for name in names) if how == 1 else names
    shape = tuple(rng.integers(1, 70, int(rng.integers(1, 4))).tolist())
    worst = float(rng.choice([np.nan, np.inf, -np.inf, 1e38]))

    def value(name: str) -> np.ndarray:
        if name != chosen or how < 2:
            return _usual(name)
        return np.full(shape, 5.0, np.float32) if how == 2 else np.full(_usual(name).shape, worst, np.float32)

    said = ("missing", "renamed", f"shape {shape}", f"{worst}", f"{worst}")[how]
    return f"output {chosen} {said}", whole(value, names=names).SerializeToString()


def _with_external_data(rng: Rng) -> tuple[str, bytes]:
    """Write weights in another file, which they say is 2 GB long, or which is a device."""
    model = whole()
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.dims[:] = [1, 500_000_000]
    for key, text in (("location", str(rng.choice(["weights.bin", "/dev/zero"]))), ("length", "2000000000")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, text
    return "external data", model.SerializeToString()


def _with_bytes(rng: Rng) -> tuple[str, bytes]:
    kind, data = damage(whole().SerializeToString(), rng)
    return kind, data


def _with_inputs(rng: Rng) -> tuple[str, bytes]:
    """Write an input of another type, a fixed batch, another layout, or two inputs."""
    how = int(rng.integers(4))
    every: list[dict[str, Any]] = [
        {"input_type": TensorProto.FLOAT}, {"input_shape": (2, SIDE_PX, SIDE_PX, 3)},
        {"input_shape": ("n", 3, SIDE_PX, SIDE_PX)}, {"inputs": 2},
    ]  # fmt: skip
    changes = every[how]
    return f"input {next(iter(changes))}", whole(**changes).SerializeToString()
