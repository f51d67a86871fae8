"""Base class of what is open until it is closed: sources, results, files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class ClosesItself(ABC):
    """Context manager that calls close() at the end, also after an exception."""

    @abstractmethod
    def close(self) -> None:
        """Release the resources; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
