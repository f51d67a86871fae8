"""Mixed precision by explicit types in the network, which every runtime has to follow.

Convolutions with batch normalisation, the bulk of the time, are in float16; layers that produce coordinates (heatmaps,
soft-argmax, coordinate grids, dense layers) are in float32.
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
    """Return a copy of the network, in eval mode, with its batch-normalised convolutions fused and in float16.

    All other layers with parameters or buffers compute in float32. Input and output types are unchanged.
    """
    network = copy.deepcopy(network).eval()
    for parent in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for i, (first, second) in enumerate(pairwise(list(parent))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                parent[i], parent[i + 1] = _HalfConvolution(fuse_conv_bn_eval(first, second)), nn.Identity()
    for module in network.modules():
        own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
        if own and all(value.dtype != torch.float16 for value in own):
            module.register_forward_pre_hook(_to_float32)
    return network.eval()


class _HalfConvolution(nn.Module):
    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution.half()

    def forward(self, x: Tensor) -> Tensor:
        return self.convolution(x.half())


def _to_float32(module: nn.Module, values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(v.float() if isinstance(v, Tensor) and v.is_floating_point() else v for v in values)


def count_convolution_types(program: torch.export.ExportedProgram) -> dict[torch.dtype, int]:
    """Count the convolutions of an exported program by output type."""
    counts: dict[torch.dtype, int] = {}
    for node in program.graph.nodes:
        if node.op == "call_function" and "conv" in str(node.target):
            dtype = node.meta["val"].dtype
            counts[dtype] = counts.get(dtype, 0) + 1
    return counts


def check_types(program: torch.export.ExportedProgram, network: nn.Module) -> None:
    """Raise ModelFileError unless the exported program has as many float16 convolutions as the network.

    Strongly typed runtimes build exactly the types of the program.
    """
    expected = sum(isinstance(module, _HalfConvolution) for module in network.modules())
    exported = count_convolution_types(program).get(torch.float16, 0)
    if exported != expected:
        raise ModelFileError(
            f"torch exported {exported} convolutions in half precision where the network has {expected}; report this, "
            "and use --precision fp32"
        )
