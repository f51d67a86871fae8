"""Cache of files that are valid only on this machine, such as built engines and measured latencies.

The file name is a hash of everything that the content depends on; a file that does not load is built again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from facetrack.download import cache_folder, new_sibling
from facetrack.errors import OutputError, first_line

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Key of a cached file, with all that its content depends on: if one field differs, the file is built again.

    purpose: kind of the content, the beginning of the file name.
    weights: SHA-256 of the network's file.
    device: name of the processor or GPU, with its driver and compute capability.
    versions: of the packages that built the file, as "name version".
    precision: fp32 or fp16.
    shape: of the batch, () where it does not matter.
    """

    purpose: str
    weights: str
    device: str
    versions: tuple[str, ...]
    precision: str = "fp32"
    shape: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        digest = hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
        return f"{self.purpose}-{digest[:24]}"

    def path(self, suffix: str) -> Path:
        return cache_folder() / "engines" / f"{self.name}{suffix}"


def weights_hash(path: Path) -> str:
    """Return the SHA-256 of the file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version(package: str) -> str:
    """Return name and version of a package: "onnxruntime 1.31.1", or "onnxruntime none" if it is not installed."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} none"


def cpu_name() -> str:
    """Return the processor's model name and architecture; "unknown" if the system does not state the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or 'unknown'} ({platform.machine()})"


def driver_version(stated: Path = Path("/proc/driver/nvidia/version")) -> str:
    """Return the version line of NVIDIA's driver, "driver not stated" if there is none."""
    try:
        return stated.read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return "driver not stated"


def load_or_build(path: Path, load: Callable[[Path], T], build: Callable[[Path], None]) -> T:
    """Load the file at `path`; build it first if it is missing or does not load.

    build: writes to a temporary path in the same folder, which is renamed once it is complete, so that another process
    never reads half a file. Raises OutputError if the folder cannot be written; exceptions of `build`, and of `load`
    on a new file, pass through.
    """
    if path.is_file():
        try:
            return load(path)
        except Exception as error:  # another version, truncated, for another GPU: in every case it is built again
            logging.getLogger(__name__).warning(
                "%s does not load (%s): building it again", path.name, first_line(error)
            )
    temporary = _temporary_path(path)
    try:
        build(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return load(path)


def _temporary_path(path: Path) -> Path:
    try:
        return new_sibling(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); free disk space, or set XDG_CACHE_HOME") from error
