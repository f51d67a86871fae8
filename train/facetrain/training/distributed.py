"""Several processes training one network, as torchrun starts them; one process where it did not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, slots=True)
class Workers:
    """rank: this process, 0 leads: it alone validates and writes. count: how many there are."""

    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, batch: list[int]) -> list[int]:
        """This process's part of a batch of indices."""
        return batch[self.rank :: self.count]

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The network with its gradients averaged over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def agree(self, stop: bool) -> bool:
        """Rank 0's word, in every process."""
        if self.count == 1:
            return stop
        word = torch.tensor([int(stop)])
        distributed.broadcast(word, 0)
        return bool(word.item())


@contextmanager
def workers(device: torch.device) -> Iterator[Workers]:
    """Join the other processes if torchrun started this one (WORLD_SIZE above 1)."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers()
        return
    # gloo carries the small words of `agree` on any device; NCCL the gradients between GPUs.
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(distributed.get_rank(), count)
        distributed.barrier()  # rank 0 keeps the others' meeting place: it must not be gone while they take leave
    finally:
        distributed.destroy_process_group()


def pick_device(name: str) -> torch.device:
    """auto: a GPU if there is one, this process's own under torchrun."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return torch.device(name)
