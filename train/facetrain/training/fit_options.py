"""Options of the training loop."""

from __future__ import annotations

from dataclasses import dataclass, field

from facetrack.errors import DataError
from facetrain.training import optim
from facetrain.training.optim import SCHEDULES


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Options of the training loop; a recipe's section `fit`.

    epochs: number of epochs
    batch: samples per step, over all processes
    per_epoch: samples drawn per epoch, 0 for the size of the data set
    balance: 0 draws classes by their frequency, 1 equally often, for data that has classes; see `samples.sampling`
    optimizer: adamw, adam or sgd (Nesterov)
    learning_rate: the peak
    momentum: of sgd
    weight_decay: of kernels and matrices
    schedule, warm_up, milestones, drop: see `training.optim.learning_rate_factor`
    layer_rates: factors on the learning rate by prefixes of parameter names, see `training.optim.make_optimizer`
    freeze: prefixes of the names of parameters that are not trained
    ema_decay: of the weights' exponential moving average, which is validated and saved; 0 saves the weights themselves
    clip_norm: largest gradient norm, 0 for no limit
    best_metric: a validation figure, lower is better ("-f1" for higher); the weights of its best epoch are saved
    patience: the run ends after this many epochs without a better figure; 0 never
    amp: bfloat16 autocast
    compile: torch.compile
    workers: data-loading processes
    threads: of torch; 0 leaves torch's default
    seed: of sampling, augmentation and dropout
    device: auto, cpu or cuda
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
