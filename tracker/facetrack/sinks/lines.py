"""Lines of text into a staged file, or onto standard output as they come."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from facetrack.errors import OutputError
from facetrack.sinks.inputs import Inputs
from facetrack.sinks.staged import StagedFile

POLL_S = 0.01


class Lines:
    """The text output of a sink.

    target: a file; "-" for standard output. Every line is written at once, past Python's buffers, which the process
    would otherwise flush at its end, into a pipe that may be full. source: inputs, which must not be overwritten.
    live: the file is in its place from its first record on; else it appears whole at commit().

    closed turns True when the reader of standard output or a pipe has gone (`| head -1`): later lines are dropped
    silently, and the caller may stop. Raises OutputError when the target cannot be written or the disk is full; the
    file then ends with its last whole line, and commit() keeps it if it is live.
    """

    def __init__(self, target: str | Path, source: Inputs = None, live: bool = False) -> None:
        self._target, self._live = str(target), live
        self._staged: StagedFile | None = None
        self._text: TextIO | None = None
        self.closed = self._failed = self._finished = self.has_records = False
        self._whole_bytes = 0
        if self._target == "-":
            if sys.stdout is None:
                raise OutputError("Standard output is closed; give --json a file, or leave it open.")
            self._descriptor = self._standard_output()
        elif is_stream(target):
            self._descriptor = self._open(Path(target), 0)
        else:
            self._staged = StagedFile(target, source)
            self._descriptor = self._open(self._staged.temporary, os.O_TRUNC)

    @property
    def is_stream(self) -> bool:
        """Whether a reader takes the lines as they come."""
        return self._staged is None

    def _standard_output(self) -> int | None:
        try:
            sys.stdout.flush()
            return os.dup(sys.stdout.fileno())
        except (OSError, ValueError):  # replaced by an object without a descriptor, as in a test
            self._text = sys.stdout
            return None

    def _open(self, path: Path, flags: int) -> int:
        try:
            return os.open(path, os.O_WRONLY | flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        except OSError as error:
            raise OutputError(f"{self._target} cannot be written ({error.strerror}); choose another name.") from error

    def write(self, text: str, is_record: bool = True) -> None:
        """Write text that ends in a newline. is_record: False for a header, of which alone no file is kept."""
        if self.closed or self._failed:
            return
        try:
            self._write(text)
        except OSError as error:
            if _reader_has_gone(error, self.is_stream):
                self.closed = True
                return
            self._failed = True
            self._cut()
            raise OutputError(f"{self._target} cannot be written ({error.strerror}); free some space.") from error
        else:
            self.has_records |= is_record
            if self._staged is not None and self.has_records and not self._staged.published:
                self._staged.keeps_partial = True
                if self._live:
                    self._staged.publish()

    def _write(self, text: str) -> None:
        if self._descriptor is None:
            assert self._text is not None
            self._text.write(text)
            self._text.flush()
            return
        rest = memoryview(text.encode(errors="replace"))  # names of pictures may not be UTF-8
        size = len(rest)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # whoever made the pipe has set it so
                _wait_for(self._descriptor)
        self._whole_bytes += size

    def _cut(self) -> None:
        """Cut the file behind its last whole line."""
        if self._staged is not None and self._descriptor is not None:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._whole_bytes)

    def commit(self) -> None:
        """Finish: a staged file takes its place. Does nothing a second time, or after discard()."""
        if self._finished:
            return
        try:
            self._release()
        except OSError as error:
            if self._staged is not None:
                self._staged.discard()
            raise OutputError(f"{self._target} cannot be written ({error.strerror}); free some space.") from error
        if self._staged is not None:
            self._staged.commit()

    def keep_partial(self) -> Path | None:
        """Leave the records so far beside the target, with the ending .partial; returns the path, None without any."""
        if self._finished:
            return None
        if self._staged is None or not self.has_records:
            self.discard()
            return None
        with suppress(OSError):
            self._release()
        return self._staged.keep_partial()

    def discard(self) -> None:
        """Leave no file behind, unless it is live and in its place; what went to standard output is out."""
        if self._finished:
            return
        with suppress(OSError):
            self._release()
        if self._staged is not None:
            self._staged.discard()

    def _release(self) -> None:
        self.closed = self._finished = True
        self._cut()
        if self._descriptor is not None:
            os.close(self._descriptor)


def _reader_has_gone(error: OSError, is_stream: bool) -> bool:
    """Return whether the reader of a pipe has closed it; Windows calls that an invalid argument."""
    return isinstance(error, BrokenPipeError) or (is_stream and sys.platform == "win32" and error.errno == errno.EINVAL)


def _wait_for(descriptor: int) -> None:
    """Wait until a pipe takes more; Windows, whose select takes sockets alone, tries again in POLL_S."""
    try:
        select.select([], [descriptor], [])
    except OSError:
        time.sleep(POLL_S)


def is_stream(path: str | Path) -> bool:
    """Return whether the path is that of a pipe or device."""
    try:
        return not (stat.S_ISREG(mode := Path(path).stat().st_mode) or stat.S_ISDIR(mode))
    except OSError:
        return False
