"""The manifest: one JSON line for each video that was done or failed, by which a rerun knows what is left to do."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from facetrack.batch.outputs import MANIFEST
from facetrack.errors import OutputError
from facetrack.types.closing import ClosesItself

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

DONE, FAILED = "done", "failed"
HASH_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One video's line.

    input: its absolute path. name: of its outputs. outputs: their files, in the output folder. size: bytes; mtime:
    seconds since 1970; both from before the first frame was read, None where there is no such file. options: their
    hash. version: facetrack's. status: DONE or FAILED. error: why it failed, one sentence. seconds: that it took.
    frames, with_faces: all, and those with a face. faces: identities. persons: each one's totals (see `persons`).
    problems: what was left out and why, where the work leaves something out. ended: seconds since 1970.
    """

    input: str
    name: str
    options: str
    version: str
    status: str
    error: str | None = None
    outputs: tuple[str, ...] = ()
    size: int | None = None
    mtime: float | None = None
    seconds: float = 0.0
    frames: int = 0
    with_faces: int = 0
    faces: int = 0
    persons: tuple[Mapping[str, Any], ...] = ()
    problems: tuple[str, ...] = ()
    ended: float = 0.0

    def is_current(self, path: Path, options: str, version: str, folder: Path, outputs: Iterable[str]) -> bool:
        """Return whether the outputs are there, of this input as it is now, these options and this version."""
        return (
            self.status == DONE
            and (self.options, self.version) == (options, version)
            and (self.size, self.mtime) == stamp(path)
            and all(name in self.outputs and (folder / name).is_file() for name in outputs)
        )


def stamp(path: Path) -> tuple[int | None, float | None]:
    """Size in bytes and time of the last change of a file, or of all files in a folder; None where there is none."""
    try:
        files = [path] if not path.is_dir() else [file for file in path.iterdir() if file.is_file()]
        states = [file.stat() for file in files]
    except OSError:
        return None, None
    return sum(state.st_size for state in states), max((state.st_mtime for state in states), default=None)


def options_hash(options: Mapping[str, Any], networks: Iterable[Path]) -> str:
    """Hash the options that results depend on; of files among them, and of the networks, the content counts."""
    values = {name: _content(value) if isinstance(value, Path) else value for name, value in options.items()}
    values["networks"] = [_content(path) for path in networks]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:HASH_DIGITS]


def _content(path: Path) -> str:
    if not path.is_file():  # a bundled network's name
        return str(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_entries(folder: Path) -> dict[str, Entry]:
    """Read the newest line of each input from the manifests of all shards; a line that was cut off counts as none."""
    found: dict[str, Entry] = {}
    for path in sorted(folder.glob("manifest*.jsonl")):
        for line in path.read_bytes().splitlines():
            entry = _parsed(line)
            if entry is not None and (entry.input not in found or found[entry.input].ended <= entry.ended):
                found[entry.input] = entry
    return found


def _parsed(line: bytes) -> Entry | None:
    known = {item.name for item in fields(Entry)}
    try:
        values = {name: value for name, value in json.loads(line).items() if name in known}
        return Entry(**values | {name: tuple(values.get(name, ())) for name in ("outputs", "persons", "problems")})
    except (ValueError, TypeError, AttributeError):
        return None


class Manifest(ClosesItself):
    """Manifest of one run, or of one shard (i, n) of it, to append to. One run at a time: the file is locked.

    Raises OutputError where it cannot be written, or another run has it.
    """

    def __init__(self, folder: Path, shard: tuple[int, int] = (1, 1)) -> None:
        index, count = shard
        whole = folder / MANIFEST
        self.path = whole if count == 1 else folder / f"manifest.{index}-of-{count}.jsonl"
        self._open: list[int] = []
        try:
            # Shards run beside one another, but not beside a run of everything.
            if count > 1:
                self._open.append(_locked(whole, exclusive=False))
            self._file = _locked(self.path, exclusive=True)
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise OutputError(
                    f"another run is writing to {folder}; wait for its end, or choose another --out."
                ) from error
            raise OutputError(f"{self.path} cannot be written ({error.strerror}); choose another --out.") from error
        self._open.append(self._file)
        self._cut_torn_line()

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        os.ftruncate(self._file, content.rfind(b"\n") + 1)

    def append(self, entry: Entry) -> None:
        """Append one line, and see it onto the disk. Raises OutputError; the file then ends with a whole line."""
        rest = memoryview((json.dumps(asdict(entry), separators=(",", ":")) + "\n").encode())
        before = os.fstat(self._file).st_size
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, before)
            raise OutputError(
                f"{self.path} cannot be written ({error.strerror}); free some space, and run the command again: what "
                "is done stays done."
            ) from error

    def close(self) -> None:
        """Close the file and give the lock back."""
        while self._open:
            os.close(self._open.pop())


def _locked(path: Path, exclusive: bool) -> int:
    """Open a file and lock it; raises BlockingIOError where another process has."""
    as_written = getattr(os, "O_BINARY", 0)  # Windows would write \r\n
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | as_written | getattr(os, "O_CLOEXEC", 0), 0o666)
    if fcntl is None:
        return descriptor
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks
        pass
    return descriptor
