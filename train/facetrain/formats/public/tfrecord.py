"""Reader of TFRecord shards of tf.train.Example by the package `tfrecord` (extra `tfrecord`), without TensorFlow.

Three landmark layouts are supported:
- `label/marks`: 2K floats x0 y0 x1 y1 ..., divided by the image size (the layout of the tutorials around TF
  estimators): px = value * size, pixel centres at integers;
- `points`: 2K floats x0 y0 x1 y1 ... in px, pixel centres at integers, nan for missing;
- `image/object/keypoint/x` and `/y`: K floats each, 0..1 from edge to edge (TensorFlow's object detection):
  px = value * size - 0.5.
The image is `image/encoded` (JPEG, PNG), its name `image/filename`. Scalars and strings under `attribute/` become
attributes; `split` is derived from the shard's file name: train, validation or test.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from facetrack import topology_maps
from facetrack.errors import DataError, MissingExtraError, SourceError
from facetrack.types import Floats
from facetrain.formats.labelled_pictures import decode_labelled
from facetrain.formats.reading import NO_POINTS, Reading, ReadResult
from facetrain.sample import Sample

PATTERN = "*.tfrecord*"
SPLITS = ("train", "validation", "test")
PREFIX = "attribute/"


def read_tfrecord(path: Path, trim: bool = True) -> ReadResult:
    """Read one shard, or all shards below a folder.

    The records before the defect of a truncated shard are kept, and the shard is listed as a problem. Raises
    MissingExtraError where the package `tfrecord` is not installed, DataError where there is no shard.
    """
    shards = [path] if path.is_file() else sorted(file for file in path.rglob(PATTERN) if file.is_file())
    if not shards:
        raise DataError(f"{path} holds no TFRecord shard (*.tfrecord); check the path")
    reading = Reading(path, trim)
    for shard in shards:
        with reading.row():
            for index, example in enumerate(_examples(shard)):
                with reading.row():
                    where = f"{shard}: record {index}"
                    reading.add(where, _sample(where, shard, index, example), allow_missing=True)
    return reading.result()


def split_of(shard: Path) -> str:
    """Return train, validation or test by the shard's file name; "" where the name has none of them."""
    name = shard.name.lower()
    return next((split for split in SPLITS if split[:3] in name), "")


def _examples(shard: Path) -> Iterator[dict[str, Any]]:
    try:
        from tfrecord.reader import example_loader  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise MissingExtraError(
            "reading TFRecord shards needs the package tfrecord; install the extra: "
            "python -m pip install 'facetrack[tfrecord]'"
        ) from error
    from google.protobuf.message import DecodeError

    kind = "gzip" if shard.suffix == ".gz" else None
    try:
        yield from example_loader(str(shard), None, compression_type=kind)
    except (RuntimeError, DecodeError, OSError, EOFError, MemoryError, OverflowError, IndexError) as error:
        raise DataError(f"{shard}: is truncated or no TFRecord file ({error}); copy it again") from error


def _sample(where: str, shard: Path, index: int, example: dict[str, Any]) -> Sample:
    encoded = example.get("image/encoded")
    if not isinstance(encoded, bytes):
        raise DataError(f"{where}: has {', '.join(sorted(example)) or 'nothing'}; expected image/encoded")
    try:
        picture = decode_labelled(f"{shard}: record {index}", encoded)
    except SourceError as error:
        raise DataError(str(error)) from error
    stored = picture.image.shape[1::-1] if not picture.turn[0] else picture.image.shape[:2]
    points = picture.upright(_points(where, example, stored))
    filename = example.get("image/filename", b"")
    name = filename.decode(errors="replace") if isinstance(filename, bytes) and filename else f"{index}.jpg"
    split = split_of(shard)
    attributes = _attributes(example) | ({"split": split} if split else {})
    return Sample(
        f"{shard.stem}/{name}", name, "tfrecord", picture.image, points, np.ones(len(points), np.float32),
        topology_maps.scheme_of_count(len(points)) if len(points) else "", None, attributes,
    )  # fmt: skip


def _points(where: str, example: dict[str, Any], stored: tuple[int, ...]) -> Floats:
    size = np.array(stored, np.float32)  # width, height px
    try:
        if "label/marks" in example:
            return np.asarray(example["label/marks"], np.float32).reshape(-1, 2) * size
        if "points" in example:
            return np.asarray(example["points"], np.float32).reshape(-1, 2)
        if "image/object/keypoint/x" in example:
            x, y = (np.asarray(example[f"image/object/keypoint/{axis}"], np.float32) for axis in "xy")
            return np.stack([x, y], axis=1) * size - np.float32(0.5)
    except (KeyError, ValueError) as error:
        raise DataError(f"{where}: its point coordinates do not form (x, y) pairs ({error})") from error
    return NO_POINTS


def _attributes(example: dict[str, Any]) -> dict[str, float | str]:
    known: dict[str, float | str] = {}
    for key, value in example.items():
        if not key.startswith(PREFIX):
            continue
        if isinstance(value, bytes):
            known[key.removeprefix(PREFIX)] = value.decode(errors="replace")
        elif np.size(value) == 1:
            known[key.removeprefix(PREFIX)] = float(np.ravel(value)[0])
    return known
