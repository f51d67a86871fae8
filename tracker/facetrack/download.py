"""Other people's networks, fetched once from where their makers publish them, and checked before they are used."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from facetrack.errors import ModelFileError, OutputError

TIMEOUT_S = 20.0
"""Without an answer for this long, there is none."""
MAX_BYTES = 64 << 20
"""A network of this kind has under a megabyte: whatever sends more is not sending it."""


@dataclass(frozen=True, slots=True)
class VendorFile:
    """name: under which it is kept. address: of its maker. sha256: of its bytes, in hexadecimal."""

    name: str
    address: str
    sha256: str


def fetch(file: VendorFile, folder: Path | None = None) -> Path:
    """The file's path in the user's cache (or `folder`), fetched there unless it lies there already.

    Raises ModelFileError where it cannot be had or has other bytes than expected, OutputError where it cannot be kept.
    Nothing half-written is left behind.
    """
    path = (folder or cache_folder()) / file.name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256:
        return path
    data = _get(file)
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise ModelFileError(
            f"{file.address} gave {len(data)} bytes with SHA-256 {found}, expected {file.sha256}: the file was changed "
            "or cut short on its way; try again, or get it yourself and give its path with --detector-model"
        )
    _write(path, data)
    return path


def cache_folder() -> Path:
    """Where facetrack keeps what it fetched: the platform's folder for what can be fetched again.

    Linux: $XDG_CACHE_HOME, or ~/.cache (XDG Base Directory Specification 0.8: a relative path there is ignored).
    """
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "facetrack" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "facetrack"
    stated = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (stated if stated.is_absolute() else Path.home() / ".cache") / "facetrack"


def _get(file: VendorFile) -> bytes:
    try:
        with urllib.request.urlopen(file.address, timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read(MAX_BYTES)
    except (OSError, HTTPException) as error:  # URLError, HTTPError and time-outs are OSErrors
        reason = getattr(error, "reason", None) or error
        raise ModelFileError(
            f"{file.name} could not be fetched from {file.address} ({reason}); connect to the network once, or get the "
            "file yourself and give its path with --detector-model"
        ) from error
    return data


def new_sibling(path: Path) -> Path:
    """An empty file of another name in the folder of `path`, made where it is missing: once complete it takes the
    place of `path`, so that another process never reads half a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.part", suffix=path.suffix)
    os.close(handle)
    return Path(name)


def _write(path: Path, data: bytes) -> None:
    try:
        part = new_sibling(path)
        try:
            part.write_bytes(data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error}); make room there, or get the file yourself and give its path with "
            "--detector-model"
        ) from error
