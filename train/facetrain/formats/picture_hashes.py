"""Hashes of the pictures in a data set, by which the same picture is found in another one."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from facetrack.capture.images import is_image_file

UNIQUE_NAME = re.compile(r"\d{6,}_\d+|[A-Z][\w.'-]*_[\w.'-]*\d{2,}")
"""Stems that no other data set has by chance: a photograph's number on Flickr, a person's name with a number."""


def picture_hash(name: str, content_crc: int) -> int:
    """Return the hash of a picture: of its stem if that is unique, else of its bytes. content_crc: CRC-32 of these."""
    stem = Path(name).stem
    return zlib.crc32(stem.encode()) if UNIQUE_NAME.fullmatch(stem) else content_crc


def hashes_in(path: Path) -> Iterator[tuple[str, int]]:
    """Return name and hash of each picture in a folder (and its zip files) or a pack, without decoding any.

    Files that cannot be read are left out: they need not be training data.
    """
    archive = path.with_suffix(".zip") if path.suffix in (".npz", ".csv") else path
    if not archive.exists() and path.with_name(f"{path.name}.zip").is_file():
        archive = path.with_name(f"{path.name}.zip")
    if archive.is_dir():
        for file in sorted(archive.rglob("*")):
            if is_image_file(file):
                with suppress(OSError):
                    yield str(file.relative_to(archive)), picture_hash(file.name, zlib.crc32(file.read_bytes()))
        for inner in sorted(archive.rglob("*.zip")):
            yield from hashes_in(inner)
    elif archive.suffix == ".zip" and archive.is_file():
        with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(archive) as pictures:
            # its directory holds the CRC-32 of every file
            for info in pictures.infolist():
                if is_image_file(Path(info.filename)) and not info.is_dir():
                    yield info.filename, picture_hash(info.filename, info.CRC)
