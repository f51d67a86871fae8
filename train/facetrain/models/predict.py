"""Batched inference of a torch network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from facetrack.types import Image


def predict(model: nn.Module, crops: Image | torch.Tensor, batch: int = 64) -> dict[str, NDArray[np.float32]]:
    """Run the network on (N, S, S, C) uint8 crops, `batch` at a time; returns its outputs by name, N rows each."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        parts = [model(part.to(device)) for part in torch.as_tensor(crops).split(batch)]
    return {name: torch.cat([part[name].float().cpu() for part in parts]).numpy() for name in parts[0]}
