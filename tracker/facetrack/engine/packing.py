"""All outputs of a network side by side in one tensor: one copy from the device instead of five."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from facetrack.types import Floats

if TYPE_CHECKING:
    from torch import Tensor, nn

Outputs: TypeAlias = dict[str, Floats]
Shapes: TypeAlias = dict[str, tuple[int, ...]]
"""Of one item of each output, in the order in which `packed` lays them side by side."""


def item_shapes(network: nn.Module, names: list[str], shape: tuple[int, ...]) -> Shapes:
    """The shape of each output for one item of a batch of `shape`."""
    import torch

    device = next(iter(network.parameters())).device
    with torch.inference_mode():
        found = network(torch.zeros((1, *shape[1:]), dtype=torch.uint8, device=device))
    return {name: tuple(found[name].shape[1:]) for name in names}


def packed(found: dict[str, Tensor], names: list[str]) -> Tensor:
    """All outputs side by side, (N, K) float32."""
    import torch

    return torch.cat([found[name].flatten(1) if found[name].dim() > 1 else found[name][:, None] for name in names], 1)


def unpacked(values: Floats, shapes: Shapes) -> Outputs:
    """The outputs of `packed` by name. shapes: of one item each, in the same order; () for a number."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    columns = np.split(values, ends, axis=1)
    return {
        name: np.ascontiguousarray(part).reshape(len(values), *shape)
        for (name, shape), part in zip(shapes.items(), columns, strict=True)
    }
