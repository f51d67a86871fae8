"""A file that appears whole or not at all: written beside its target, then renamed."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from facetrack.errors import OutputError

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


class StagedFile:
    """A name to write under, and the rename that publishes it.

    target: where the file shall be. source: a file that must not be overwritten, since the output is made from it.
    temporary: in the same folder (a rename is only atomic within one file system), with the same extension (FFmpeg
    chooses the container by it).

    Raises OutputError at once when the target could not be written, before any work is spent.
    """

    def __init__(self, target: str | Path, source: str | Path | None = None) -> None:
        self.target = Path(target).resolve()  # through a link: the file that it points to is replaced, not the link
        _check(self.target, target, source)
        self.temporary = self.target.with_name(f".{self.target.stem}.{secrets.token_hex(4)}{self.target.suffix}")
        try:
            self.temporary.touch(exist_ok=False)
        except OSError as error:
            raise OutputError(f"{target} cannot be written ({error.strerror}); choose another place.") from error

    def commit(self) -> None:
        """Put the finished file in its place, over what was there."""
        try:
            os.replace(self.temporary, self.target)
        except OSError as error:
            self.discard()
            raise OutputError(
                f"{self.target} cannot be replaced ({error.strerror}); close what uses it, or choose another name."
            ) from error

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)


def _is_picture_of(path: Path, source: Path) -> bool:
    """Return whether `path` is an existing picture of the folder `source`."""
    return path.suffix.lower() in PICTURES and path.is_file() and source.is_dir() and path.parent.samefile(source)


def _check(path: Path, given: str | Path, source: str | Path | None) -> None:
    if path.is_dir():
        raise OutputError(f"{given} is a folder; give the name of a file in it.")
    if not path.parent.is_dir():
        raise OutputError(f"The folder {path.parent} for {given} does not exist; create it, or choose another one.")
    if path.exists() and not path.is_file():
        raise OutputError(f"{given} is a device or pipe, not a file; give the name of a file.")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise OutputError(f"{given} is the input itself and would be overwritten; choose another name for the output.")
    if source is not None and _is_picture_of(path, Path(source)):
        raise OutputError(f"{given} is one of the input's pictures; choose another name for the output.")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"{given} is there already and may not be overwritten; delete it, or choose another name.")
