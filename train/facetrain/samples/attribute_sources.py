"""What the attribute heads are trained and measured on, and what is held aside.

Faces of the landmark packs are held aside as the landmark network's own training holds them aside, so that no figure
comes from a face that the trunk has seen. MTFL's own test part is never trained on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.errors import DataError
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.sample import Sample
from facetrain.samples.attribute_crops import Photographs
from facetrain.samples.attribute_labels import LIDS
from facetrain.samples.lid_labels import split_by_lids

Locate = Callable[[list[Sample]], list[Sample]]
"""Gives samples without the 68 points those of a landmark network, and leaves out what it takes for no face."""

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
"""Of the photographs of eyes and mouths, and of genki4k."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeSources:
    """training: faces with 68 points. photographs: those to lay into them. eyes, mouths: photographs held aside, by
    "validation" and "test". faces: held aside, to lay them into. labelled: held-aside faces with labels of their own,
    by set ("genki4k", "genki4k_test", "mtfl", "mtfl_testing", "lids").
    """

    training: list[Sample]
    photographs: Photographs
    eyes: dict[str, list[Sample]]
    mouths: dict[str, list[Sample]]
    faces: list[Sample]
    labelled: dict[str, list[Sample]]


def read_attribute_sources(
    data: Path, repeats: Mapping[str, int], held_share: float, locate: Locate, limit: int = 0
) -> AttributeSources:
    """The sets that `repeats` names, from the folder `data`, beside eyes, mouths, genki4k and mtfl.

    The faces whose lids were read (`lids`) are taken from those sets and stand for one of their own. held_share: of the
    landmark packs, as in the landmark network's recipe. limit: pictures of each set at most, 0
    for all. Raises DataError where a set is missing.
    """

    def read(name: str, most: int = limit) -> list[Sample]:
        return _limited(read_any(data / name).samples, most)

    training: list[Sample] = []
    faces: list[Sample] = []
    labelled: dict[str, list[Sample]] = {}
    for name, times in repeats.items():
        if times and name not in ("genki4k", LIDS):
            kept, held_out = packs.split(_complete(read(name)), held_share)
            training += kept
            faces += [s for s in held_out if name != "mtfl_self"]
            if name == "mtfl_self":
                labelled["mtfl"] = held_out
    if not training:
        raise DataError(f"{data}: none of {', '.join(repeats)} has faces with 68 points; check the folder of packs")
    training, labelled[LIDS] = split_by_lids(training)
    genki = split_three_ways(locate(read("genki4k.csv")))
    training += genki["training"] if repeats.get("genki4k") else []
    labelled |= {"genki4k": genki["validation"], "genki4k_test": genki["test"]}
    testing = [s for s in read("mtfl.csv", 0) if s.attributes.get("split") == "testing"]
    labelled["mtfl_testing"] = locate(_limited(testing, limit))
    eyes, mouths = (split_three_ways(read(f"{name}.csv", 0)) for name in ("eyes", "mouths"))
    photographs = Photographs(eyes["training"], mouths["training"])
    return AttributeSources(training, photographs, eyes, mouths, faces, labelled)


def _limited(samples: list[Sample], limit: int) -> list[Sample]:
    """At most `limit`, evenly spread."""
    return samples[:: -(-len(samples) // limit)] if limit and samples else samples


def _complete(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if s.scheme == topology.SCHEME and np.isfinite(s.points).all()]


def split_three_ways(samples: list[Sample]) -> dict[str, list[Sample]]:
    """training, validation and test by a hash of each name: the same on every machine and for every order."""
    parts: dict[str, list[Sample]] = {"training": [], "validation": [], "test": []}
    for sample in samples:
        place = zlib.crc32(sample.name.encode()) / 2**32
        held_out = (
            "test" if place < TEST_SHARE else "validation" if place < TEST_SHARE + VALIDATION_SHARE else "training"
        )
        parts[held_out].append(sample)
    return parts
