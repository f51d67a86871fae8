"""Results frame by frame for programs in Python: `FaceTracker.track`, `facetrack.stream`, `facetrack.find_faces`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from facetrack.errors import SourceError
from facetrack.loops.result import Result, Tracker
from facetrack.loops.steps import results
from facetrack.types import Frame
from facetrack.types.closing import ClosesItself

if TYPE_CHECKING:
    import pandas

    from facetrack.capture import Source

TrackSource: TypeAlias = "str | int | Path | Source | Iterable[Frame]"


class Results(Iterator[Result], ClosesItself):
    """The results of one source, frame by frame, to be read once; closes the source at its end, or with `close`.

    The last result of a file holds the ends of what still lasted; of a camera, one more does, without faces.
    source: what is followed, with its size and fps.
    """

    def __init__(
        self, tracker: Tracker, source: TrackSource, *, width: int | None = None, height: int | None = None,
        fps: float | None = None,
    ) -> None:  # fmt: skip
        self.source: Source | Iterable[Frame]
        if isinstance(source, str | int | Path):
            from facetrack.capture import open_source

            self.source, self._is_own = open_source(source, width=width, height=height, fps=fps), True
        elif isinstance(source, Iterable):
            self.source, self._is_own = source, False
        else:
            raise TypeError(f"track got {source!r}; expected a path, a camera's number, an address, or frames")
        tracker.reset()
        live = bool(getattr(self.source, "live", False))
        self._results = results(self.source, tracker, live) if live else with_ends(self.source, tracker)
        self._done = False

    def __iter__(self) -> Results:
        if self._done:
            raise SourceError("these results have been read to their end; call track again, or keep them in a list")
        return self

    def __next__(self) -> Result:
        found = next(self._results, None)
        if found is None:
            self.close()
            raise StopIteration
        return found

    def close(self) -> None:
        """Close the source."""
        self._done = True
        self._results.close()  # type: ignore[attr-defined]
        if self._is_own:
            self.source.close()  # type: ignore[union-attr]

    def to_dataframe(self) -> pandas.DataFrame:
        """Follow the rest; return one row per face and frame, with the columns of the CSV. Raises MissingExtraError."""
        from facetrack.sinks.csv import rows
        from facetrack.sinks.tables.dataframe import dataframe, need_pandas

        need_pandas()
        return dataframe(row for result in self for row in rows(result.to_dict()))


def with_ends(source: Iterable[Frame], tracker: Tracker) -> Iterator[Result]:
    """Yield one result per frame, one frame late, so that the last one holds the ends of what still lasted."""
    held: Result | None = None
    for result in results(source, tracker, live=False):
        if held is not None and result.frame is held.frame:
            held = replace(held, events=(*held.events, *result.events))
            continue
        if held is not None:
            yield held
        held = result
    if held is not None:
        yield held
