"""What a landmark network is trained on: the project's own packs, or whatever 68 points a user brings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from facetrack import topology
from facetrack.errors import DataError
from facetrack.types import Image
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.sample import Sample, as_scheme
from facetrain.samples.provenance import BROUGHT_TERMS, NEGATIVES, describe, terms_of

MIN_PER_EPOCH = 2048
"""A small set is repeated within an epoch until there are this many crops: each is augmented afresh."""


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkSources:
    """training: samples of 68 points. validation: by set. negatives: pictures without a face. repeats: how often each
    set is seen in an epoch. data, terms: for the network's file. problems: rows that could not be used."""

    training: list[Sample]
    validation: dict[str, list[Sample]]
    negatives: list[Image]
    repeats: dict[str, int]
    data: list[str]
    terms: str
    problems: list[str]


def read_sources(data: Path, repeats: Mapping[str, int], validation_share: float) -> LandmarkSources:
    """The packs that `repeats` names if `data` is the folder that holds them, else whatever labelled faces lie at
    `data`."""
    if data.is_dir() and all((data / f"{name}.npz").is_file() for name in repeats):
        return _own_packs(data, repeats, validation_share)
    return _brought(data, validation_share)


def _own_packs(data: Path, repeats: Mapping[str, int], validation_share: float) -> LandmarkSources:
    training: list[Sample] = []
    validation: dict[str, list[Sample]] = {}
    for name in repeats:
        kept, held_out = packs.split(packs.read_pack(data / name).samples, validation_share)
        training += kept
        if held_out:
            validation[name] = held_out
    described = [describe(name) for name in (*repeats, NEGATIVES)]
    negatives = packs.read_negatives(data, NEGATIVES)
    return LandmarkSources(training, validation, negatives, dict(repeats), described, terms_of(repeats), [])


def _brought(data: Path, validation_share: float) -> LandmarkSources:
    result = read_any(data)
    samples, problems = _with_68_points(result.samples)
    if not samples:
        why = problems[0] if problems else "none of them has points"
        raise DataError(f"{data}: of its {len(result.samples)} samples none can train a landmark network: {why}")
    samples, remark = _groups_to_split(samples)
    kept, held_out = packs.split(samples, validation_share)
    if not held_out:
        raise DataError(f"{data}: one face is not enough to train on and to check; bring more of them")
    counts = Counter(sample.source for sample in kept)
    times = max(1, math.ceil(MIN_PER_EPOCH / len(kept)))
    described = [f"{name}: {count} faces, brought by the user" for name, count in counts.items()]
    return LandmarkSources(
        kept,
        {data.stem: held_out},
        [],
        dict.fromkeys(counts, times),
        described,
        BROUGHT_TERMS,
        result.problems + problems + remark,
    )


def _groups_to_split(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """The samples as they are, or each a group of its own where all are of one, such as one video."""
    groups = {sample.group for sample in samples}
    if len(groups) > 1:
        return samples, []
    remark = f"all faces belong to '{groups.pop()}': those held aside for validation resemble the others"
    return [replace(sample, group=sample.name) for sample in samples], [remark]


def _with_68_points(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """The samples that have points, in the 68 scheme; and a sentence for each whose scheme does not map into it."""
    converted, problems = [], []
    for sample in samples:
        try:
            if sample.scheme:
                converted.append(as_scheme(sample, topology.SCHEME))
        except DataError as error:
            problems.append(str(error))
    return converted, problems
