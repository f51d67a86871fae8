"""Which faces of the packs no training may see, fixed before the first training of turned faces.

Names repeat between packs (image_0001.jpg), so a rule goes by pack and name.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Protocol

from facetrack.errors import DataError

PEOPLE_SHARE = 0.06
"""Of the people of packs that name them: the same 41 photographs of helen_train as in every earlier training."""
AFLW_SHARE = 0.1
LFPW_COUNT = 80
POINTING_PEOPLE = ("07", "08")
TEST_PACKS = ("helen_test", "lfpw_test", "aflw2000")


class Picture(Protocol):
    """Labelled picture of a pack: its name in the pack, and the person where the pack names one."""

    @property
    def name(self) -> str: ...

    @property
    def group(self) -> str: ...


def key_hash(source: str, name: str) -> int:
    """CRC-32 of "SOURCE/NAME", the same on every machine."""
    return zlib.crc32(f"{source}/{name}".encode())


def held_out(source: str, samples: Sequence[Picture]) -> list[bool]:
    """For each sample of one pack, read in full, whether it is held out. Raises DataError for a test pack."""
    if source in TEST_PACKS:
        raise DataError(f"{source} is a public test set; nothing may be trained on it or chosen by it")
    if source == "lfpw_train":
        chosen = set(sorted((s.name for s in samples), key=lambda name: key_hash(source, name))[:LFPW_COUNT])
        return [sample.name in chosen for sample in samples]
    if source == "aflw21":
        return [key_hash(source, sample.name) < round(AFLW_SHARE * 2**32) for sample in samples]
    if source == "pointing04":
        return [sample.group in POINTING_PEOPLE for sample in samples]
    return [zlib.crc32(sample.group.encode()) < round(PEOPLE_SHARE * 2**32) for sample in samples]
