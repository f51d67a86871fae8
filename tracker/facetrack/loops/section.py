"""Part of a recorded source: from one moment to another, and every Nth frame of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

from facetrack.capture.images import ImageFiles
from facetrack.capture.video import VideoFile
from facetrack.errors import SourceError
from facetrack.types import Frame
from facetrack.types.closing import ClosesItself


class Section(ClosesItself):
    """The frames of `source` from begin_s to end_s (left out: its end), every `every`th of them.

    Times and indices stay those of the source. What lies before begin_s is decoded, not converted: exact, and some
    ten times faster than tracking. start_s, fps, n_frames and the others: as of a VideoFile, for writing a video;
    until_s: where its sound ends, on the clock of start_s; None for all of it.
    Raises SourceError where no frame lies in it.
    """

    live = False

    def __init__(
        self, source: VideoFile | ImageFiles, begin_s: float = 0.0, end_s: float | None = None, every: int = 1
    ) -> None:
        self._source, self._begin_s, self._every = source, begin_s, every
        self._end_s = math.inf if end_s is None else end_s
        self._first_index: int | None = None
        self.path, self.size, self.has_audio = source.path, source.size, source.has_audio
        self.time_base = source.time_base
        self.fps = None if source.fps is None else source.fps / every
        if isinstance(source, VideoFile):
            source.wanted = self._is_wanted
        self._frames = iter(source)
        self._first = next(self._inside(), None)
        if self._first is None:
            until = "its end" if end_s is None else f"{end_s:g} s"
            raise SourceError(f"{self.path} has no frame from {begin_s:g} s to {until}; give a part that is in it.")
        self.start_s = source.start_s + self._first.time_s
        cut = begin_s > 0.0 or end_s is not None
        self.until_s = source.start_s + self._end_s if cut else None
        self.n_frames = self._estimate(source)

    def _estimate(self, source: VideoFile | ImageFiles) -> int | None:
        if source.n_frames is None or not source.fps:
            return None
        seconds = min(self._end_s, source.n_frames / source.fps) - self._begin_s
        return max(1, math.ceil(seconds * source.fps / self._every))

    def _is_wanted(self, index: int, time_s: float) -> bool:
        if time_s < self._begin_s:
            return False
        if self._first_index is None:
            self._first_index = index
        return (index - self._first_index) % self._every == 0 or time_s >= self._end_s

    def _inside(self) -> Iterator[Frame]:
        for frame in self._frames:
            if frame.time_s >= self._end_s:
                return
            if self._is_wanted(frame.index, frame.time_s):
                yield frame

    def __iter__(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        return chain([] if first is None else [first], self._inside())

    def close(self) -> None:
        """Close the source."""
        self._source.close()
