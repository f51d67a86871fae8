"""One annotated picture."""

from __future__ import annotations

from pathlib import Path

import cv2

from facetrack.errors import OutputError
from facetrack.sinks.inputs import Inputs
from facetrack.sinks.sink import Sink
from facetrack.sinks.staged import StagedFile
from facetrack.types import Image

FORMATS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


class ImageSink(Sink):
    """A picture file; the format follows the extension.

    Like every sink it appears whole or not at all. Raises OutputError when it cannot be written.
    """

    def __init__(self, path: str | Path, *, source: Inputs = None) -> None:
        self._suffix = Path(path).suffix.lower()
        if self._suffix not in FORMATS:
            raise OutputError(
                f"{path} cannot be written: {self._suffix or 'a name without an extension'} is no picture format known "
                f"here; use {', '.join(FORMATS)}."
            )
        self._staged = StagedFile(path, source)

    def write(self, image: Image) -> None:
        """Write (H, W, 3) uint8 BGR."""
        _, data = cv2.imencode(self._suffix, image)
        try:
            # Not cv2.imwrite: it cannot write to every name on Windows, and says nothing when it fails.
            self._staged.temporary.write_bytes(data.tobytes())
        except OSError as error:
            raise OutputError(
                f"{self._staged.target} cannot be written ({error.strerror}); free some space."
            ) from error

    def close(self) -> None:
        """Put the file in its place."""
        self._staged.commit()

    def discard(self) -> None:
        """Leave no file behind."""
        self._staged.discard()
