"""One frame's result, and what is needed of a tracker to get it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, overload

from facetrack.types import Event, Face, Frame, Image

if TYPE_CHECKING:
    import pandas


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
