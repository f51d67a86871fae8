"""Split of any batch over programs of fixed batch sizes: a TensorRT engine or a CUDA graph has one batch size each."""

from __future__ import annotations

BUCKETS = (1, 2, 4, 8)
"""Batch sizes that programs are made for.

Each is twice the one before: few programs to build and keep, and at most half of a batch is padding.
"""


def parts(count: int, sizes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Split a batch of `count` items into (items, batch size of the program), in order; items <= batch size.

    As many full batches of the largest size as there are, then the smallest size that holds the rest. Worked out by
    hand for sizes 1, 2, 4, 8: 3 is [(3, 4)], 11 is [(8, 8), (3, 4)]. Raises ValueError for an empty batch.
    """
    if count < 1:
        raise ValueError(f"a batch of {count} crops; expected at least one")
    largest = max(sizes)
    full, rest = divmod(count, largest)
    return [(largest, largest)] * full + ([(rest, min(s for s in sizes if s >= rest))] if rest else [])
