"""A recorded file as a camera: its frames at the pace of their times, again and again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from facetrack.capture import open_video
from facetrack.loops.pacing import at_own_pace
from facetrack.types import Image


class PlayedFile:
    """What the thread of a `Camera` reads from instead of a device. Raises SourceError for a file that is no video."""

    def __init__(self, path: str | Path) -> None:
        with open_video(path) as video:
            self.fps = video.fps
        self._frames = self._play(path)

    def read(self) -> tuple[Image, float] | None:
        """Wait for the next frame's time; return its image and the time.perf_counter() of now."""
        return next(self._frames, None)

    def _play(self, path: str | Path) -> Iterator[tuple[Image, float]]:
        shown = True
        while shown:
            shown = False
            with open_video(path) as video:
                for frame in at_own_pace(video):
                    shown = True
                    yield frame.image, time.perf_counter()

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]
