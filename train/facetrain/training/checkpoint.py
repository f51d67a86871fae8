"""Checkpoints and weights on disk, without unpickling: torch's weights_only reader and safetensors."""

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
"""Adapts the state dict of a smaller or larger network to a model."""


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write to a temporary file, then rename: a crash loses at most one epoch."""
    temporary = path.with_name(path.name + ".new")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; raises DataError if the file is none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # torch warns of a foreign pickle before it refuses the file
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a broken file raises many types of error; the message is the same for all
        raise DataError(
            f"{path} is not a checkpoint of facetrack ({type(error).__name__}); delete it or choose a new --out"
        ) from error


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the network's parameters and buffers as safetensors."""
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def load_weights(model: nn.Module, path: Path, without: str = "", fit: Fit | None = None) -> None:
    """Load the weights of `model` from a run's model.safetensors or from a network that facetrain exported (.onnx).

    without: prefix of names in the file to leave out, such as those of heads that `model` does not have
    fit: adapts the weights of a smaller or larger network to `model`, such as `models.growth.widen_to`
    Raises DataError for another network's file, and names the first difference.
    """
    state = read_weights(path)
    if without:
        state = {name: value for name, value in state.items() if not name.startswith(without)}
    if fit is not None:
        state = fit(state, model)
    ours = model.state_dict()
    # Exported files lack the batch norms' batch counts, which affect no result.
    state |= {name: value for name, value in ours.items() if name.endswith("num_batches_tracked")}
    state.pop("offset", None)  # landmark networks of November 2026: a constant along x, which is no part of them
    _check_same(ours, state, path)
    model.load_state_dict(state)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a run's model.safetensors or of an exported .onnx; raises DataError for other files."""
    return _without_eye_head(_from_onnx(path) if path.suffix == ".onnx" else _from_safetensors(path))


def _without_eye_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Reduce attribute heads of 2026 to today's: without the eyes' own, and without the head's angles.

    Their last layer had mouth_open, smile and glasses in the first rows, as today's has, and then three angles.
    """
    kept = {name: value for name, value in state.items() if not name.startswith("heads.eye.")}
    if len(kept) < len(state):
        kept |= {name: kept[name][:3] for name in ("heads.rest.3.weight", "heads.rest.3.bias") if name in kept}
    return kept


def _from_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path} is not a safetensors file of weights ({error}); give a run's model.safetensors or model.onnx"
        ) from error


def _from_onnx(path: Path) -> dict[str, Tensor]:
    """Read the initializers by their torch names; equal ones are stored once and copied by Identity nodes."""
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
    """Raise DataError for the first name or shape that differs."""
    for name in expected.keys() | got.keys():
        ours, theirs = expected.get(name), got.get(name)
        if ours is None or theirs is None or ours.shape != theirs.shape:
            raise DataError(
                f"{path} belongs to another network: {name} is {_shape(theirs)} there and {_shape(ours)} here; "
                "use the recipe that it was trained with"
            )


def _shape(value: Tensor | None) -> str:
    return "missing" if value is None else "x".join(map(str, value.shape)) or "a number"
