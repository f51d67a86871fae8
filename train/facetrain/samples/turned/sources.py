"""Packs joined with their label tables: the samples of a training on turned faces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.errors import DataError
from facetrack.types import Floats, Image
from facetrain.formats.label_tables import LabelTable, read_labels
from facetrain.formats.packs import person_of, read_negatives
from facetrain.formats.turned_packs import face_box, read_pointing04
from facetrain.formats.zips import read_zip_images
from facetrain.sample import Sample, trimmed
from facetrain.samples.provenance import NEGATIVES, describe, terms_of
from facetrain.samples.turned.held_out import held_out

ANGLES_ONLY = "pointing04"
HAIR = 0.2
"""Share of the face's marked box, which begins at the hairline, above the brows."""


@dataclass(frozen=True, slots=True, eq=False)
class TurnedSample:
    """A face with the labels of a label table.

    sample: the picture; its points and weights are the 68's. Without them (has_points False) they are the corners of
    the box that is to be cropped, of weight 0.
    visible: (68,) 1 visible, 0 occluded, NaN unknown. rotation: (3, 3) head to camera. rotation_weight: 0 if unknown.
    hand: (21, 2) px, AFLW's points, NaN unknown.
    """

    sample: Sample
    visible: Floats
    rotation: Floats
    rotation_weight: float
    hand: Floats
    has_points: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class TurnedSources:
    """training; held: by pack; negatives: pictures without a face; data, terms: for the network's file."""

    training: list[TurnedSample]
    held: dict[str, list[TurnedSample]]
    negatives: list[Image]
    data: list[str]
    terms: str


def read_turned_sources(
    packs: Path, labels: Path, repeats: Mapping[str, int], validated: Iterable[str]
) -> TurnedSources:
    """Read packs with their label tables.

    packs: folder of the packs. labels: folder of their tables NAME.npz.
    repeats: how often each pack is seen in an epoch; of one that is seen 0 times only the held-out part is used.
    validated: the packs whose held-out part is kept.
    """
    validated = set(validated)
    training: list[TurnedSample] = []
    held: dict[str, list[TurnedSample]] = {}
    for name, times in repeats.items():
        samples = join(packs, read_labels(labels / f"{name}.npz"), name)
        out = held_out(name, [one.sample for one in samples])
        training += [one for one, aside in zip(samples, out, strict=True) if times and not aside]
        if name in validated:
            held[name] = [one for one, aside in zip(samples, out, strict=True) if aside]
    names = [name for name, times in repeats.items() if times]
    described = [describe(name) for name in (*names, NEGATIVES)]
    return TurnedSources(training, held, read_negatives(packs, NEGATIVES), described, terms_of(names))


def join(packs: Path, table: LabelTable, name: str) -> list[TurnedSample]:
    """Each picture of a pack that the table has a row for, in the pack's order, trimmed to the face."""
    rows = {file: index for index, file in enumerate(table.names)}
    samples = _boxed(packs, rows) if name == ANGLES_ONLY else _pointed(packs, name, table, rows)
    if not samples:
        raise DataError(f"the label table of {name} names none of the pictures of {packs / name}.zip; make it again")
    return [_turned(sample, table, rows[sample.name], name != ANGLES_ONLY) for sample in samples]


def _pointed(packs: Path, name: str, table: LabelTable, rows: dict[str, int]) -> list[Sample]:
    return [
        Sample(file, file if name == "lfpw_train" else person_of(file), name, image, table.points[i], table.weight[i])
        for file, image in read_zip_images(packs / f"{name}.zip")
        if (i := rows.get(file)) is not None and np.isfinite(table.points[i]).all()
    ]


def _boxed(packs: Path, rows: dict[str, int]) -> list[Sample]:
    return [
        replace(sample, points=_corners(face_box(sample)), weight=np.zeros(topology.N_POINTS, np.float32))
        for sample in read_pointing04(packs / f"{ANGLES_ONLY}.csv").samples
        if sample.name in rows
    ]


def _corners(box: Floats) -> Floats:
    x0, y0, x1, y1 = box
    top = y0 + HAIR * (y1 - y0)
    return np.array([(x0, top), (x1, top), (x1, y1), (x0, y1)], np.float32)


def _turned(sample: Sample, table: LabelTable, index: int, has_points: bool) -> TurnedSample:
    """Hand points are moved along with the trimmed picture: both stand in one array while it is cut."""
    count = len(sample.points)
    cut = trimmed(replace(sample, points=np.concatenate([sample.points, table.hand[index]])))
    return TurnedSample(
        replace(cut, points=cut.points[:count]),
        table.visible[index],
        table.rotation[index],
        float(table.rotation_weight[index]),
        cut.points[count:],
        has_points,
    )
