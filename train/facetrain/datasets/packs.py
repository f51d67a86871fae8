"""The packs: a stored zip of pictures with labels beside it (`NAME.zip` + `NAME.npz`), as in the project's shared data.

Pixel centres are at integers in the packs as they are in facetrack, so points are taken as they stand.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology
from facetrack.errors import DataError
from facetrack.types import Floats, Image
from facetrain.sample import Sample, face_extent

TEACHER_WEIGHT = 0.5
"""A teacher network's points against a person's hand."""
TEACHER_JAW_WEIGHT = 0.05
"""The mesh's outline is not the 300-W jaw line: it may only say roughly where the face ends."""
KEEP_AROUND = 2.4
"""Side of the region kept around a face, in units of its extent: enough for every shift, scale and rotation of the
augmentation."""
MAX_SIDE_PX = 320
"""Pictures are kept at most this large: the crops are 112 px."""


def read_zip_images(path: Path) -> Iterator[tuple[str, Image]]:
    """(name, picture) of every picture in a zip, in its order.

    Raises DataError where the file is missing, is no zip, or holds a picture that does not decode.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: expected a zip of pictures, got {error}; check the path of the data folder"
        ) from error
    with archive:
        for name in archive.namelist():
            if name.endswith("/"):
                continue
            image = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_COLOR)
            if image is None:
                raise DataError(f"{path}: {name} does not decode as a picture; remove it or make the pack again")
            yield name, image  # type: ignore[misc]


def read_landmark_pack(folder: Path, name: str, trim: bool = True) -> list[Sample]:
    """A 68-point pack made by hand: helen_train, helen_test, ytfaces_train.

    trim: keep only the region around the face, which is all that training needs.
    """
    labels = _load_npz(folder / f"{name}.npz", "points")
    points = dict(zip(labels["names"].tolist(), labels["points"].astype(np.float32), strict=True))
    ones = np.ones(topology.N_POINTS, np.float32)
    keep = _trimmed if trim else _whole
    return [
        keep(Sample(file, person_of(file), name, image, points[file], ones))
        for file, image in read_zip_images(folder / f"{name}.zip")
        if file in points
    ]


def read_mesh_pack(folder: Path, name: str = "expressions") -> list[Sample]:
    """A pack labelled by the 478-point mesh, averaged into the 68 scheme; the jaw is hardly trusted."""
    labels = _load_npz(folder / f"{name}.npz", "mesh478")
    groups = json.loads((folder / "mesh478_to_68.json").read_text())
    mesh = labels["mesh478"].astype(np.float32)
    points = np.stack([mesh[:, group].mean(axis=1) for group in groups], axis=1)
    weight = np.full(topology.N_POINTS, TEACHER_WEIGHT, np.float32)
    weight[list(topology.JAW)] = TEACHER_JAW_WEIGHT
    by_name = dict(zip(labels["names"].tolist(), points, strict=True))
    return [
        _trimmed(Sample(file, person_of(file), name, image, by_name[file], weight))
        for file, image in read_zip_images(folder / f"{name}.zip")
        if file in by_name and np.isfinite(by_name[file]).all()
    ]


def read_negatives(folder: Path, name: str = "no_faces") -> list[Image]:
    """Pictures without a face."""
    return [image for _, image in read_zip_images(folder / f"{name}.zip")]


def person_of(file: str) -> str:
    """`Luis_Fonsi_21.jpg` -> `Luis_Fonsi`: the same person must not stand on both sides of a split."""
    stem = Path(file).stem
    head, _, tail = stem.rpartition("_")
    return head if head and tail.isdigit() else stem


def split(samples: list[Sample], validation_share: float) -> tuple[list[Sample], list[Sample]]:
    """(training, validation), by a hash of each sample's group: the same on every machine and for every order of the
    files."""
    limit = round(validation_share * 2**32)
    held = [zlib.crc32(sample.group.encode()) < limit for sample in samples]
    return (
        [s for s, out in zip(samples, held, strict=True) if not out],
        [s for s, out in zip(samples, held, strict=True) if out],
    )


def _load_npz(path: Path, key: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: expected the labels of a pack, got {error}; check the path of the data folder"
        ) from error
    for needed in ("names", key):
        if needed not in loaded:
            raise DataError(f"{path}: has {sorted(loaded)}, but a pack needs the array '{needed}'")
    return loaded


def _whole(sample: Sample) -> Sample:
    return sample


def _trimmed(sample: Sample) -> Sample:
    """Only the region around the face, and no larger than needed: the packs fit in memory and warps stay quick."""
    points, image = sample.points, sample.image
    half = KEEP_AROUND * face_extent(points) / 2
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    height, width = image.shape[:2]
    x0, y0 = np.maximum(np.floor(middle - half), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(middle + half) + 1, [width, height]).astype(int)
    part, moved = image[y0:y1, x0:x1], points - np.array([x0, y0], np.float32)
    scale = min(1.0, MAX_SIDE_PX / max(part.shape[:2]))
    if scale < 1:
        part, moved = _resized(part, moved, scale)
    return Sample(sample.name, sample.group, sample.source, np.ascontiguousarray(part), moved, sample.weight)


def _resized(image: Image, points: Floats, scale: float) -> tuple[Image, Floats]:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return small, ((points + 0.5) * ratio - 0.5).astype(np.float32)  # type: ignore[return-value]
