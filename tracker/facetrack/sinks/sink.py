"""Base class of all sinks: a file appears whole or not at all, a live one as it grows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from facetrack.sinks.header import Header
from facetrack.stopping import Stopped, uninterrupted
from facetrack.types import Event, Face, Frame


class Sink(ABC):
    """What a run's results go to: a context manager that finishes its file when the block ends well.

    It leaves none behind when the block does not. When the user stops the command, records so far are left as `kept`,
    with the ending .partial. Sinks of pictures have a `write` of their own.
    """

    kept: Path | None = None

    @abstractmethod
    def close(self) -> None:
        """Finish the file and put it in its place. Raises OutputError."""

    @abstractmethod
    def discard(self) -> None:
        """Leave no file behind."""

    def keep_partial(self) -> Path | None:
        """Leave the records so far under another name and return it; None, and no file, where that is of no use."""
        self.discard()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with uninterrupted():
            if kind is None:
                self.close()
            elif issubclass(kind, Stopped):
                self.kept = self.keep_partial()
            else:
                self.discard()


class RecordSink(Sink):
    """A sink of every frame's faces and events: a file of them, or another program.

    is_stream: whether a reader takes the records as they come, so that none may be held back.
    """

    is_stream = False

    @property
    def closed(self) -> bool:
        """Whether nobody takes any more; stop, or go on for the others."""
        return False

    def begin(self, header: Header) -> None:
        """Take the description of the run, before the first frame."""

    def start(self, clock_s: float) -> None:
        """Take the time.perf_counter() of the frames' time 0, with the first frame."""

    @abstractmethod
    def write(self, frame: Frame, faces: Sequence[Face], events: Sequence[Event] = ()) -> None:
        """Write one frame's record. Raises OutputError."""
