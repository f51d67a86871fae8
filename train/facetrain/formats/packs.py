"""Reader and writer of packs: an uncompressed zip of images with labels beside it (`NAME.zip` + `NAME.npz`).

Pixel centres are at integers in packs as they are in facetrack, so points are used unchanged. The arrays of the .npz
(never pickled): `names` (N,) of the images; `points` (N, K, 2) px, NaN where missing, or `mesh478`
(N, 478, 2); and where known `scheme` (), `weight` (N, K), `visible` (N, K), `groups` (N,), `emotion` (N,),
`attributes` (N,) JSON texts.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facetrack import topology, topology_maps
from facetrack.errors import DataError, first_line
from facetrack.types import Floats, Image
from facetrain.formats.reading import Reading, ReadResult
from facetrain.formats.zips import decode, read_zip_bytes, read_zip_images, reject_path_traversal
from facetrain.sample import Sample, trimmed

TEACHER_WEIGHT = 0.5
"""Weight of a teacher network's points, relative to manual labels."""
TEACHER_JAW_WEIGHT = 0.05
"""Weight of the jaw: the mesh's outline differs from the 300-W jaw line and locates the face's edge only roughly."""
JPEG_QUALITY = 95
MAX_LABELS_BYTES = 10**9
"""Largest unpacked labels that are read; 478 points of 13,000 pictures are 50 MB."""


def read_landmark_pack(folder: Path, name: str, trim: bool = True) -> list[Sample]:
    """Read a manually labelled 68-point pack: helen_train, helen_test, ytfaces_train.

    trim: keep only the region around the face, which is all that training needs.
    """
    labels = load_labels(folder / f"{name}.npz", "points")
    points = dict(zip(labels["names"].tolist(), labels["points"].astype(np.float32), strict=True))
    ones = np.ones(topology.N_POINTS, np.float32)
    keep = trimmed if trim else _unchanged
    return [
        keep(Sample(file, person_of(file), name, image, points[file], ones))
        for file, image in read_zip_images(folder / f"{name}.zip")
        if file in points
    ]


def read_mesh_pack(folder: Path, name: str = "expressions") -> list[Sample]:
    """Read a pack labelled by the 478-point mesh, averaged into the 68-point scheme with a low weight for the jaw.

    The pack's emotion labels, where present, become the attribute `emotion`.
    """
    return read_pack(folder / name).samples


def read_pack(path: Path, trim: bool = True) -> ReadResult:
    """Read any pack, NAME.npz beside NAME.zip, by its path with or without the suffix.

    Names that one of the two files lacks, images that do not decode and invalid points are listed as problems. Raises
    DataError where there is no such pack.
    """
    stem = path.with_suffix("") if path.suffix in (".npz", ".zip") else path
    labels = load_labels(stem.with_name(f"{stem.name}.npz"), None)
    rows = _rows(stem, labels)
    archive = stem.with_name(f"{stem.name}.zip")
    reading = Reading(stem, trim)
    for name, encoded in read_zip_bytes(archive):
        with reading.row():
            row = rows.pop(name, None)
            if row is None:
                raise DataError(f"{archive}: {name} has no label")
            partial = "scheme" in labels or row.scheme == topology_maps.AFLW_21
            reading.add(f"{archive}: {name}", replace(row, image=decode(archive, name, encoded)), partial)
    reading.problems += [f"{stem.name}.npz: {name} is labelled but not in {archive.name}" for name in rows]
    return reading.result()


def _rows(stem: Path, labels: dict[str, np.ndarray]) -> dict[str, Sample]:
    """Return each name's sample with a placeholder image."""
    names = [str(name) for name in labels["names"].tolist()]
    points, weight = _points(stem, labels)
    counts = {key: len(array) for key, array in labels.items() if array.ndim} | {"points": len(points)}
    if set(counts.values()) != {len(names)}:
        raise DataError(f"{stem}.npz: its arrays have different lengths, {counts}; make the pack again")
    scheme = str(labels["scheme"]) if "scheme" in labels else topology_maps.scheme_of_count(points.shape[1])
    groups, visible = labels.get("groups"), labels.get("visible")
    if len(set(names)) != len(names):
        raise DataError(f"{stem}.npz: {len(names) - len(set(names))} of its names repeat; make the pack again")
    placeholder = np.zeros((1, 1, 3), np.uint8)
    return {
        name: Sample(
            name=name,
            group=person_of(name) if groups is None else str(groups[index]),
            source=stem.name,
            image=placeholder,
            points=points[index],
            weight=weight[index],
            scheme=scheme,
            visible=None if visible is None else visible[index].astype(bool),
            attributes=_attributes(stem, labels, index),
        )
        for index, name in enumerate(names)
    }


def _points(stem: Path, labels: dict[str, np.ndarray]) -> tuple[Floats, Floats]:
    """Return (N, K, 2) points and (N, K) weights; a mesh is averaged into the 68-point scheme."""
    if "mesh478" in labels:
        mesh = labels["mesh478"].astype(np.float32)
        points = topology_maps.mesh_to_68(mesh)
        return points, np.broadcast_to(teacher_weight(), points.shape[:2])
    if "points" not in labels or labels["points"].ndim != 3 or labels["points"].shape[2] != 2:
        raise DataError(f"{stem}.npz: has {sorted(labels)}; a pack needs 'points' (N, K, 2) or 'mesh478' (N, 478, 2)")
    points = labels["points"].astype(np.float32)
    weight = labels["weight"] if "weight" in labels else np.ones(points.shape[:2])
    return points, weight.astype(np.float32)


def teacher_weight() -> Floats:
    """Return the (68,) loss weights of points averaged from the mesh."""
    weight = np.full(topology.N_POINTS, TEACHER_WEIGHT, np.float32)
    weight[list(topology.JAW)] = TEACHER_JAW_WEIGHT
    return weight


def _attributes(stem: Path, labels: dict[str, np.ndarray], index: int) -> dict[str, float | str]:
    known: dict[str, float | str] = {}
    if "attributes" in labels:
        try:
            known.update(json.loads(str(labels["attributes"][index])))
        except ValueError as error:
            raise DataError(f"{stem}.npz: attributes of row {index} are no JSON ({error}); make it again") from error
    if "emotion" in labels and str(labels["emotion"][index]):
        known["emotion"] = str(labels["emotion"][index])
    return known


def write_pack(samples: Sequence[Sample], path: Path) -> None:
    """Write NAME.zip and NAME.npz, as `read_pack` reads them.

    path: without suffix. Samples named .png are stored losslessly, all others as JPEG of quality 95.
    Raises DataError where the samples have different schemes or share a name.
    """
    schemes = sorted({sample.scheme for sample in samples})
    names = [sample.name for sample in samples]
    if len(schemes) != 1:
        raise DataError(f"a pack holds one scheme, but these samples have {schemes or 'none'}; convert them first")
    if len(set(names)) != len(names):
        raise DataError(f"a pack needs unique names, but {len(names) - len(set(names))} of these repeat")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path.with_name(f"{path.name}.zip"), "w", zipfile.ZIP_STORED) as archive:
        for sample in samples:
            reject_path_traversal(path, sample.name)
            archive.writestr(sample.name, _encoded(sample))
    arrays = {
        "names": np.array(names),
        "groups": np.array([sample.group for sample in samples]),
        "scheme": np.array(schemes[0]),
        "points": np.stack([sample.points for sample in samples]).astype(np.float32),
        "weight": np.stack([sample.weight for sample in samples]).astype(np.float32),
        "attributes": np.array([json.dumps(dict(sample.attributes)) for sample in samples]),
    }
    visible = [sample.visible for sample in samples if sample.visible is not None]
    if len(visible) == len(samples):
        arrays["visible"] = np.stack(visible)
    np.savez(path.with_name(f"{path.name}.npz"), **arrays)  # type: ignore[arg-type]


def _encoded(sample: Sample) -> bytes:
    if sample.name.lower().endswith(".png"):
        return cv2.imencode(".png", sample.image)[1].tobytes()
    return cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()


def read_negatives(folder: Path, name: str = "no_faces") -> list[Image]:
    """Read the images without a face."""
    return [image for _, image in read_zip_images(folder / f"{name}.zip")]


def person_of(file: str) -> str:
    """Return the person's name in a file name, `Luis_Fonsi_21.jpg` -> `Luis_Fonsi`, for splits disjoint by person."""
    stem = Path(file).stem
    head, _, tail = stem.rpartition("_")
    return head if head and tail.isdigit() else stem


def split(samples: list[Sample], validation_share: float) -> tuple[list[Sample], list[Sample]]:
    """Split into (training, validation) by a hash of each sample's group, independent of machine and file order.

    With two groups or more at least one is held out and at least one remains, unless the share is 0: where the hashes
    of a small set all fall on one side of the limit, the group nearest to it changes sides.
    """
    hashes = {sample.group: zlib.crc32(sample.group.encode()) for sample in samples}
    limit = round(validation_share * 2**32)
    held_out_groups = {group for group, value in hashes.items() if value < limit}
    if len(hashes) > 1 and limit > 0:
        by_hash = sorted(hashes, key=lambda group: (hashes[group], group))
        all_held_out = len(held_out_groups) == len(hashes)
        held_out_groups = (held_out_groups | {by_hash[0]}) - ({by_hash[-1]} if all_held_out else set())
    held_out = [sample.group in held_out_groups for sample in samples]
    return (
        [s for s, out in zip(samples, held_out, strict=True) if not out],
        [s for s, out in zip(samples, held_out, strict=True) if out],
    )


def load_labels(path: Path, key: str | None) -> dict[str, np.ndarray]:
    """Load the arrays of an .npz. Raises DataError where it is unreadable or lacks `names` or the array `key`."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_LABELS_BYTES:
            raise DataError(
                f"{path}: its arrays unpack to {size / 1e6:.0f} MB; at most {MAX_LABELS_BYTES / 1e6:.0f} MB are read"
            )
        with np.load(path, allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
    except DataError:
        raise
    except Exception as error:  # numpy lets through the errors of zipfile, the codecs and the header's parser
        raise DataError(
            f"{path}: expected the labels of a pack, got {first_line(error)}; check the path of the data folder"
        ) from error
    for needed in ("names", key):
        if needed is not None and needed not in loaded:
            raise DataError(f"{path}: has {sorted(loaded)}, but a pack needs the array '{needed}'")
    return loaded


def _unchanged(sample: Sample) -> Sample:
    return sample
