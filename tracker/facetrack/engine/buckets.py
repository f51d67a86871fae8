"""Any batch on programs of fixed sizes: TensorRT's engines and recorded CUDA graphs take one batch size each."""

from __future__ import annotations

BUCKETS = (1, 2, 4, 8)
"""Batch sizes that programs are made for. Twice the last: few programs to build and keep, and at most half the work
is padding."""


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
