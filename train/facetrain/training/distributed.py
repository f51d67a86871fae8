"""Distributed data-parallel training under torchrun; a single process without it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from facetrain.reporting.progress import is_first_process

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workers:
    """Process group of a training.

    rank: rank of this process; only rank 0 validates and writes
    count: number of processes
    """

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, batch: list[int]) -> list[int]:
        """Return this process's part of a batch of indices."""
        return batch[self.rank :: self.count]

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Wrap the network so that its gradients are averaged over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def sent(self, value: T) -> T:
        """Return rank 0's value in every process."""
        values = [value]
        if self.count > 1:
            distributed.broadcast_object_list(values, 0)
        return values[0]


@contextmanager
def workers(device: torch.device) -> Iterator[Workers]:
    """Join the other processes if torchrun started this one (WORLD_SIZE above 1)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers()
        return
    # gloo broadcasts what is `sent` on any device; NCCL averages the gradients between GPUs.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(distributed.get_rank(), count)
        distributed.barrier()  # rank 0 hosts the TCP store: keep it alive until all ranks are done
    finally:
        distributed.destroy_process_group()


@contextmanager
def folder_to_write(run_dir: Path) -> Iterator[Path]:
    """Yield the run folder in rank 0, and a folder that is deleted at the end in every other process.

    All processes export and draw after the training; two that write the same file would damage it.
    """
    if is_first_process():
        yield run_dir
        return
    with TemporaryDirectory() as own:
        yield Path(own)


def pick_device(name: str) -> torch.device:
    """Return the device by name; "auto" is a GPU if there is one, under torchrun the process's own."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return torch.device(name)
