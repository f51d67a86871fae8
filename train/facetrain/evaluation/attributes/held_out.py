"""What the attribute heads' training held aside (`samples.attribute_sources`), read as the training read it:
test faces with labels, and photographs of eyes and mouths with the faces to lay them into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.geometry import CropBox, crop_from_detection, crop_from_points
from facetrack.landmarker import Landmarker
from facetrain.evaluation.landmarks.measure import shown
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.sample import Sample
from facetrain.samples.attribute_sources import split_three_ways
from facetrain.samples.locate import MIN_PRESENCE, first_crop
from facetrain.tasks.attributes import AttributeRecipe

FirstCrop = Callable[[Sample], CropBox | None]
FACE_PACKS = ("helen_train", "ytfaces_train", "expressions")
"""Whose held-aside faces the photographs are laid into."""


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """One set: how many pictures it has, how many are measured on, by what they were held aside, and in how many of
    these the network sees no face."""

    name: str
    total: int
    held_out: int
    split_by: str
    without_face: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutData:
    """genki4k, mtfl, yawns: test faces with the network's points. genki4k_training: those that an offset may be learnt
    from. eyes, mouths: test photographs. faces: to lay them into. yawns_seen: names of yawns whose points the landmark
    network learnt. held: what stands in the report."""

    genki4k: list[Sample]
    genki4k_training: list[Sample]
    mtfl: list[Sample]
    yawns: list[Sample]
    yawns_seen: frozenset[str]
    eyes: list[Sample]
    mouths: list[Sample]
    faces: list[Sample]
    held_out: list[HeldOutSet]


def read_held_out(data: Path, landmarker: Landmarker, detector: Detector, limit: int = 0) -> HeldOutData:
    """data: the folder of the sets. detector: finds the faces of yawn_faces, which lie anywhere in their pictures;
    those of the other sets fill them. limit: pictures of each part at most, 0 for all. Raises DataError where a set
    is missing."""
    held_out: list[HeldOutSet] = []

    def detected(sample: Sample) -> CropBox | None:
        faces = detector(sample.image)
        return crop_from_detection(*faces.face(0), landmarker.margin) if len(faces.boxes) else None

    def part(
        name: str, parts: dict[str, list[Sample]], split_by: str, first: FirstCrop | None = first_crop
    ) -> list[Sample]:
        test = _limited(parts["test"], limit)
        found = test if first is None else locate_landmarks(landmarker, test, name, first)
        held_out.append(HeldOutSet(name, sum(map(len, parts.values())), len(test), split_by, len(test) - len(found)))
        return found

    hashed = "a hash of the name: 20 % test, 10 % validation"
    genki = split_three_ways(read_any(data / "genki4k.csv").samples)
    genki_test = part("genki4k", genki, hashed)
    genki_training = locate_landmarks(
        landmarker, _limited(genki["training"], limit), "genki4k, training part", first_crop
    )
    mtfl = part("mtfl", _official_split(read_any(data / "mtfl.csv").samples), "the set's own testing part (AFLW)")
    yawn_parts = split_three_ways(read_any(data / "yawn_faces.csv").samples)
    everybody = [sample for some in yawn_parts.values() for sample in some]
    learnt, _ = packs.split(everybody, AttributeRecipe().held_share)
    yawns = part("yawn_faces", yawn_parts, f"{hashed}; the levels of `signals.yawn` were set on the others", detected)
    eyes, mouths = (
        part(name, split_three_ways(read_any(data / f"{name}.csv").samples), hashed, None)
        for name in ("eyes", "mouths")
    )
    faces = [face for name in FACE_PACKS for face in _held_out_faces(data / name, held_out)]
    return HeldOutData(
        genki_test, genki_training, mtfl, yawns, frozenset(s.name for s in learnt), eyes, mouths, faces, held_out
    )


def _official_split(samples: list[Sample]) -> dict[str, list[Sample]]:
    testing = [s for s in samples if s.attributes.get("split") == "testing"]
    return {"training": [s for s in samples if s.attributes.get("split") != "testing"], "test": testing}


def _held_out_faces(path: Path, held_out: list[HeldOutSet]) -> list[Sample]:
    share = AttributeRecipe().held_share
    training, aside = packs.split(read_any(path).samples, share)
    held_out.append(
        HeldOutSet(path.name, len(training) + len(aside), len(aside), f"a hash of the person's name: {share:.0%}")
    )
    return aside


def _limited(samples: list[Sample], limit: int) -> list[Sample]:
    """At most `limit`, evenly spread."""
    return samples[:: -(-len(samples) // limit)] if limit and samples else samples


def locate_landmarks(landmarker: Landmarker, samples: list[Sample], title: str, first: FirstCrop) -> list[Sample]:
    """Samples with the network's points, read twice as `tasks.attributes.Locator` does; without those that it takes for
    no face. first: where to look first, None for nowhere."""
    found, unsure = [], np.full(topology.N_POINTS, 0.5, np.float32)
    for sample in shown(samples, title):
        crop = first(sample)
        if crop is None:
            continue
        for _ in range(2):
            reading = landmarker(sample.image, [crop])[0]
            crop = crop_from_points(reading.landmarks.points, landmarker.margin)
        if reading.presence > MIN_PRESENCE:
            points = reading.landmarks.points
            found.append(replace(sample, points=points, weight=unsure, scheme=topology.SCHEME))
    return found
