"""Lids of training faces, read by looking at each: shut, lowered, or open.

A person who reads, looks at a telephone or squeezes the eyes in a laugh lowers the lids over eyes that see. Photographs
of single eyes hold no such eye, a stretched lid hardly resembles one, and points say how far the lids are apart, not
what is between them: without these faces a network calls them shut, and a reader asleep.
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
"""set, name, right, left, after a line that says who read them; an eye is empty where the reader could not tell."""
OPENNESS = {"shut": 0.0, "lowered": 0.7, "open": 1.0, "": math.nan}
"""What the network is to say. A lowered lid leaves part of the iris free, so that it is not closed (closed is a pupil
covered by 80 %: Wierwille et al. 1994), nor open: by HELEN's hand-made points the lowered eyes of the table have 70 %
of its open eyes' median aspect ratio, by the mesh of expressions 55 %. Taught as .9 instead, shut eyes that are
squeezed were read as open more often (docs/experiments.md)."""
HELD_OUT_SHARE = 1 / 6
"""Of the people of the table."""

Lids = Mapping[tuple[str, str], tuple[str, str]]
"""(set, name) -> what the person's right and left eye are, keys of `OPENNESS`. One set may come in several packs, whose
names end differently: helen_train is helen, ytfaces_self is ytfaces."""


def read_lids(path: Path = TABLE) -> Lids:
    """The table. Raises DataError where it cannot be read or says something else of an eye."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        table = {(row["set"], row["name"]): (row["right"], row["left"]) for row in rows}
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise DataError(f"{path}: expected a table with set, name, right and left, got {error!r}") from error
    if odd := {eye for eyes in table.values() for eye in eyes} - set(OPENNESS):
        raise DataError(f"{path}: an eye is said to be {', '.join(map(repr, odd))}; expected one of {list(OPENNESS)}")
    return table


def split_by_lids(samples: Sequence[Sample], lids: Lids | None = None) -> tuple[list[Sample], list[Sample]]:
    """(for training, held aside) of faces and a table, the project's own by default.

    Faces that the table knows have its word on their eyes as the attributes `EYES`, and those of whom it can tell
    anything become the set `LIDS`. Of a sixth of the people in that set no face at all is left for training; their
    faces of it are held aside, with 1 for every eye that is not shut, so that it can be counted who is right.
    """
    table = read_lids() if lids is None else lids
    read = [_with_label(sample, table.get((_set_of(sample.source), sample.name))) for sample in samples]
    aside = {sample.group for sample in read if sample.source == LIDS and _is_held_out(sample.group)}
    held_out = [_decided(sample) for sample in read if sample.source == LIDS and sample.group in aside]
    return [sample for sample in read if sample.group not in aside], held_out


def _set_of(source: str) -> str:
    return source.removesuffix("_self").removesuffix("_train")


def _with_label(sample: Sample, eyes: tuple[str, str] | None) -> Sample:
    if eyes is None:
        return sample
    attributes = {**sample.attributes, **{name: OPENNESS[eye] for name, eye in zip(EYES, eyes, strict=True)}}
    return replace(sample, attributes=attributes, source=LIDS if any(eyes) else sample.source)


def _decided(sample: Sample) -> Sample:
    eyes = {name: float(sample.attributes[name]) for name in EYES}
    hard = {name: value if math.isnan(value) else math.ceil(value) for name, value in eyes.items()}
    return replace(sample, attributes={**sample.attributes, **hard})


def _is_held_out(person: str) -> bool:
    """By a hash, the same on every machine; of another text than `packs.split`'s, whose lowest hashes are gone."""
    return zlib.crc32(f"lids of {person}".encode()) < HELD_OUT_SHARE * 2**32
