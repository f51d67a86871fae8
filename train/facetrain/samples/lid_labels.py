"""Manual eyelid labels of training faces: shut, lowered, or open.

A person who reads, looks at a telephone or squeezes the eyes in a laugh lowers the lids over eyes that see. Photographs
of single eyes hold no such eye, a stretched lid hardly resembles one, and points give the distance of the lids, not
what is between them: without these faces a network classifies lowered lids as shut, and a reader as asleep.
"""

from __future__ import annotations

import csv
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facetrack.errors import DataError
from facetrain.sample import Sample
from facetrain.samples.attribute_labels import EYES, LIDS

TABLE = Path(__file__).parents[1] / "labels" / "lids.csv"
"""Label table: set, name, right, left, after a comment line with the annotator; empty where an eye was undecidable."""
OPENNESS = {"shut": 0.0, "lowered": 0.7, "open": 1.0, "": math.nan}
"""Target openness. A lowered lid leaves part of the iris visible, so that the eye is not closed (closed is a pupil
covered by 80 %: Wierwille et al. 1994), nor open: by HELEN's hand-made points the lowered eyes of the table have 70 %
of its open eyes' median aspect ratio, by the mesh of expressions 55 %. With a target of .9 instead, squeezed shut eyes
were predicted as open more often (docs/experiments.md)."""
HELD_OUT_SHARE = 1 / 6
"""Share of the people of the table."""

Lids = Mapping[tuple[str, str], tuple[str, str]]
"""(data set, name) -> states of the person's right and left eye, keys of `OPENNESS`. A data set may be spread over
several packs with suffixes: helen_train belongs to helen, ytfaces_self to ytfaces."""


def read_lids(path: Path = TABLE) -> Lids:
    """Read the label table. Raises DataError where it cannot be read or an eye has an unknown state."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        table = {(row["set"], row["name"]): (row["right"], row["left"]) for row in rows}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: expected a table with set, name, right and left, got {error!r}") from error
    if unknown := {eye for eyes in table.values() for eye in eyes} - set(OPENNESS):
        raise DataError(f"{path}: an eye is labelled {', '.join(map(repr, unknown))}; expected one of {list(OPENNESS)}")
    return table


def split_by_lids(samples: Sequence[Sample], lids: Lids | None = None) -> tuple[list[Sample], list[Sample]]:
    """Apply the label table and split into (training, held-out) faces, disjoint by person.

    lids: the table, the project's own by default.
    Faces in the table get its labels as the attributes `EYES`; those with at least one decided eye become the data set
    `LIDS`. A sixth of the people of that data set is removed from training altogether; their faces of it are held out
    with binary labels: 1 for every eye that is not shut.
    """
    table = read_lids() if lids is None else lids
    labelled = [_with_label(sample, table.get((_set_of(sample.source), sample.name))) for sample in samples]
    held_out_people = {sample.group for sample in labelled if sample.source == LIDS and _is_held_out(sample.group)}
    held_out = [_binarised(sample) for sample in labelled if sample.source == LIDS and sample.group in held_out_people]
    return [sample for sample in labelled if sample.group not in held_out_people], held_out


def _set_of(source: str) -> str:
    return source.removesuffix("_self").removesuffix("_train")


def _with_label(sample: Sample, eyes: tuple[str, str] | None) -> Sample:
    if eyes is None:
        return sample
    attributes = {**sample.attributes, **{name: OPENNESS[eye] for name, eye in zip(EYES, eyes, strict=True)}}
    return replace(sample, attributes=attributes, source=LIDS if any(eyes) else sample.source)


def _binarised(sample: Sample) -> Sample:
    eyes = {name: float(sample.attributes[name]) for name in EYES}
    binary = {name: value if math.isnan(value) else math.ceil(value) for name, value in eyes.items()}
    return replace(sample, attributes={**sample.attributes, **binary})


def _is_held_out(person: str) -> bool:
    """Return whether a person is held out, by another hash than `packs.split`'s, whose lowest values are removed."""
    return zlib.crc32(f"lids of {person}".encode()) < HELD_OUT_SHARE * 2**32
