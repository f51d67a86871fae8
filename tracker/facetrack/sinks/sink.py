"""What all sinks share: whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Sink(ABC):
    """A context manager that finishes its file when the block ends well, and leaves none behind when it does not."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file and put it in its place. Raises OutputError."""

    @abstractmethod
    def discard(self) -> None:
        """Leave no file behind."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
