"""Any batch on programs of fixed sizes: TensorRT's engines and recorded CUDA graphs take one batch size each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from facetrack.types import Floats, Image

BUCKETS = (1, 2, 4, 8)
"""Batch sizes that programs are made for. Twice the last: few programs to build and keep, and at most half the work
is padding."""
Outputs: TypeAlias = dict[str, Floats]
Program: TypeAlias = Callable[[Image], Outputs]
"""Takes a batch of exactly one shape."""


def parts(count: int, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """How a batch of `count` is run: (items, size of the program) in order, no program smaller than its items.

    As many of the largest as are full, then the smallest that holds the rest. By hand, for sizes 1, 2, 4, 8: 3 is
    [(3, 4)], 11 is [(8, 8), (3, 4)]. Raises ValueError for an empty batch.
    """
    if count < 1:
        raise ValueError(f"a batch of {count} crops; expected at least one")
    largest = max(sizes)
    full, rest = divmod(count, largest)
    return [(largest, largest)] * full + ([(rest, min(s for s in sizes if s >= rest))] if rest else [])


class Bucketed:
    """Call it with (N, H, W, 3) uint8, any N: the batch is cut into parts, each padded with zeros to a program's size,
    and what the programs say of the padding is dropped.

    make: gives the program for a shape (size, H, W, 3). It is asked when a shape is first seen, and the program kept.
    """

    def __init__(self, make: Callable[[tuple[int, int, int, int]], Program], sizes: tuple[int, ...] = BUCKETS) -> None:
        self._make, self._sizes = make, tuple(sorted(sizes))
        self._programs: dict[tuple[int, int, int, int], Program] = {}

    def __call__(self, batch: Image) -> Outputs:
        found, start = [], 0
        for items, size in parts(len(batch), self._sizes):
            found.append(self._run(batch[start : start + items], size))
            start += items
        if len(found) == 1:
            return found[0]
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    def _run(self, batch: Image, size: int) -> Outputs:
        items, height, width, _ = batch.shape
        shape = (size, height, width, 3)
        if shape not in self._programs:
            self._programs[shape] = self._make(shape)
        if items == size:
            return self._programs[shape](batch)
        padded = np.zeros(shape, np.uint8)
        padded[:items] = batch
        return {name: value[:items] for name, value in self._programs[shape](padded).items()}
