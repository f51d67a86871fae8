"""The file of a live recording: after a failed write it keeps what was whole, and takes no more."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class GrowingFile:
    """File object for FFmpeg, unbuffered, so that another process sees every fragment that was written.

    error: the first one of the disk. From then on writes are dropped: the container's end, which FFmpeg would write
    over its beginning, must not corrupt a file that lacks a fragment.
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "r+b", buffering=0)  # noqa: SIM115  (closed by finish)
        self._whole_bytes = 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        size = len(rest)
        while rest and self.error is None:
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self.error = error
        return size

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def mark_whole(self) -> None:
        """Note that the file so far is whole."""
        if self.error is None:
            self._whole_bytes = self._file.tell()

    def finish(self) -> None:
        """Close the file, after a failed write cut back to what was whole."""
        if self._file.closed:
            return
        with suppress(OSError):
            if self.error is not None:
                self._file.truncate(self._whole_bytes)
        self._file.close()
