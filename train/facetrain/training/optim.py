"""Optimizers, parameter groups, frozen layers and learning rate schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from facetrack.errors import DataError

SCHEDULES = ("one_cycle", "cosine", "step", "constant")

OPTIMIZERS = ("adamw", "adam", "sgd")


def make_optimizer(
    model: nn.Module,
    name: str,
    learning_rate: float,
    weight_decay: float,
    momentum: float,
    layer_rates: Mapping[str, float],
) -> torch.optim.Optimizer:
    """Make AdamW, Adam, or SGD with Nesterov momentum for the parameters that are not frozen.

    Weight decay applies to kernels and matrices, not to biases and norms.
    layer_rates: factor on the learning rate by prefix of the parameter name; the longest prefix wins. Each parameter
    group has its factor as "rate". Raises DataError if every parameter is frozen.
    """
    groups = parameter_groups(model, learning_rate, weight_decay, layer_rates)
    if not groups:
        raise DataError("every parameter is frozen; free some with another `freeze` in the recipe")
    if name == "sgd":
        return torch.optim.SGD(groups, lr=learning_rate, momentum=momentum, nesterov=momentum > 0)
    kind = torch.optim.AdamW if name == "adamw" else torch.optim.Adam
    return kind(groups, lr=learning_rate)


def parameter_groups(
    model: nn.Module, learning_rate: float, weight_decay: float, layer_rates: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Group the trained parameters by learning rate factor and weight decay."""
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (_rate_of(name, layer_rates), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return [
        {"params": part, "rate": rate, "lr": learning_rate * rate, "weight_decay": weight_decay if decays else 0.0}
        for (rate, decays), part in groups.items()
    ]


def _rate_of(name: str, layer_rates: Mapping[str, float]) -> float:
    prefixes = [prefix for prefix in layer_rates if name.startswith(prefix)]
    return layer_rates[max(prefixes, key=len)] if prefixes else 1.0


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Freeze the parameters whose names start with one of `prefixes`; raises DataError for a prefix of none."""
    names = [name for name, _ in model.named_parameters()]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            raise DataError(
                f"freeze names '{prefix}', but no parameter starts so; the network has {', '.join(names[:6])} .."
            )
    for name, parameter in model.named_parameters():
        if name.startswith(tuple(prefixes)) and prefixes:
            parameter.requires_grad_(False)


def train_mode(model: nn.Module, frozen: Sequence[str]) -> None:
    """Set training mode, except for the frozen layers' batch norms, whose statistics are those of the old data."""
    model.train()
    for name, module in model.named_modules():
        if frozen and name.startswith(tuple(frozen)) and isinstance(module, _BatchNorm):
            module.eval()


def learning_rate_factor(
    schedule: str, step: int, total: int, warm_up: float, milestones: tuple[float, ...] = (), drop: float = 0.1
) -> float:
    """Return the learning rate at `step` of `total` as a fraction of its peak.

    warm_up: fraction of the steps in which every schedule rises linearly. Then one_cycle (the second half of Smith &
    Topin 2019) and cosine (Loshchilov & Hutter 2017) fall by half a cosine, to a thousandth and to zero; step
    multiplies by `drop` at each of `milestones` (fractions of the run); constant stays.
    """
    rise = int(total * warm_up)
    if step < rise:
        return (step + 1) / rise
    done = min(1.0, (step - rise) / max(1, total - rise))
    falling = 0.5 * (1 + math.cos(math.pi * done))
    if schedule == "one_cycle":
        return 0.001 + 0.999 * falling
    if schedule == "cosine":
        return falling
    if schedule == "step":
        return drop ** sum(step >= share * total for share in milestones)
    return 1.0
