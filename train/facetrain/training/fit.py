"""Training loop, the same for every network.

    for epoch: for batch: forward, loss, backward, step, average; then validate the average, log, save.

The learning rate is a function of the step, the order of the samples and the global generators (dropout) of
(seed, epoch), and a sample's augmentation of (seed, epoch, index): so a run resumed from its last checkpoint gives the
same result as an uninterrupted one.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from facetrack.errors import DataError
from facetrain.samples.sampling import EpochItems, balanced_order, epoch_order
from facetrain.training import optim
from facetrain.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from facetrain.training.distributed import Workers, pick_device, workers
from facetrain.training.fit_options import FitOptions
from facetrain.training.logging import log, progress_bar, save_curves, say_epoch
from facetrain.training.optim import learning_rate_factor

__all__ = ["FitOptions", "Run", "fit"]

DRAW_EVERY_S = 10.0
"""Least interval between two drawings of the curves, which may take longer than an epoch."""

Batch = dict[str, Tensor]
LossFunction = Callable[[dict[str, Tensor], Batch], dict[str, Tensor]]
Validate = Callable[[nn.Module], dict[str, float]]


def fit(
    model: nn.Module,
    dataset: EpochItems,
    loss_fn: LossFunction,
    validate: Validate,
    options: FitOptions,
    run_dir: Path,
    inputs: Sequence[str] = (),
) -> nn.Module:
    """Train `model` and return its exponential moving average (of the best epoch, if the options name a metric).

    loss_fn: (outputs, batch) -> loss terms by name, "total" among them; its set_epoch(epoch) is called if it has one
    validate: (moving average in eval mode) -> validation figures by name
    run_dir: gets model.safetensors, last.pt (the checkpoint, written after every epoch, from which a run resumes if it
        exists), history.jsonl, curves.png and TensorBoard's log
    inputs: names of the batch entries that are the network's inputs, in order; the first entry by default
    """
    if options.threads:
        torch.set_num_threads(options.threads)
    device = pick_device(options.device)
    with workers(device) as group:
        run = Run(model, dataset, loss_fn, options, run_dir, device, group, inputs)
        run_dir.mkdir(parents=True, exist_ok=True)  # after `Run` has checked the options: an error leaves no folder
        run.resume()
        with progress_bar(group.is_main) as progress:
            while not run.finished:
                entry = run.train_epoch(progress)
                if group.is_main:
                    figures = validate(run.kept.eval())
                    entry |= {f"val_{name}": float(value) for name, value in figures.items()}
                    log(entry, run_dir / "tensorboard", run.epoch)
                    say_epoch(entry, options.epochs)
                run.finish_epoch(entry)
        return run.close()


class Run:
    """State of a training run: network, moving average, optimizer, history, best epoch."""

    def __init__(
        self,
        model: nn.Module,
        dataset: EpochItems,
        loss_fn: LossFunction,
        options: FitOptions,
        run_dir: Path,
        device: torch.device,
        group: Workers,
        inputs: Sequence[str],
    ) -> None:
        self.options, self.dataset, self.loss_fn, self.run_dir = options, dataset, loss_fn, run_dir
        self.device, self.group, self.inputs = device, group, inputs
        optim.freeze(model, options.freeze)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = get_ema_multi_avg_fn(options.ema_decay)
        self.average = AveragedModel(self.model, multi_avg_fn=average, use_buffers=True)
        self.optimizer = optim.make_optimizer(
            model, options.optimizer, options.learning_rate, options.weight_decay, options.momentum, options.layer_rates
        )
        trained: nn.Module = torch.compile(self.model) if options.compile else self.model  # type: ignore[assignment]
        self.trained = group.wrap(trained, device)
        draws = options.per_epoch or len(dataset)
        self.steps_per_epoch = draws // options.batch
        if self.steps_per_epoch == 0 or not len(dataset):
            raise DataError(
                f"{draws} training samples do not fill one batch of {options.batch}; lower fit.batch or add data"
            )
        if options.balance and dataset.classes is None:
            raise DataError(
                f"fit.balance is {options.balance:g}, but this recipe's samples have no classes; set it to 0"
            )
        self.epoch = self.step = self.best_epoch = 0
        self.best = float("inf")
        self.stopped = False
        self._drawn_s = 0.0
        self.history: list[dict[str, float]] = []

    @property
    def finished(self) -> bool:
        return self.stopped or self.epoch >= self.options.epochs

    @property
    def kept(self) -> nn.Module:
        """The network that is validated and saved: the moving average, or the trained weights without one."""
        return self.average.module if self.options.ema_decay else self.model

    def train_epoch(self, progress: Progress) -> dict[str, float]:
        """Train one epoch; returns its number, learning rate, duration and the mean of each loss term."""
        started, sums, rate = time.monotonic(), dict[str, float](), 0.0
        seed_everything(self.options.seed, self.epoch)
        optim.train_mode(self.model, self.options.freeze)
        if hasattr(self.loss_fn, "set_epoch"):
            self.loss_fn.set_epoch(self.epoch)
        title = f"epoch {self.epoch + 1}/{self.options.epochs}"
        bar = progress.add_task(title, total=self.steps_per_epoch, loss="")
        for batch in self._batches():
            rate = self._set_rate()
            losses = self._train_step({name: value.to(self.device) for name, value in batch.items()})
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
            progress.update(bar, advance=1, loss=f"loss {losses['total']:.3f}")
        progress.remove_task(bar)
        entry = {f"train_{name}": value / self.steps_per_epoch for name, value in sums.items()}
        return {"epoch": float(self.epoch), "lr": rate, "seconds": time.monotonic() - started, **entry}

    def _set_rate(self) -> float:
        """Set the optimizer's learning rates for this step; returns the one without a layer's factor."""
        options, total = self.options, self.steps_per_epoch * self.options.epochs
        factor = learning_rate_factor(
            options.schedule, self.step, total, options.warm_up, options.milestones, options.drop
        )
        for group in self.optimizer.param_groups:
            group["lr"] = options.learning_rate * factor * group["rate"]
        return options.learning_rate * factor

    def _train_step(self, batch: Batch) -> dict[str, float]:
        names = self.inputs or list(batch)[:1]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.amp):
            outputs = self.trained(*(batch[name] for name in names))
        outputs = {name: value.float() for name, value in outputs.items()}
        losses = self.loss_fn(outputs, batch)
        self.optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        if self.options.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip_norm)
        self.optimizer.step()
        self._update_average()
        self.step += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _update_average(self) -> None:
        # For the first half of the first epoch the average is a copy: it must not contain the random initialisation.
        if self.step < min(200, self.steps_per_epoch // 2):
            self.average.n_averaged.zero_()
        self.average.update_parameters(self.model)

    def _batches(self) -> DataLoader[Batch]:
        self.dataset.set_epoch(self.epoch)
        order, size = self._order(), self.options.batch
        batches = [order[i * size : (i + 1) * size].tolist() for i in range(self.steps_per_epoch)]
        return DataLoader(
            self.dataset,
            batch_sampler=[self.group.share(batch) for batch in batches],
            num_workers=self.options.workers,
            worker_init_fn=limit_worker_threads,
            pin_memory=self.device.type == "cuda",
        )

    def _order(self) -> NDArray[np.intp]:
        """Draw the indices of the epoch's samples, the same in every process."""
        options, dataset = self.options, self.dataset
        rng = np.random.default_rng((options.seed, self.epoch))
        draws = options.per_epoch or len(dataset)
        if options.balance and dataset.classes is not None:
            return balanced_order(dataset.classes, options.balance, rng, draws)
        return epoch_order(len(dataset), rng, draws)

    def finish_epoch(self, entry: dict[str, float]) -> None:
        """Count the epoch, save the checkpoint and the best weights; every process gets the decision to stop."""
        self.epoch += 1
        if self.group.is_main:
            self.history.append(entry)
            self._update_best(entry)
            self._save()
        self.stopped = self.group.sent(self.stopped)

    def _update_best(self, entry: dict[str, float]) -> None:
        name = self.options.best_metric
        if not name:
            return
        key = f"val_{name.removeprefix('-')}"
        if key not in entry:
            available = ", ".join(n.removeprefix("val_") for n in entry if n.startswith("val_"))
            raise DataError(f"fit.best_metric is '{name}', but validation gives {available}")
        figure = -entry[key] if name.startswith("-") else entry[key]
        if figure < self.best:
            self.best, self.best_epoch = figure, self.epoch
            save_weights(self.kept, self.run_dir / "best.safetensors")
        self.stopped = 0 < self.options.patience <= self.epoch - self.best_epoch

    def _save(self) -> None:
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "best": (self.best, self.best_epoch, self.stopped),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "samples": self.dataset.fingerprint,
        }
        # History first, checkpoint last: after a crash in between, the epoch is repeated and the history rewritten.
        (self.run_dir / "history.jsonl").write_text("".join(json.dumps(e) + "\n" for e in self.history))
        save_checkpoint(state, self.run_dir / "last.pt")
        if self.finished or time.monotonic() - self._drawn_s > DRAW_EVERY_S:
            save_curves(self.history, self.run_dir / "curves.png")
            self._drawn_s = time.monotonic()

    def resume(self) -> None:
        """Resume from rank 0's checkpoint run_dir/last.pt if it exists."""
        path = self.run_dir / "last.pt"
        state = self.group.sent(load_checkpoint(path) if self.group.is_main and path.exists() else None)
        if state is None:
            return
        own = self.dataset.fingerprint
        if state.get("samples", own) != own:
            raise DataError(
                f"{path} was trained on other pictures: since then some were added, taken away or renamed; choose a "
                "new --out to train on those of now, or bring the old ones back to resume it"
            )
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.best, self.best_epoch, self.stopped = state["best"]
            self.epoch, self.step, self.history = state["epoch"], state["step"], state["history"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise DataError(
                f"{path} belongs to another network or recipe; choose a new --out, or delete it to start again"
            ) from error

    def close(self) -> nn.Module:
        """Save and return the final network, restoring the best epoch's weights if there are any.

        It is rank 0's in every process: batch normalisation's statistics are of each process's own share.
        """
        if self.group.is_main:
            best = self.run_dir / "best.safetensors"
            if self.options.best_metric and best.exists():
                load_weights(self.kept, best)
            save_weights(self.kept, self.run_dir / "model.safetensors")
        self.kept.load_state_dict(
            self.group.sent({name: value.cpu() for name, value in self.kept.state_dict().items()})
        )
        return self.kept


def seed_everything(seed: int, epoch: int) -> None:
    """Seed the global generators of Python, NumPy and torch, which dropout and libraries use.

    Once per epoch, so that the checkpoint need not hold their state.
    """
    mixed = int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
    random.seed(mixed)
    np.random.seed(mixed)
    torch.manual_seed(mixed)


def limit_worker_threads(_: int) -> None:
    """Limit a data-loading worker to one thread: more would compete with the training."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
