"""Weight initialisation of the older networks.

torch's default weights are smaller than those of the networks' original libraries, and a deep plain network, or plain
SGD, does not recover from that.
"""

from __future__ import annotations

from torch import nn


def glorot_initialise(model: nn.Module) -> None:
    """Draw uniform weights of variance 2 / (inputs + outputs), zero biases: Glorot and Bengio, AISTATS 2010.

    The default of Lasagne and TensorFlow.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # every layer here has one


def he_initialise(module: nn.Module) -> None:
    """Draw normal weights of variance 2 / fan in, which keeps the signal's variance through ReLU layers.

    He et al., ICCV 2015.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
