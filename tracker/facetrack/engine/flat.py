"""Wrapper of a network for TensorRT: one float tensor in, one out."""

from __future__ import annotations

from torch import Tensor, nn

from facetrack.engine.packing import packed


class Flat(nn.Module):
    """Network with packed outputs: (N, H, W, 3) crops of any type -> (N, K) float32, `names` concatenated.

    See `engine.packing`.
    """

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, crops: Tensor) -> Tensor:
        return packed(self.network(crops), self.names)
