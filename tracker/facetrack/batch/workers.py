"""Workers on this machine: spawned processes, each of one thread, each with networks of its own."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from facetrack.batch.inputs import Video
from facetrack.batch.manifest import Entry
from facetrack.batch.task import Job, VideoTask, clear
from facetrack.stopping import SIGNALS

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)

ENDED_S = 0.5
"""Time that the system is given to end a killed process."""


class Workers(Protocol):
    """Takes one video for each free worker; gives back what became of them, as they come.

    free: how many videos it takes now.
    """

    @property
    def free(self) -> int: ...
    def submit(self, video: Video) -> None: ...
    def next_done(self) -> tuple[Video, Entry | None] | None:
        """Wait for the next video; with None if its worker was killed. None alone: another worker has become free."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class LocalWorkers:
    """A process each. One that is killed takes its video with it, no other's: each is an executor of its own.

    Leaving the context ends the processes, and with them what they were at.
    """

    def __init__(self, job: Job, count: int) -> None:
        self._job, self._count = job, count
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future[Entry], tuple[Video, ProcessPoolExecutor]] = {}

    @property
    def free(self) -> int:
        """Number of videos that can be submitted now."""
        return self._count - len(self._busy)

    def submit(self, video: Video) -> None:
        """Give a video to a free worker, which is started if need be."""
        executor = self._idle.pop() if self._idle else self._start()
        with _environment(ONE_THREAD):  # the process starts with its first task
            future = executor.submit(_run, video)
        self._busy[future] = video, executor

    def next_done(self) -> tuple[Video, Entry | None]:
        """Wait for the next video. Raises FacetrackError where the tracker cannot be built."""
        done, _ = wait(self._busy, return_when=FIRST_COMPLETED)
        future = done.pop()
        video, executor = self._busy.pop(future)
        try:
            entry: Entry | None = future.result()
        except BrokenProcessPool:
            executor.shutdown(wait=False)
            clear(self._job, video)
            return video, None
        self._idle.append(executor)
        return video, entry

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), initializer=_begin, initargs=(self._job,)
        )

    def __enter__(self) -> Self:
        self._others = set(multiprocessing.active_children())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            processes = set(multiprocessing.active_children()) - self._others
            for process in processes:
                process.kill()
            for process in processes:
                process.join(ENDED_S)
        for executor in (*self._idle, *(executor for _, executor in self._busy.values())):
            executor.shutdown(wait=kind is None, cancel_futures=True)
        for video, _ in self._busy.values():
            clear(self._job, video)


_task: VideoTask
_staging: Path | None = None


def _begin(job: Job) -> None:
    """Set up a worker's process: signals are its parent's, and it does not outlive that."""
    global _task
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="facetrack parent", daemon=True).start()
    import cv2

    cv2.setNumThreads(1)
    _task = VideoTask(job)


def _run(video: Video) -> Entry:
    global _staging
    _staging = _task.job.staging(video)
    return _task(video)


def _end_with_parent() -> None:
    """End this process when its parent is gone, even killed: the next run would meet it at the same video."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        if _staging is not None:
            shutil.rmtree(_staging, ignore_errors=True)
        os._exit(1)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
