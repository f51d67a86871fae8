"""Held-out sets of the attribute heads, read with the training's own splits (`samples.attribute_sources`).

Labelled test faces, and test photographs of mouths with the held-out faces that they are pasted into.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.geometry import CropBox, crop_from_detection, crop_from_points
from facetrack.landmarker import Landmarker
from facetrain.formats import packs
from facetrain.formats.open import read_any
from facetrain.reporting.progress import with_progress
from facetrain.sample import Sample
from facetrain.samples.attribute_sources import split_three_ways
from facetrain.samples.locate import MIN_PRESENCE, first_crop
from facetrain.tasks.attributes import AttributeRecipe

FirstCrop = Callable[[Sample], CropBox | None]
FACE_PACKS = ("helen_train", "ytfaces_train", "expressions")
"""Packs whose held-out faces the photographs are pasted into."""


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """Sizes of one data set and its held-out part.

    total: number of images
    held_out: number of held-out images, which are measured
    split_by: rule of the split
    without_face: number of held-out images in which the network detects no face
    """

    name: str
    total: int
    held_out: int
    split_by: str
    without_face: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutData:
    """Held-out samples of every set.

    genki4k, mtfl, yawns: test faces with the network's landmarks
    genki4k_training: training faces, which a constant offset may be fitted on
    yawns_seen: names of yawns whose landmarks the network was trained on
    mouths: test photographs
    faces: held-out faces that the photographs are pasted into
    held_out: sizes of the sets for the report
    """

    genki4k: list[Sample]
    genki4k_training: list[Sample]
    mtfl: list[Sample]
    yawns: list[Sample]
    yawns_seen: frozenset[str]
    mouths: list[Sample]
    faces: list[Sample]
    held_out: list[HeldOutSet]


def read_held_out(data: Path, landmarker: Landmarker, detector: Detector, limit: int = 0) -> HeldOutData:
    """Read the held-out sets.

    data: folder of the sets
    detector: for yawn_faces, whose faces lie anywhere in the image; in the other sets the face fills the image
    limit: maximum number of images of each part, 0 for all
    Raises DataError if a set is missing.
    """
    held_out: list[HeldOutSet] = []

    def detected(sample: Sample) -> CropBox | None:
        faces = detector(sample.image)
        return crop_from_detection(*faces.face(0), landmarker.margin) if len(faces.boxes) else None

    def test_part(
        name: str, parts: dict[str, list[Sample]], split_by: str, first: FirstCrop | None = first_crop
    ) -> list[Sample]:
        test = _limited(parts["test"], limit)
        located = test if first is None else locate_landmarks(landmarker, test, name, first)
        held_out.append(HeldOutSet(name, sum(map(len, parts.values())), len(test), split_by, len(test) - len(located)))
        return located

    hashed = "a hash of the name: 20 % test, 10 % validation"
    genki = split_three_ways(read_any(data / "genki4k.csv").samples)
    genki_test = test_part("genki4k", genki, hashed)
    genki_training = locate_landmarks(
        landmarker, _limited(genki["training"], limit), "genki4k, training set", first_crop
    )
    mtfl = test_part("mtfl", _official_split(read_any(data / "mtfl.csv").samples), "the official test set (AFLW)")
    yawn_parts = split_three_ways(read_any(data / "yawn_faces.csv").samples)
    all_yawns = [sample for part in yawn_parts.values() for sample in part]
    trained, _ = packs.split(all_yawns, AttributeRecipe().held_share)
    thresholds = "the thresholds of `signals.yawn` were set on the other parts"
    yawns = test_part("yawn_faces", yawn_parts, f"{hashed}; {thresholds}", detected)
    mouths = test_part("mouths", split_three_ways(read_any(data / "mouths.csv").samples), hashed, None)
    faces = [face for name in FACE_PACKS for face in _held_out_faces(data / name, held_out)]
    return HeldOutData(
        genki_test, genki_training, mtfl, yawns, frozenset(s.name for s in trained), mouths, faces, held_out
    )


def _official_split(samples: list[Sample]) -> dict[str, list[Sample]]:
    testing = [s for s in samples if s.attributes.get("split") == "testing"]
    return {"training": [s for s in samples if s.attributes.get("split") != "testing"], "test": testing}


def _held_out_faces(path: Path, held_out: list[HeldOutSet]) -> list[Sample]:
    """Return the held-out faces of a pack, and add its sizes to `held_out`."""
    share = AttributeRecipe().held_share
    training, validation = packs.split(read_any(path).samples, share)
    total = len(training) + len(validation)
    held_out.append(HeldOutSet(path.name, total, len(validation), f"a hash of the person's name: {share:.0%}"))
    return validation


def _limited(samples: list[Sample], limit: int) -> list[Sample]:
    """Return at most `limit` evenly spaced samples; all for 0."""
    return samples[:: -(-len(samples) // limit)] if limit and samples else samples


def locate_landmarks(landmarker: Landmarker, samples: list[Sample], title: str, first: FirstCrop) -> list[Sample]:
    """Return the samples with predicted landmarks, refined in two passes as by `tasks.attributes.Locator`.

    first: first crop of a sample, None if there is none
    Samples without a first crop or with a low presence score are left out.
    """
    located, half_weight = [], np.full(topology.N_POINTS, 0.5, np.float32)
    for sample in with_progress(samples, title):
        crop = first(sample)
        if crop is None:
            continue
        for _ in range(2):
            reading = landmarker(sample.image, [crop])[0]
            crop = crop_from_points(reading.landmarks.points, landmarker.margin)
        if reading.presence > MIN_PRESENCE:
            points = reading.landmarks.points
            located.append(replace(sample, points=points, weight=half_weight, scheme=topology.SCHEME))
    return located
