"""Download of third-party networks from their publishers, once and with a checksum."""

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
"""Timeout of the server's response."""
MAX_BYTES = 64 << 20
"""Limit of a download: these networks have less than 1 MB."""


@dataclass(frozen=True, slots=True)
class VendorFile:
    """Third-party file.

    name: file name in the cache.
    address: URL of its publisher.
    sha256: checksum, in hexadecimal.
    """

    name: str
    address: str
    sha256: str


def fetch(file: VendorFile, folder: Path | None = None) -> Path:
    """Download the file into the user's cache (or `folder`), unless it is there, and return its path.

    Raises ModelFileError if the download fails or the checksum differs, OutputError if the file cannot be written.
    No partial file is left behind.
    """
    path = (folder or cache_folder()) / file.name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256:
        return path
    data = _get(file)
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise ModelFileError(
            f"{file.address} sent {len(data)} bytes with SHA-256 {digest}, expected {file.sha256}: it was changed or "
            "truncated; try again, or download it yourself and give its path as `detector_model`"
        )
    _write(path, data)
    return path


def cache_folder() -> Path:
    """Return facetrack's folder in the platform's cache directory.

    $XDG_CACHE_HOME on every system, so that there is one way to move it (XDG Base Directory Specification 0.8: a
    relative path there is ignored); without it the place of each system, ~/.cache on Linux.
    """
    cache_home = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if cache_home.is_absolute():
        return cache_home / "facetrack"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "facetrack" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "facetrack"
    return Path.home() / ".cache" / "facetrack"


def _get(file: VendorFile) -> bytes:
    try:
        with urllib.request.urlopen(file.address, timeout=TIMEOUT_S) as response:
            data: bytes = response.read(MAX_BYTES)
    except (OSError, HTTPException) as error:  # URLError, HTTPError and time-outs are OSErrors
        reason = getattr(error, "reason", None) or error
        raise ModelFileError(
            f"{file.name} could not be downloaded from {file.address} ({reason}); connect to the network once, or "
            "download the file yourself and give its path as `detector_model`"
        ) from error
    return data


def new_sibling(path: Path) -> Path:
    """Create an empty temporary file in the folder of `path`, which is created if missing. Raises OSError.

    Renamed to `path` once it is complete, so that another process never reads half a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.part", suffix=path.suffix)
    os.close(handle)
    return Path(name)


def _write(path: Path, data: bytes) -> None:
    try:
        temporary = new_sibling(path)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error}); free disk space, or download the file yourself and give its path "
            "as `detector_model`"
        ) from error
