"""The task: one video worked into its outputs, which appear together when all are whole, or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from facetrack import __version__
from facetrack.batch.inputs import Video
from facetrack.batch.manifest import DONE, FAILED, Entry, stamp
from facetrack.errors import FacetrackError, first_line

STAGING = ".partial"
"""Ending of the hidden folder beside a video's outputs in which they are written."""


Do = Callable[[Video, Path], Mapping[str, Any]]
"""Writes the files of a video, at this path and their suffixes; returns what its line of the manifest says of it."""


class Work(Protocol):
    """What is done with every video; can be pickled. suffixes: of the files, behind the video's name."""

    @property
    def suffixes(self) -> tuple[str, ...]: ...
    def open(self) -> Do:
        """Load what all videos need. Raises FacetrackError."""


@dataclass(frozen=True, slots=True)
class Job:
    """A batch: what is done, in which folder the outputs lie, and the hash of the options."""

    folder: Path
    options: str
    work: Work

    def outputs(self, video: Video) -> tuple[str, ...]:
        """Return the names of a video's files, in the folder."""
        return tuple(f"{video.name}{suffix}" for suffix in self.work.suffixes)

    def staging(self, video: Video) -> Path:
        """Return the folder in which a video's files are written."""
        target = self.folder / video.name
        return target.with_name(f".{target.name}{STAGING}")

    def entry(self, video: Video, status: str, **more: Any) -> Entry:
        """Return a line of the manifest that ends now."""
        return Entry(
            str(video.path), video.name, self.options, __version__, status, ended=round(time.time(), 3), **more
        )

    def lost(self, video: Video) -> Entry:
        """Return the line of a video whose worker ended more than once."""
        return self.entry(
            video,
            FAILED,
            error=f"{video.path}: the worker was killed, perhaps for lack of memory; try fewer --workers.",
        )


class VideoTask:
    """Does one video after the other, with networks that are loaded once.

    Calling it raises only what makes every video impossible: FacetrackError where a network cannot be opened.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._do: Do | None = None

    def __call__(self, video: Video) -> Entry:
        """Do one video; returns its line of the manifest, of what was done or why it failed."""
        if self._do is None:
            self._do = self.job.work.open()
        started = time.perf_counter()
        size, mtime = stamp(video.path)
        try:
            with staged(self.job, video) as folder:
                found = self._do(video, folder / Path(video.name).name)
            entry = self.job.entry(video, DONE, outputs=self.job.outputs(video), **found)
        except FacetrackError as error:
            entry = self.job.entry(video, FAILED, error=first_line(error))
        except Exception as error:  # one video stops nothing
            self._do = None  # whatever state it is in
            entry = self.job.entry(video, FAILED, error=f"{video.path}: {type(error).__name__}: {first_line(error)}")
        return replace(entry, size=size, mtime=mtime, seconds=round(time.perf_counter() - started, 3))


@contextmanager
def staged(job: Job, video: Video) -> Iterator[Path]:
    """Yield an empty folder for a video's outputs; at the end they take their places, after an error they are gone."""
    folder = job.staging(video)
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir(parents=True)
    try:
        yield folder
        for name in job.outputs(video):
            os.replace(folder / Path(name).name, job.folder / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear(job: Job, video: Video) -> None:
    """Remove what a killed worker has left of a video."""
    with suppress(OSError):
        shutil.rmtree(job.staging(video))
