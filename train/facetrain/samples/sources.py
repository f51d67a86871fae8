"""Training data of a landmark network: the project's packs, or a user's data set with 68 points."""

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
"""Number of crops to which a small data set is repeated within an epoch, each with new augmentation."""


@dataclass(frozen=True, slots=True, eq=False)
class LandmarkSources:
    """Training and validation data of a landmark network.

    training: samples of 68 points.
    validation: held-out samples by data set.
    negatives: images without a face.
    repeats: draws per sample and epoch, by data set.
    data, terms: data sets and licence terms for the network's metadata.
    problems: rows that could not be used.
    """

    training: list[Sample]
    validation: dict[str, list[Sample]]
    negatives: list[Image]
    repeats: dict[str, int]
    data: list[str]
    terms: str
    problems: list[str]


def read_sources(data: Path, repeats: Mapping[str, int], validation_share: float) -> LandmarkSources:
    """Read the packs that `repeats` names if the folder `data` holds them, else the user's data set at `data`."""
    if data.is_dir() and all((data / f"{name}.npz").is_file() for name in repeats):
        return _project_packs(data, repeats, validation_share)
    return _user_data(data, validation_share)


def _project_packs(data: Path, repeats: Mapping[str, int], validation_share: float) -> LandmarkSources:
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


def _user_data(data: Path, validation_share: float) -> LandmarkSources:
    result = read_any(data)
    samples, problems = _with_68_points(result.samples)
    if not samples:
        why = problems[0] if problems else "none of them has points"
        raise DataError(f"{data}: of its {len(result.samples)} samples none can train a landmark network: {why}")
    samples, warnings = _groups_to_split(samples)
    kept, held_out = packs.split(samples, validation_share)
    if not held_out:
        raise DataError(f"{data}: one face is not enough for training and validation; provide more")
    counts = Counter(sample.source for sample in kept)
    repeat = max(1, math.ceil(MIN_PER_EPOCH / len(kept)))
    described = [f"{name}: {count} faces, brought by the user" for name, count in counts.items()]
    return LandmarkSources(
        kept,
        {data.stem: held_out},
        [],
        dict.fromkeys(counts, repeat),
        described,
        BROUGHT_TERMS,
        result.problems + problems + warnings,
    )


def _groups_to_split(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """Return the samples unchanged, or each in its own group where all share one, such as one video; and warnings."""
    groups = {sample.group for sample in samples}
    if len(groups) > 1:
        return samples, []
    warning = f"all faces belong to '{groups.pop()}': the validation faces resemble the training faces"
    return [replace(sample, group=sample.name) for sample in samples], [warning]


def _with_68_points(samples: list[Sample]) -> tuple[list[Sample], list[str]]:
    """Convert the samples with points to the 68-point scheme; also return a problem per sample without a mapping."""
    converted, problems = [], []
    for sample in samples:
        try:
            if sample.scheme:
                converted.append(as_scheme(sample, topology.SCHEME))
        except DataError as error:
            problems.append(str(error))
    return converted, problems
