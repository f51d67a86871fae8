"""Epoch sampling: which samples are drawn, in which order, and the random generator of each.

All of it is a function of (seed, epoch, number), so a resumed run sees the same data as an uninterrupted one, and every
process of a multi-GPU run computes the same order and selects its share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

Rng = np.random.Generator
Numbers = NDArray[np.intp]


class EpochItems(Dataset[dict[str, Tensor]]):
    """Map-style data set of `size` samples; subclasses implement `item`.

    A number below `size` is a sample. An epoch may draw a sample several times: its second draw has the number
    index + size, the third index + 2 size, and so on, so that each draw is augmented differently.
    classes: (size,) the class of each sample, for `FitOptions.balance`; None where there are none.
    names: what it draws from, in order (`names_of`), by which a resumed run knows that its data are the same.
    """

    classes: Sequence[object] | None = None
    names: Sequence[str] = ()

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    @property
    def fingerprint(self) -> str:
        """SHA-256 of size and names: another one once pictures are added, taken away or renamed."""
        return sha256("\n".join([str(self.size), *self.names]).encode()).hexdigest()

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        return self.item(number % self.size, np.random.default_rng((self.seed, self.epoch, number)))

    def item(self, index: int, rng: Rng) -> dict[str, Tensor]:
        """Return sample `index`, 0 to size - 1, all its randomness from `rng`."""
        raise NotImplementedError


class Named(Protocol):
    """A labelled picture."""

    @property
    def source(self) -> str: ...
    @property
    def name(self) -> str: ...


def names_of(pictures: Iterable[Named]) -> list[str]:
    """Return the pictures' names, each with that of its data set."""
    return [f"{picture.source}/{picture.name}" for picture in pictures]


def epoch_order(size: int, rng: Rng, draws: int) -> Numbers:
    """Return the (draws,) numbers of an epoch: all samples in random order, reshuffled for every further pass."""
    return _cycled(np.arange(size), size, draws, rng)


def balanced_order(classes: Sequence[object], balance: float, rng: Rng, draws: int) -> Numbers:
    """Return the (draws,) numbers of an epoch with the class shares of `class_shares`.

    The shares are exact up to a whole number of draws, not in expectation, so a class of 21 is not drawn 40 times in
    one epoch and 10 in the next. Within a class no sample is repeated before all were drawn.
    """
    _, member_of = np.unique(np.asarray(classes), return_inverse=True)
    quotas = apportion(class_shares(np.bincount(member_of), balance), draws)
    picks = [
        _cycled(np.flatnonzero(member_of == number), len(member_of), int(quota), rng)
        for number, quota in enumerate(quotas)
    ]
    return rng.permutation(np.concatenate(picks))


def class_shares(counts: Numbers, balance: float) -> NDArray[np.float64]:
    """Return each class's share of the draws, proportional to count ** (1 - balance); 0 for an empty class."""
    weights = np.where(counts > 0, np.maximum(counts, 1) ** (1.0 - balance), 0.0)
    return np.asarray(weights / weights.sum())


def apportion(shares: NDArray[np.float64], total: int) -> Numbers:
    """Divide `total` by `shares` into whole numbers: round down, then give the rest to the largest remainders.

    This is Hare and Niemeyer's method.
    """
    exact = shares * total
    parts = np.floor(exact).astype(np.intp)
    parts[np.argsort(parts - exact, kind="stable")[: total - parts.sum()]] += 1
    return parts


def _cycled(members: Numbers, size: int, draws: int, rng: Rng) -> Numbers:
    """Concatenate shuffled passes over `members`; pass k adds k * size to their numbers."""
    rounds = -(-draws // len(members))
    shuffled = [members[rng.permutation(len(members))] + k * size for k in range(rounds)]
    return np.concatenate(shuffled)[:draws] if shuffled else members[:0]
