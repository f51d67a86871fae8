"""Work beside the tracker's: decoding ahead of it and encoding behind it, in a thread each.

PyAV and OpenCV let go of the interpreter while they work, so that a second core can take what they do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

QUEUE_SIZE = 4
"""Frames that may wait between two threads: 25 MB of 1080p, and enough to even out a slow one."""
_END = object()


def prefetch(items: Iterable[Item]) -> Generator[Item]:
    """The same items in the same order, got in a thread of their own while the caller works on earlier ones.

    What the source raises is raised where its item would come. Close the generator before the source
    (`contextlib.closing`): it waits for what is being read.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "facetrack read") as thread:
        coming: deque[Future[object]] = deque(thread.submit(next, source, _END) for _ in range(QUEUE_SIZE))
        while (item := coming.popleft().result()) is not _END:
            coming.append(thread.submit(next, source, _END))
            yield item  # type: ignore[misc]


class BackgroundWriter:
    """Calls made in a thread of their own, one after the other, in the order in which they were given.

    As a context: its end waits for all of them. What one raises is raised by a later `submit`, or at the end; those
    that came after it are not made.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "facetrack write")
        self._waiting: deque[Future[None]] = deque()
        self._failed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Waits only where WAITING calls are still to be made."""
        while self._waiting and (len(self._waiting) >= QUEUE_SIZE or self._waiting[0].done()):
            self._waiting.popleft().result()
        self._waiting.append(self._thread.submit(self._make, call))

    def _make(self, call: Callable[[], None]) -> None:
        if self._failed:
            return
        self._failed = True
        call()
        self._failed = False

    def __enter__(self) -> BackgroundWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            while kind is None and self._waiting:
                self._waiting.popleft().result()
        finally:
            self._thread.shutdown(cancel_futures=True)
