"""Lines of text into a staged file, or onto standard output as they come."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from facetrack.errors import OutputError
from facetrack.sinks.staged import StagedFile


class Lines:
    """The text output of a sink.

    target: a file; "-" for standard output. Standard output, pipes and devices get every line at once; a file appears
    whole at commit(). source: a file that must not be overwritten.

    closed turns True when the reader of standard output or a pipe has gone (`| head -1`): later lines are dropped
    silently, and the caller may stop. Raises OutputError when the target cannot be written or the disk is full.
    """

    def __init__(self, target: str | Path, source: str | Path | None = None) -> None:
        self._target = str(target)
        self._staged: StagedFile | None = None
        self.closed = False
        self._finished = False
        if self._target == "-":
            if sys.stdout is None:
                raise OutputError("Standard output is closed; give --json a file, or leave it open.")
            self._file: TextIO = sys.stdout
        elif _is_stream(Path(target)):
            self._file = self._open(Path(target))
        else:
            self._staged = StagedFile(target, source)
            self._file = self._open(self._staged.temporary)

    def _open(self, path: Path) -> TextIO:
        try:
            # newline: the same bytes on every system; errors: names of pictures may not be UTF-8
            return open(path, "w", encoding="utf-8", errors="replace", newline="")
        except OSError as error:
            raise OutputError(f"{self._target} cannot be written ({error.strerror}); choose another name.") from error

    def write(self, text: str) -> None:
        """Write text that ends in a newline."""
        if self.closed:
            return
        try:
            self._file.write(text)
            if self._staged is None:
                self._file.flush()
        except BrokenPipeError:
            self._reader_gone()
        except OSError as error:
            raise OutputError(f"{self._target} cannot be written ({error.strerror}); free some space.") from error

    def _reader_gone(self) -> None:
        self.closed = True
        if self._file is sys.stdout:
            # Python flushes standard output once more at its end, and would complain (see `signal`: note on SIGPIPE).
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())

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

    def discard(self) -> None:
        """Leave no file behind; what went to standard output is out."""
        if self._finished:
            return
        with suppress(OSError):
            self._release()
        if self._staged is not None:
            self._staged.discard()

    def _release(self) -> None:
        self.closed = self._finished = True
        if self._file is not sys.stdout:
            self._file.close()


def _is_stream(path: Path) -> bool:
    try:
        return not (stat.S_ISREG(mode := path.stat().st_mode) or stat.S_ISDIR(mode))
    except OSError:
        return False
