"""A file that appears whole or not at all: written beside its target, then renamed. A live one appears as it grows."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from facetrack.errors import OutputError
from facetrack.sinks.inputs import Inputs, check_target
from facetrack.stopping import on_forced_end

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"
"""Ending of the name under which an interrupted run leaves its records."""
DIGITS = 8
"""Hexadecimal digits in the name of an unfinished file."""


class StagedFile:
    """A name to write under, and the rename that publishes it.

    target: where the file shall be. source: the inputs, which must not be overwritten: one, or several.
    temporary: in the same folder (a rename is only atomic within one file system), with the same extension (FFmpeg
    chooses the container by it).
    path: where the file is now.
    keeps_partial: whether a forced end of the process leaves the unfinished file as `partial`, or nothing.

    What killed runs left for the same target is removed. Raises OutputError at once when the target could not be
    written, before any work is spent.
    """

    def __init__(self, target: str | Path, source: Inputs = None) -> None:
        self.target = Path(target).resolve()  # through a link: the file that it points to is replaced, not the link
        check_target(target, source)
        self.temporary = self.target.with_name(
            f".{self.target.stem}.{secrets.token_hex(DIGITS // 2)}{self.target.suffix}"
        )
        self.partial = self.target.with_name(self.target.name + PARTIAL)
        self.path, self.keeps_partial = self.temporary, False
        _remove_leftovers(self.target)
        try:
            self._lock = _create_locked(self.temporary)
        except OSError as error:
            raise OutputError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
        self._take_back = on_forced_end(self._at_forced_end)

    @property
    def published(self) -> bool:
        """Whether the file is in its place."""
        return self.path == self.target

    def publish(self) -> None:
        """Put the file in its place while it is still being written; Windows does that at commit() only."""
        with suppress(PermissionError):
            os.replace(self.temporary, self.target)
            self.path = self.target

    def commit(self) -> None:
        """Put the finished file in its place, over what was there."""
        try:
            self._release()
            if not self.published:
                os.replace(self.temporary, self.target)
                self.path = self.target
        except OSError as error:
            self.discard()
            raise OutputError(
                f"{self.target} cannot be replaced ({error.strerror}); close what uses it, or choose another name."
            ) from error

    def keep_partial(self) -> Path:
        """Leave what an interrupted run has written, beside the target; returns its path."""
        self._release()
        if not self.published:
            os.replace(self.temporary, self.partial)
            self.path = self.partial
        return self.path

    def discard(self) -> None:
        """Leave nothing behind, unless the file is in its place already."""
        self._release()
        if not self.published:
            with suppress(OSError):
                self.temporary.unlink(missing_ok=True)

    def _release(self) -> None:
        self._take_back()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _at_forced_end(self) -> None:
        if self.keeps_partial:
            self.keep_partial()
        else:
            self.discard()


def _create_locked(path: Path) -> int | None:
    """Create the file; returns a descriptor whose lock tells others that a process is at work on it."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o666)
    if fcntl is None:  # Windows cannot rename an open file
        os.close(descriptor)
        return None
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _remove_leftovers(target: Path) -> None:
    """Remove unfinished files for `target` that no process holds any more: those of killed runs."""
    if fcntl is None:
        return
    digits = "[0-9a-f]" * DIGITS
    prefix, suffix = f".{target.stem}.", target.suffix
    for path in target.parent.glob(f".*.{digits}*"):
        if len(path.name) != len(prefix) + DIGITS + len(suffix) or not path.is_file() or path.is_symlink():
            continue
        if path.name.startswith(prefix) and path.name.endswith(suffix) and _is_free(path):
            with suppress(OSError):
                path.unlink()


def _is_free(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
