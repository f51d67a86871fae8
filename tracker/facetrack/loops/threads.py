"""Prefetched decoding and background encoding, one thread each.

PyAV and OpenCV release the GIL while they work, so that these threads can use a second core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

Item = TypeVar("Item")

QUEUE_SIZE = 4
"""Queue length between two threads, in frames: 25 MB of 1080p, enough to buffer a single slow frame."""
_END = object()


def prefetch(items: Iterable[Item]) -> Generator[Item]:
    """Yield the items in order, reading QUEUE_SIZE items ahead in a separate thread.

    An exception of the source is raised after the items before it. Close the generator before the source
    (`contextlib.closing`): closing waits for the pending read.
    """
    source = iter(items)
    with ThreadPoolExecutor(1, "facetrack read") as thread:
        coming: deque[Future[object]] = deque(thread.submit(next, source, _END) for _ in range(QUEUE_SIZE))
        while (item := coming.popleft().result()) is not _END:
            coming.append(thread.submit(next, source, _END))
            yield item  # type: ignore[misc]


class BackgroundWriter:
    """Context manager that runs calls in a separate thread, one at a time, in the order of submission.

    Leaving the context waits for all calls. An exception of a call is raised by a later `submit`, or when the context
    is left; the calls submitted after it are not run.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "facetrack write")
        self._waiting: deque[Future[None]] = deque()
        self._failed = False

    def submit(self, call: Callable[[], None]) -> None:
        """Submit a call; blocks when QUEUE_SIZE calls are pending."""
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
