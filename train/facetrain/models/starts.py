"""Random weights to start from. torch's own are smaller than what the old networks' libraries used, and a deep plain
network or plain SGD does not recover from that."""

from __future__ import annotations

from torch import nn


def glorot_initialise(model: nn.Module) -> None:
    """Uniform weights of variance 2 / (inputs + outputs) and zero biases: Glorot and Bengio, AISTATS 2010.

    Lasagne and TensorFlow started so.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every layer here has one


def he_initialise(module: nn.Module) -> None:
    """He et al. (ICCV 2015): variance 2 / fan in keeps the signal's size through thirteen rectified layers."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
