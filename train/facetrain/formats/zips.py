"""Images in zip files, decoded in memory without unpacking."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from facetrack.errors import DataError
from facetrack.types import Image


def read_zip_bytes(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, encoded image) of every file in a zip, in archive order.

    Raises DataError where the file is missing or no zip, or holds a path that leads out of it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                reject_path_traversal(path, name)
            for name in archive.namelist():
                if not name.endswith("/"):
                    yield name, archive.read(name)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: expected a zip of images, got {error}; check the path of the data folder") from error


def read_zip_images(path: Path) -> Iterator[tuple[str, Image]]:
    """Yield (name, image) of every image in a zip, in archive order.

    Raises DataError where the file is missing, is no zip, holds a path that leads out of it, or an image that does not
    decode.
    """
    for name, encoded in read_zip_bytes(path):
        yield name, decode(path, name, encoded)


def decode(path: Path, name: str, encoded: bytes) -> Image:
    """Decode an image to (H, W, 3) BGR. Raises DataError where the bytes are no image."""
    image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR) if encoded else None
    if image is None:
        raise DataError(f"{path}: {name} does not decode as an image; remove it or make the pack again")
    return np.asarray(image, dtype=np.uint8)


def reject_path_traversal(path: Path, name: str) -> None:
    """Raise DataError for an entry whose path leads out of the zip: unpacked, it would write outside the folder."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataError(f"{path}: holds '{name}', a path that leads out of the zip; do not use this file")
