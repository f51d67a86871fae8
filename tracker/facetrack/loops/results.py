"""Results frame by frame for programs in Python: `FaceTracker.track`, `facetrack.stream`, `facetrack.find_faces`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, overload

from facetrack.errors import SourceError
from facetrack.loops.pacing import SearchPacer
from facetrack.types import Event, Face, Frame, Image

if TYPE_CHECKING:
    import pandas

    from facetrack.capture import Source

TrackSource: TypeAlias = "str | int | Path | Source | Iterable[Frame]"


class Tracker(Protocol):
    """What is needed of a `FaceTracker`."""

    events: tuple[Event, ...]

    def update(self, frame: Frame, search: bool = True) -> list[Face]: ...
    def search(self, frame: Frame) -> None: ...
    def search_is_due(self, time_s: float, interval_s: float | None = None) -> bool: ...
    def finish(self) -> tuple[Event, ...]: ...
    def reset(self) -> tuple[Event, ...]: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Result(Sequence[Face]):
    """One frame with its faces, and what began or ended with it; a sequence of the faces.

    Times are seconds since the first frame.
    """

    frame: Frame
    faces: tuple[Face, ...]
    events: tuple[Event, ...] = ()

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Face]: ...
    def __getitem__(self, index: int | slice) -> Face | Sequence[Face]:
        return self.faces[index]

    def __repr__(self) -> str:
        events = f", events={list(self.events)}" if self.events else ""
        return f"Result({self.frame}, {len(self.faces)} face{'s' * (len(self.faces) != 1)}{events})"

    def plot(self, *, rgb: bool = False) -> Image:
        """Return the picture with the faces drawn on it, (H, W, 3) uint8: blue first as in OpenCV; red with `rgb`."""
        from facetrack.drawing.faces import draw_faces

        drawn = draw_faces(self.frame.image, self.faces)
        return drawn[..., ::-1].copy() if rgb else drawn

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values: the frame's object in the JSON lines (docs/output.md)."""
        from facetrack.sinks import record

        return record(self.frame, self.faces, self.events)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return a pandas DataFrame of one row per face, with the columns of the CSV. Raises MissingExtraError."""
        from facetrack.sinks.csv import rows
        from facetrack.sinks.tables.dataframe import dataframe

        return dataframe(rows(self.to_dict()))


class Results(Iterator[Result]):
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
        self._results = follow(self.source, tracker, live) if live else with_ends(self.source, tracker)
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def to_dataframe(self) -> pandas.DataFrame:
        """Follow the rest; return one row per face and frame, with the columns of the CSV. Raises MissingExtraError."""
        from facetrack.sinks.csv import rows
        from facetrack.sinks.tables.dataframe import dataframe, need_pandas

        need_pandas()
        return dataframe(row for result in self for row in rows(result.to_dict()))


def follow(source: Iterable[Frame], tracker: Tracker, live: bool) -> Iterator[Result]:
    """Yield each frame's result as soon as it is there; what lasts at the end is ended by one more, without faces."""
    pacer, first_s, last = SearchPacer(), None, None
    for frame in source:
        if not isinstance(frame, Frame):
            raise TypeError(
                f"the source yields {type(frame).__name__}, not frames; make them with facetrack.Frame(image, time_s=, "
                "index=), or give the video's path"
            )
        first_s = frame.time_s if first_s is None else first_s
        last = replace(frame, time_s=frame.time_s - first_s)
        faces = tracker.update(last, search=not live)
        yield Result(last, tuple(faces), tuple(tracker.events))
        if live:
            pacer.search(tracker, last)
    events = tracker.finish()
    if events and last is not None:
        yield Result(last, (), tuple(events))


def with_ends(source: Iterable[Frame], tracker: Tracker) -> Iterator[Result]:
    """Yield one result per frame, one frame late, so that the last one holds the ends of what still lasted."""
    held: Result | None = None
    for result in follow(source, tracker, live=False):
        if held is not None and result.frame is held.frame:
            held = replace(held, events=(*held.events, *result.events))
            continue
        if held is not None:
            yield held
        held = result
    if held is not None:
        yield held
