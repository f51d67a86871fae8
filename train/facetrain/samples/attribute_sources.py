"""Training, validation and test data of the attribute heads.

The landmark packs are split as in the landmark network's training, so that no figure comes from a face that the trunk
was trained on. MTFL's test part is never trained on.
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

Locate = Callable[[list[Sample]], list[Sample]]
"""Maps samples without the 68 points to samples with a landmark network's; drops those without a detected face."""

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
"""Shares of the photographs of mouths and of genki4k."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributeSources:
    """Data of the attribute heads.

    training: faces with 68 points.
    photographs: training photographs to paste into them.
    mouths: photographs by "training", "validation" and "test".
    faces: held-out faces, to paste held-out photographs into.
    labelled: held-out faces with their own labels, by data set ("genki4k", "genki4k_test", "mtfl", "mtfl_testing").
    """

    training: list[Sample]
    photographs: Photographs
    mouths: dict[str, list[Sample]]
    faces: list[Sample]
    labelled: dict[str, list[Sample]]


def read_attribute_sources(
    data: Path, repeats: Mapping[str, int], held_share: float, locate: Locate, limit: int = 0
) -> AttributeSources:
    """Read the data sets that `repeats` names from the folder `data`, and mouths, genki4k and mtfl.

    held_share: validation share of the landmark packs, as in the landmark network's recipe.
    limit: largest number of images per data set, 0 for all.
    Raises DataError where a data set is missing.
    """

    def read(name: str, max_count: int = limit) -> list[Sample]:
        return _limited(read_any(data / name).samples, max_count)

    training: list[Sample] = []
    faces: list[Sample] = []
    labelled: dict[str, list[Sample]] = {}
    for name, times in repeats.items():
        if times and name != "genki4k":
            kept, held_out = packs.split(_complete(read(name)), held_share)
            training += kept
            faces += [s for s in held_out if name != "mtfl_self"]
            if name == "mtfl_self":
                labelled["mtfl"] = held_out
    if not training:
        raise DataError(f"{data}: none of {', '.join(repeats)} has faces with 68 points; check the folder of packs")
    genki = split_three_ways(locate(read("genki4k.csv")))
    training += genki["training"] if repeats.get("genki4k") else []
    labelled |= {"genki4k": genki["validation"], "genki4k_test": genki["test"]}
    testing = [s for s in read("mtfl.csv", 0) if s.attributes.get("split") == "testing"]
    labelled["mtfl_testing"] = locate(_limited(testing, limit))
    mouths = split_three_ways(read("mouths.csv", 0))
    return AttributeSources(training, Photographs(mouths["training"]), mouths, faces, labelled)


def _limited(samples: list[Sample], limit: int) -> list[Sample]:
    """Return at most `limit` evenly spaced samples; all of them for 0."""
    return samples[:: -(-len(samples) // limit)] if limit and samples else samples


def _complete(samples: list[Sample]) -> list[Sample]:
    return [s for s in samples if s.scheme == topology.SCHEME and np.isfinite(s.points).all()]


def split_three_ways(samples: list[Sample]) -> dict[str, list[Sample]]:
    """Split into training, validation and test by a hash of each name, independent of machine and order."""
    parts: dict[str, list[Sample]] = {"training": [], "validation": [], "test": []}
    for sample in samples:
        share = zlib.crc32(sample.name.encode()) / 2**32
        part = "test" if share < TEST_SHARE else "validation" if share < TEST_SHARE + VALIDATION_SHARE else "training"
        parts[part].append(sample)
    return parts
