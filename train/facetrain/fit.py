"""The training loop, in plain sight: the same for every network.

    for epoch: for batch: forward, loss, backward, step, average; then validate the average, log, save.

The learning rate is a function of the step, the order of the samples one of (seed, epoch), and a sample's augmentation
one of (seed, epoch, index): so a run resumed from its last checkpoint repeats what the uninterrupted one would have
done.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter

from facetrack.errors import DataError
from facetrain.curves import save_curves

Batch = dict[str, Tensor]
LossFunction = Callable[[dict[str, Tensor], Batch], dict[str, Tensor]]
Validate = Callable[[nn.Module], dict[str, float]]


class EpochDataset(Protocol):
    """A map-style dataset whose random numbers hang on the epoch."""

    def set_epoch(self, epoch: int) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Batch: ...


@dataclass(frozen=True, slots=True)
class FitOptions:
    """epochs, batch: as usual. learning_rate: the peak of a one-cycle schedule (Smith & Topin 2019). warm_up: the
    share of
    the steps in which it rises. ema_decay: of the weights' running average, which is what is validated and kept.
    clip_norm: largest gradient norm. threads: 0 leaves torch's own choice. workers: data processes."""

    epochs: int = 14
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    warm_up: float = 0.1
    ema_decay: float = 0.998
    clip_norm: float = 5.0
    workers: int = 1
    threads: int = 0
    seed: int = 0
    device: str = "auto"


def one_cycle(step: int, total: int, peak: float, warm_up: float) -> float:
    """Linear rise to `peak` over the first `warm_up` of the steps, then half a cosine down to a thousandth of it."""
    rise = max(1, int(total * warm_up))
    if step < rise:
        return peak * (step + 1) / rise
    done = (step - rise) / max(1, total - rise)
    return peak * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def pick_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def fit(
    model: nn.Module,
    dataset: EpochDataset,
    loss_fn: LossFunction,
    validate: Validate,
    options: FitOptions,
    run_dir: Path,
) -> nn.Module:
    """Train `model` and return its running average, which is also saved as run_dir/model.safetensors.

    run_dir gets last.pt (everything needed to go on, written after every epoch and taken up if it is there),
    history.jsonl, curves.png and TensorBoard's log. `validate` gets the average in eval mode.
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    seed_everything(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    run = Run(model, dataset, loss_fn, options, run_dir)
    run.resume()
    with SummaryWriter(run_dir / "tensorboard", purge_step=run.step) as board, _progress() as progress:
        for epoch in range(run.epoch, options.epochs):
            entry = run.train_epoch(epoch, progress)
            entry |= {f"val_{name}": value for name, value in validate(run.average.module.eval()).items()}
            run.finish_epoch(epoch, entry)
            for name, value in entry.items():
                board.add_scalar(name, value, epoch)
            progress.console.print(describe(entry))
    save_file(_contiguous(run.average.module.state_dict()), run_dir / "model.safetensors")
    return run.average.module


class Run:
    """What a training run carries from step to step."""

    def __init__(
        self, model: nn.Module, dataset: EpochDataset, loss_fn: LossFunction, options: FitOptions, run_dir: Path
    ) -> None:
        self.options, self.dataset, self.loss_fn, self.run_dir = options, dataset, loss_fn, run_dir
        self.device = pick_device(options.device)
        self.model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(options.ema_decay), use_buffers=True)
        self.optimizer = torch.optim.AdamW(_decay_groups(model, options.weight_decay), lr=options.learning_rate)
        self.steps_per_epoch = len(dataset) // options.batch
        if self.steps_per_epoch == 0:
            raise DataError(
                f"{len(dataset)} training samples do not fill one batch of {options.batch}; lower batch or add data"
            )
        self.epoch = self.step = 0
        self.history: list[dict[str, float]] = []

    def train_epoch(self, epoch: int, progress: Progress) -> dict[str, float]:
        """One pass over the data; returns the mean of each loss term."""
        options = self.options
        total_steps = self.steps_per_epoch * options.epochs
        started, sums = time.monotonic(), dict[str, float]()
        self.model.train()
        bar = progress.add_task(f"epoch {epoch + 1}/{options.epochs}", total=self.steps_per_epoch, loss="")
        for batch in self._batches(epoch):
            rate = one_cycle(self.step, total_steps, options.learning_rate, options.warm_up)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            losses = self._train_step({name: value.to(self.device) for name, value in batch.items()})
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            progress.update(bar, advance=1, loss=f"loss {losses['total']:.3f}")
        progress.remove_task(bar)
        entry = {f"train_{name}": value / self.steps_per_epoch for name, value in sums.items()}
        return {"epoch": float(epoch), "lr": rate, "seconds": time.monotonic() - started, **entry}

    def _train_step(self, batch: Batch) -> dict[str, float]:
        images = next(iter(batch.values()))
        losses = self.loss_fn(self.model(images), batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip_norm)
        self.optimizer.step()
        self._update_average()
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _update_average(self) -> None:
        # A young average must forget the random start: it begins as a copy and is renewed through the first epoch's
        # half.
        if self.step < min(200, self.steps_per_epoch // 2):
            self.average.n_averaged.zero_()
        self.average.update_parameters(self.model)

    def _batches(self, epoch: int) -> DataLoader[Batch]:
        self.dataset.set_epoch(epoch)
        order = np.random.default_rng((self.options.seed, epoch)).permutation(len(self.dataset))
        size = self.options.batch
        batches = [order[i * size : (i + 1) * size].tolist() for i in range(self.steps_per_epoch)]
        return DataLoader(
            self.dataset,  # type: ignore[arg-type]
            batch_sampler=batches,
            num_workers=self.options.workers,
            worker_init_fn=_one_thread,
            pin_memory=self.device.type == "cuda",
        )

    def finish_epoch(self, epoch: int, entry: dict[str, float]) -> None:
        """Write the checkpoint beside the old one, then replace it: a kill in between loses one epoch at most."""
        self.epoch = epoch + 1
        self.history.append(entry)
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        torch.save(state, self.run_dir / "last.pt.new")
        (self.run_dir / "last.pt.new").replace(self.run_dir / "last.pt")
        (self.run_dir / "history.jsonl").write_text("".join(json.dumps(e) + "\n" for e in self.history))
        save_curves(self.history, self.run_dir / "curves.png")

    def resume(self) -> None:
        """Take up run_dir/last.pt if it is there."""
        path = self.run_dir / "last.pt"
        if not path.exists():
            return
        state = load_checkpoint(path)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(f"{path} belongs to another network or recipe; choose a new --out or delete it") from error
        self.epoch, self.step, self.history = state["epoch"], state["step"], state["history"]


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without unpickling code. Raises DataError where the file is not one."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise DataError(
            f"{path} is not a checkpoint of facetrack ({type(error).__name__}); delete it or choose a new --out"
        ) from error


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay for matrices and kernels, none for biases and norms."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in state.items()}


def _one_thread(_: int) -> None:
    """A data process that spreads over all cores only takes them from the training."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def describe(entry: dict[str, float]) -> str:
    values = "  ".join(f"{name} {value:.4g}" for name, value in entry.items() if name not in ("epoch", "lr", "seconds"))
    return f"epoch {entry['epoch'] + 1:.0f}  {entry['seconds']:.0f} s  {values}"


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
