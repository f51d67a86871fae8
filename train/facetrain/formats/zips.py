"""Images in zip files, decoded in memory without unpacking."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from facetrack.capture.images import decode_image
from facetrack.errors import DataError, FacetrackError, SourceError, first_line
from facetrack.types import Image

MAX_ENTRY_BYTES = 2**28
"""Largest file in a zip that is read, 268 MB: zeros compress a thousandfold, and the largest picture is smaller."""


def read_zip_bytes(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, encoded image) of every file in a zip, in archive order.

    Raises DataError where the file is missing or no zip, holds a path that leads out of it, or an entry of more than
    MAX_ENTRY_BYTES.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                reject_path_traversal(path, name)
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, _read_entry(path, archive, entry)
    except FacetrackError:
        raise
    except Exception as error:  # zipfile lets through the errors of zlib, lzma, bz2 and struct
        raise DataError(
            f"{path}: expected a zip of images, got {first_line(error)}; check the path of the data folder"
        ) from error


def _read_entry(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Read one entry; its stated size is checked, and zipfile reads no more than that."""
    if entry.file_size > MAX_ENTRY_BYTES:
        raise DataError(
            f"{path}: {entry.filename} unpacks to {entry.file_size / 1e6:.0f} MB; at most "
            f"{MAX_ENTRY_BYTES / 1e6:.0f} MB are read: it is no image"
        )
    return archive.read(entry)


def read_zip_images(path: Path) -> Iterator[tuple[str, Image]]:
    """Yield (name, image) of every image in a zip, in archive order.

    Raises DataError where the file is missing, is no zip, holds a path that leads out of it, or an image that does not
    decode.
    """
    for name, encoded in read_zip_bytes(path):
        yield name, decode(path, name, encoded)


def decode(path: Path, name: str, encoded: bytes, upright: bool = True) -> Image:
    """Decode an image to (H, W, 3) BGR. Raises DataError where the bytes are no image, or claim too large a one.

    upright: turn it by its EXIF orientation; otherwise as it is stored.
    """
    try:
        return decode_image(f"{path}: {name}", encoded, upright)
    except SourceError as error:
        raise DataError(f"{error} (or make the pack again without it)") from error


def reject_path_traversal(path: Path, name: str) -> None:
    """Raise DataError for an entry whose path leads out of the zip: unpacked, it would write outside the folder."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if not parts.parts:
        raise DataError(f"{path}: holds '{name}', which names no file; do not use this file")
    if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
        raise DataError(f"{path}: holds '{name}', a path that leads out of the zip; do not use this file")
