"""Packing of a network's outputs into one tensor: one copy from the device instead of five."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from facetrack.types import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn

Outputs: TypeAlias = dict[str, Floats]
Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""Shape of one item of each output, in the order of concatenation; () for a scalar."""


def item_shapes(network: nn.Module, names: list[str], shape: tuple[int, ...]) -> Shapes:
    """Return the shape of each output for one item of a batch of `shape`."""
    import torch

    device = next(iter(network.parameters())).device
    with torch.inference_mode():
        outputs = network(torch.zeros((1, *shape[1:]), dtype=torch.uint8, device=device))
    return {name: tuple(outputs[name].shape[1:]) for name in names}


def packed(outputs: dict[str, Tensor], names: list[str]) -> Tensor:
    """Concatenate the flattened outputs, (N, ...) each, to (N, K) float32."""
    import torch

    columns = [outputs[name].flatten(1) if outputs[name].dim() > 1 else outputs[name][:, None] for name in names]
    return torch.cat(columns, 1)


def unpacked(values: Floats, shapes: Shapes) -> Outputs:
    """Split the (N, K) result of `packed` into outputs by name, (N, *shape) each."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    columns = np.split(values, ends, axis=1)
    return {
        name: np.ascontiguousarray(part).reshape(len(values), *shape)
        for (name, shape), part in zip(shapes.items(), columns, strict=True)
    }
