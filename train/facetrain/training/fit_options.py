"""How long, how fast and on which part of the data a network is trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetrack.errors import DataError
from facetrain.training import optim
from facetrain.training.optim import SCHEDULES


@dataclass(frozen=True, slots=True)
class FitOptions:
    """epochs, batch (over all processes), seed, device: as usual.

    per_epoch: samples drawn in an epoch, 0 for as many as there are. balance: 0 draws classes as they come, 1 equally
    often, for data that has classes; see `samples.sampling`.
    optimizer: adamw, adam or sgd (Nesterov, with `momentum`). learning_rate: the peak; schedule, warm_up, milestones,
    drop: see `schedule`. layer_rates, freeze: see `training.optim`; keys are beginnings of parameter names.
    ema_decay: of the weights' running average, which is what is validated and kept; 0 keeps the weights themselves.
    clip_norm: largest gradient norm, 0 for none. best_metric: a validation figure, lower is better ("-f1" for higher);
    the weights of its best epoch are kept, and after `patience` epochs without a better one (0: never) the run ends.
    amp: bfloat16 where it is safe. compile: torch.compile. threads: 0 leaves torch's own choice. workers: data
    processes.
    """

    epochs: int = 14
    batch: int = 64
    per_epoch: int = 0
    balance: float = 0.0
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    momentum: float = 0.9
    weight_decay: float = 1e-3
    schedule: str = "one_cycle"
    warm_up: float = 0.1
    milestones: tuple[float, ...] = (0.6, 0.85)
    drop: float = 0.1
    layer_rates: dict[str, float] = field(default_factory=dict)
    freeze: tuple[str, ...] = ()
    ema_decay: float = 0.998
    clip_norm: float = 5.0
    best_metric: str = ""
    patience: int = 0
    amp: bool = False
    compile: bool = False
    workers: int = 1
    threads: int = 0
    seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, known in (("optimizer", optim.OPTIMIZERS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise DataError(f"{name} is '{getattr(self, name)}'; expected one of {', '.join(known)}")
        if not 0 <= self.balance <= 1:
            raise DataError(f"balance is {self.balance:g}; expected 0 (classes as they come) to 1 (equally often)")
        if self.per_epoch < 0:
            raise DataError(f"per_epoch is {self.per_epoch}; expected a number of samples, or 0 for all")
