"""Initialisation of a landmark network from a larger one, by pruning and low-rank factorisation.

Not function-preserving: the pruned network is trained again, in a fraction of the steps. The channels and blocks of
least magnitude are removed: Li et al., "Pruning filters for efficient convnets", ICLR 2017. A dense kernel is
factorised into a depthwise and a pointwise one by its best rank-1 approximation (Jaderberg et al., BMVC 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor

from facetrain.models.landmarks import DOWNSAMPLE_KERNEL, LandmarkNetOptions

STAGES = "stage4", "stage8", "stage16"
EPSILON = 1e-5
"""Epsilon of the batch norms."""

State = dict[str, Tensor]


def prune_to(state: State, ours: LandmarkNetOptions) -> State:
    """Prune the state dict of a larger network to the options' blocks, expansions and separable downsampling.

    Other differences are left, and make `load_state_dict` fail.
    """
    state = dict(state)
    for stage, depth, expand in zip(STAGES, ours.depths, ours.expand, strict=True):
        if ours.separable_halving and state.get(f"{stage}.0.0.weight", torch.empty(0)).dim() == 4:
            state = _separate_downsampling(state, f"{stage}.0.")
        state = _prune_blocks(state, stage, depth)
        if expand:
            for block in range(1, depth + 1):
                state = _prune_channels(state, f"{stage}.{block}.body.", expand)
    return state


def _separate_downsampling(state: State, prefix: str) -> State:
    """Factorise a dense kernel (O, I, 3, 3) into (I, 1, K, K) and (O, I, 1, 1), rank 1 per input channel, by SVD."""
    dense = state[f"{prefix}0.weight"]
    if dense.shape[1] == 1:
        return state
    outputs, inputs, side, _ = dense.shape
    u, s, v = torch.linalg.svd(dense.permute(1, 0, 2, 3).reshape(inputs, outputs, side * side), full_matrices=False)
    scale = s[:, 0].sqrt()
    each = (v[:, 0] * scale[:, None]).view(inputs, 1, side, side)
    point = (u[:, :, 0] * scale[:, None]).T.reshape(outputs, inputs, 1, 1)
    pad = (DOWNSAMPLE_KERNEL - side) // 2
    norm = {key.removeprefix(f"{prefix}1."): value for key, value in state.items() if key.startswith(f"{prefix}1.")}
    factorised = {key: value for key, value in state.items() if not key.startswith(prefix)}
    factorised |= {f"{prefix}1.1.{key}": value for key, value in norm.items()}
    each = torch.nn.functional.pad(each, [pad] * 4).contiguous()
    return factorised | {f"{prefix}0.weight": each, f"{prefix}1.0.weight": point.contiguous()}


def _prune_blocks(state: State, stage: str, depth: int) -> State:
    """Keep the `depth` residual blocks of largest contribution, in their order; block 0 is the downsampling."""
    blocks = sorted({int(key.split(".")[1]) for key in state if key.startswith(f"{stage}.")} - {0})
    if len(blocks) <= depth:
        return state
    added = {block: float(_last_scale(state, f"{stage}.{block}.").square().sum()) for block in blocks}
    best = sorted(sorted(blocks, key=lambda block: -added[block])[:depth])
    number = {str(old): str(new) for new, old in enumerate([0, *best])}
    pruned = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] != stage:
            pruned[key] = value
        elif parts[1] in number:
            pruned[".".join([stage, number[parts[1]], *parts[2:]])] = value
    return pruned


def _last_scale(state: State, prefix: str) -> Tensor:
    """Return the scale of a block's last norm: the standard deviation of its output."""
    return state[max(key for key in state if key.startswith(prefix) and key.endswith("1.weight"))]


def _prune_channels(state: State, prefix: str, expand: int) -> State:
    """Keep the expanded channels of an inverted residual that contribute most to its output."""
    if f"{prefix}2.0.weight" not in state:  # a block that the other network lacks
        return state
    narrow = state[f"{prefix}2.0.weight"]
    wide = narrow.shape[0] * expand
    if narrow.shape[1] <= wide:
        return state
    # After the depthwise norm a channel's standard deviation is the norm's scale, whatever its input.
    part = narrow.flatten(2).square().sum(dim=(0, 2)) * state[f"{prefix}1.1.weight"].square()
    best = part.argsort(descending=True)[:wide].sort().values
    for key in [k for k in state if k.startswith((f"{prefix}0.", f"{prefix}1."))]:
        state = state | {key: state[key][best] if state[key].dim() else state[key]}
    return state | {f"{prefix}2.0.weight": narrow[:, best]}
