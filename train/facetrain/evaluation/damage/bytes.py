"""Random damage to the bytes of a file."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def flip(data: bytes, rng: Rng, within: int | None = None) -> bytes:
    """Replace 1 to 64 bytes by random ones. within: only among the first so many."""
    damaged = np.frombuffer(data, np.uint8).copy()
    limit = min(len(damaged), within or len(damaged))
    if limit:
        damaged[rng.integers(0, limit, int(rng.integers(1, 65)))] = rng.integers(0, 256)
    return damaged.tobytes()


def flip_header(data: bytes, rng: Rng) -> bytes:
    return flip(data, rng, 512)


def cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(0, len(data) + 1))]


def zero(data: bytes, rng: Rng) -> bytes:
    """Overwrite a stretch by zeros, as a disk does that lost a block."""
    start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    return data[:start] + bytes(end - start) + data[end:]


def repeat(data: bytes, rng: Rng) -> bytes:
    """Repeat a stretch, as a copy does that was resumed at the wrong place."""
    start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    return data[:end] + data[start:end] + data[end:]


def swallow(data: bytes, rng: Rng) -> bytes:
    start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    return data[:start] + data[end:]


def huge_numbers(data: bytes, rng: Rng) -> bytes:
    """Overwrite four aligned bytes by the largest numbers, in the hope of a length or a size."""
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, max(1, min(len(data), 4096) - 4)))
        damaged[at : at + 4] = (b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\xff" * 4, b"\0" * 4)[rng.integers(4)]
    return bytes(damaged)


KINDS = (flip, flip_header, cut, zero, repeat, swallow, huge_numbers)


def damage(data: bytes, rng: Rng) -> tuple[str, bytes]:
    """Return the name of one kind of damage, and the damaged bytes."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    return kind.__name__, kind(data, rng)
