"""Function-preserving initialisation of a network from a smaller one.

Chen, Goodfellow, Shlens, "Net2Net", ICLR 2016: the grown network first predicts what the smaller one predicts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facetrain.models.landmarks import TURNED, InvertedResidual, LandmarkNet, LandmarkNetOptions, Residual
from facetrain.models.shrinking import STAGES, prune_to


def widen_to(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Adapt the state dict of a smaller network, or of a larger one (see `shrinking`), to `model`.

    Residual blocks that the smaller one lacks are initialised as identities: the scale of their last norm is zero.
    Convolution kernels of another side are zero-padded or cropped around their centre. Other differences are left, and
    make `load_state_dict` fail.
    """
    ours = model.state_dict()
    if isinstance(model, LandmarkNet):
        state = prune_to(state, model.options)
    grown = {name: _resize_kernel(value, ours[name]) if name in ours else value for name, value in state.items()}
    for name, module in model.named_modules():
        if isinstance(module, Residual | InvertedResidual) and not any(key.startswith(f"{name}.") for key in state):
            grown |= {f"{name}.{key}": value for key, value in identity_block(module).items()}
    return grown


def infer_options(state: dict[str, Tensor], input_px: int) -> LandmarkNetOptions:
    """Infer the options of a landmark network from its state dict; the crop size is not in the weights.

    Raises KeyError for the state dict of another kind of network.
    """
    separable = "stage4.0.1.0.weight" in state
    widths = [state[f"{stage}.0.1.0.weight" if separable else f"{stage}.0.0.weight"].shape[0] for stage in STAGES]
    depths = [len({key.split(".")[1] for key in state if key.startswith(f"{stage}.")}) - 1 for stage in STAGES]
    first = [state.get(f"{stage}.1.body.0.0.weight") for stage in STAGES]
    expand = [block.shape[0] // block.shape[1] if block is not None and block.shape[2] == 1 else 0 for block in first]
    middle = [state.get(f"{stage}.1.body.1.0.weight") for stage in STAGES]
    kernels = [block.shape[2] if block is not None and wide else 3 for block, wide in zip(middle, expand, strict=True)]
    return LandmarkNetOptions(
        input_px=input_px,
        stem=state["stem.0.weight"].shape[0],
        widths=(widths[0], widths[1], widths[2]),
        depths=(depths[0], depths[1], depths[2]),
        expand=(expand[0], expand[1], expand[2]),
        kernels=(kernels[0], kernels[1], kernels[2]),
        head=state["heatmaps.weight"].shape[1],
        separable_halving=separable,
        turned=any(key.startswith(TURNED) for key in state),
    )


def identity_block(block: Residual | InvertedResidual) -> dict[str, Tensor]:
    """Return the block's state dict with the scale of its last norm at zero, which makes it an identity."""
    state = {name: value.clone() for name, value in block.state_dict().items()}
    last = [name for name, module in block.named_modules() if isinstance(module, nn.BatchNorm2d)][-1]
    state[f"{last}.weight"].zero_()
    return state


def _resize_kernel(kernel: Tensor, like: Tensor) -> Tensor:
    if kernel.dim() != 4 or kernel.shape[:2] != like.shape[:2] or kernel.shape == like.shape:
        return kernel
    difference = like.shape[2] - kernel.shape[2]
    if difference > 0:
        return torch.nn.functional.pad(kernel, [difference // 2] * 4)
    cut = -difference // 2
    return kernel[:, :, cut:-cut, cut:-cut].contiguous()
