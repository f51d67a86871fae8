"""A thread that sends the newest value alone: a slow or absent peer makes it skip, never the loop wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Newest(Generic[Item]):
    """One place that always holds the newest value; a daemon thread takes values out of it.

    work: called in that thread with this object; it calls `get` until that returns None, which means the end.
    """

    def __init__(self, work: Callable[[Newest[Item]], None], name: str) -> None:
        self._changed = threading.Condition()
        self._value: Item | None = None
        self._ended = False
        self._thread = threading.Thread(target=work, args=(self,), name=name, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""
        return self._ended

    def put(self, value: Item) -> None:
        """Leave a value, over one that was not taken yet."""
        with self._changed:
            self._value = value
            self._changed.notify()

    def get(self, timeout_s: float | None = None) -> Item | None:
        """Wait for a value; None at the end, or when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._value is not None or self._ended, timeout_s)
            value, self._value = self._value, None
            return value

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until the end; returns whether that came."""
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, seconds)

    def close(self, patience_s: float = 1.0) -> None:
        """End: the value that is left is still sent, if that takes no longer than patience_s."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(patience_s)
