"""A run's state on disk. Nothing is ever unpickled: torch's weights_only reader and safetensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facetrack.errors import DataError

Fit = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write beside the old one, then replace it: a kill in between loses one epoch at most."""
    beside = path.with_name(path.name + ".new")
    torch.save(state, beside)
    beside.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Raises DataError where the file is no checkpoint."""
    try:
        with warnings.catch_warnings(action="ignore"):  # torch remarks on a stranger's pickle before refusing it
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file fails in many ways, none of them worth telling apart
        raise DataError(
            f"{path} is not a checkpoint of facetrack ({type(error).__name__}); delete it or choose a new --out"
        ) from error


def save_weights(model: nn.Module, path: Path) -> None:
    """The network's parameters and buffers as safetensors."""
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def load_weights(model: nn.Module, path: Path, without: str = "", fit: Fit | None = None) -> None:
    """Fill `model` from a run's model.safetensors or from a network that facetrain exported (.onnx).

    without: the beginning of names in the file that `model` does not have, such as those of heads put on it later.
    fit: what makes a relative's weights fill `model`, such as `models.growth.fitted`.
    Raises DataError for another network's file, and names the first difference.
    """
    state = read_weights(path)
    if without:
        state = {name: value for name, value in state.items() if not name.startswith(without)}
    if fit is not None:
        state = fit(state, model)
    ours = model.state_dict()
    # Batch norms count their batches; the count matters to no result, and an exported file does not hold it. Landmark
    # networks of before November 2026 had no offset: it is zero.
    state |= {name: value for name, value in ours.items() if name.endswith("num_batches_tracked")}
    state = {name: value for name, value in ours.items() if name == "offset"} | state
    _check_same(ours, state, path)
    model.load_state_dict(state)


def read_weights(path: Path) -> dict[str, Tensor]:
    """What a run's model.safetensors or an exported .onnx holds, by torch's names. Raises DataError for other files."""
    return _from_onnx(path) if path.suffix == ".onnx" else _from_safetensors(path)


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path} is not a safetensors file of weights ({error}); give a run's model.safetensors or model.onnx"
        ) from error


def _from_onnx(path: Path) -> dict[str, Tensor]:
    """Initializers by the names that torch gave them; equal ones are stored once and passed on by Identity nodes."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise DataError(f"{path} is not an .onnx file ({error}); give a network that facetrain exported") from error
    values = {item.name: torch.from_numpy(onnx.numpy_helper.to_array(item).copy()) for item in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    return {name.removeprefix("model."): value for name, value in values.items() if name.startswith("model.")}


def _check_same(expected: dict[str, Tensor], got: dict[str, Tensor], path: Path) -> None:
    for name in expected.keys() | got.keys():
        ours, theirs = expected.get(name), got.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            raise DataError(
                f"{path} belongs to another network: {name} is {_shape(theirs)} there and {_shape(ours)} here; "
                "use the recipe that it was trained with"
            )


def _shape(value: Tensor | None) -> str:
    return "missing" if value is None else "x".join(map(str, value.shape)) or "a number"
