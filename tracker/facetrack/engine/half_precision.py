"""Half precision by explicit types: what computes in half is written into the network, and every runtime obeys it.

Convolutions with a batch norm, where the time goes, in half; what turns numbers into coordinates (heatmaps,
soft-argmax, lattices, dense layers) in float32.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from facetrack.errors import ModelFileError


def half_convolutions(network: nn.Module) -> nn.Module:
    """A copy of the network, in eval mode, whose normed convolutions are in float16, the norm melted into each;
    whatever else has numbers of its own gets float32. Inputs and outputs are as before."""
    network = copy.deepcopy(network).eval()
    for parent in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for i, (first, second) in enumerate(pairwise(list(parent))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                parent[i], parent[i + 1] = _HalfConvolution(fuse_conv_bn_eval(first, second)), nn.Identity()
    for module in network.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if own and all(value.dtype != torch.float16 for value in own):
            module.register_forward_pre_hook(_in_single)
    return network.eval()


class _HalfConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution.half()

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x.half())


def _in_single(module: nn.Module, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v.float() if isinstance(v, Tensor) and v.is_floating_point() else v for v in values)


def count_convolution_types(program: torch.export.ExportedProgram) -> dict[torch.dtype, int]:
    """How many convolutions of an exported program give which type: what a runtime is told to build."""
    found: dict[torch.dtype, int] = {}
    for node in program.graph.nodes:
        if node.op == "call_function" and "conv" in str(node.target):
            kind = node.meta["val"].dtype
            found[kind] = found.get(kind, 0) + 1
    return found


def check_types(program: torch.export.ExportedProgram, network: nn.Module) -> None:
    """Raises ModelFileError unless the exported program has as many convolutions in half as the network asks for.

    Runtimes that take types as they stand build those, and no others.
    """
    asked = sum(isinstance(module, _HalfConvolution) for module in network.modules())
    found = count_convolution_types(program).get(torch.float16, 0)
    if found != asked:
        raise ModelFileError(
            f"torch exported {found} convolutions in half precision where the network has {asked}; report this, and "
            "use --precision fp32"
        )
