"""What was built or measured once and holds only on this machine: kept in the user's cache, named by all that it
depends on, made again when it does not load."""

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
from facetrack.errors import OutputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Everything that what is kept depends on: one difference, and it is made anew.

    purpose: what it is, the beginning of the file's name. weights: SHA-256 of the network's file. device: the
    processor's or GPU's name, with its driver and compute capability. versions: of the packages that made it, as
    "name version". precision: fp32 or fp16. shape: of the batch, () where it does not matter.
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
    """SHA-256 of the file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version(package: str) -> str:
    """As in "onnxruntime 1.31.1"; "onnxruntime none" where it is not installed."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} none"


def cpu_name() -> str:
    """The processor as its maker calls it, where the system says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or 'unknown'} ({platform.machine()})"


def driver_version(stated: Path = Path("/proc/driver/nvidia/version")) -> str:
    """What NVIDIA's driver calls itself, where the system says so."""
    try:
        return stated.read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return "driver not stated"


def load_or_build(path: Path, load: Callable[[Path], T], build: Callable[[Path], None]) -> T:
    """What `load` reads at `path`, where `build` writes it if it is not there or does not load.

    build: gets another path in the same folder, which takes the file's place once it is complete: another process never
    reads half a file. Raises OutputError where nothing can be kept there; what `build` and, on a fresh file, `load`
    raise passes through.
    """
    if path.is_file():
        try:
            return load(path)
        except Exception as error:  # of another version, cut short, for another GPU: whatever it is, it is made again
            reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            logging.getLogger(__name__).warning("%s does not load (%s): it is made again", path.name, reason)
    part = _beside(path)
    try:
        build(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return load(path)


def _beside(path: Path) -> Path:
    try:
        return new_sibling(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}); make room there, or set XDG_CACHE_HOME") from error
