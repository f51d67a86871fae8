"""The task: one video tracked into its outputs, which appear together when all are whole, or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facetrack import __version__
from facetrack.batch.inputs import Video
from facetrack.batch.manifest import DONE, FAILED, Entry, stamp
from facetrack.batch.outputs import SUFFIXES
from facetrack.errors import FacetrackError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facetrack.capture import ImageFiles, VideoFile
    from facetrack.sinks import VideoSink
    from facetrack.sinks.sink import RecordSink
    from facetrack.tracking.tracker import FaceTracker

STAGING = ".partial"
"""Ending of the hidden folder beside a video's outputs in which they are written."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every video of a batch; can be pickled.

    folder: of the outputs. kinds: of outputs, of SUFFIXES. options: the hash of the options. start: builds the tracker.
    threads: of a video's decoder and encoder.
    """

    folder: Path
    kinds: tuple[str, ...]
    options: str
    start: Callable[[], FaceTracker]
    csv_style: str = "facetrack"
    threads: int = 1

    def outputs(self, video: Video) -> tuple[str, ...]:
        """Return the names of a video's files, in the folder."""
        return tuple(f"{video.name}{SUFFIXES[kind]}" for kind in self.kinds)

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
    """Tracks one video after the other, with networks that are loaded once.

    Calling it raises only what makes every video impossible: FacetrackError where the tracker cannot be built.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._tracker: FaceTracker | None = None

    def __call__(self, video: Video) -> Entry:
        """Track one video; returns its line of the manifest, of what was done or why it failed."""
        if self._tracker is None:
            self._tracker = self.job.start()
        started = time.perf_counter()
        size, mtime = stamp(video.path)
        try:
            entry = self._tracked(video)
        except FacetrackError as error:
            entry = self.job.entry(video, FAILED, error=first_line(error))
        except Exception as error:  # one video stops nothing
            self._tracker = None  # whatever state it is in
            entry = self.job.entry(video, FAILED, error=f"{video.path}: {type(error).__name__}: {first_line(error)}")
        return replace(entry, size=size, mtime=mtime, seconds=round(time.perf_counter() - started, 3))

    def _tracked(self, video: Video) -> Entry:
        from rich.progress import Progress

        from facetrack.batch.persons import TotalsSink
        from facetrack.capture import open_video
        from facetrack.loops.recorded import follow

        assert self._tracker is not None
        totals = TotalsSink()
        with staged(self.job, video) as folder, ExitStack() as stack:
            frames: VideoFile | ImageFiles = stack.enter_context(  # type: ignore[assignment]
                open_video(video.path, threads=self.job.threads)
            )
            pictures, records = _open(self.job, stack, frames, folder / Path(video.name).name)
            self._tracker.reset()
            counted = follow(frames, self._tracker, pictures, [*records, totals], Progress(disable=True))
        return self.job.entry(
            video, DONE, outputs=self.job.outputs(video), frames=counted.frames, with_faces=counted.with_faces,
            faces=len(counted.ids), persons=totals.totals(),
        )  # fmt: skip


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


def _open(
    job: Job, stack: ExitStack, frames: VideoFile | ImageFiles, stem: Path
) -> tuple[VideoSink | None, list[RecordSink]]:
    """Open the job's outputs, their files named by `stem`; the stack completes or discards them."""
    from facetrack.report import ReportSink
    from facetrack.sinks import JsonLinesSink, VideoSink
    from facetrack.sinks.tables import EventsCsvSink, csv_sink

    source = frames.path
    target = {kind: Path(f"{stem}{SUFFIXES[kind]}") for kind in job.kinds}
    pictures: VideoSink | None = None
    records: list[RecordSink] = []
    if "video" in target:
        pictures = stack.enter_context(
            VideoSink(
                target["video"],
                frames.size,
                fps=frames.fps,
                time_base=frames.time_base,
                source=source,
                sound=frames.has_audio,
                start_s=frames.start_s,
                threads=job.threads,
            )
        )
    if "json" in target:
        records.append(stack.enter_context(JsonLinesSink(target["json"], source=source)))
    if "csv" in target:
        records.append(stack.enter_context(csv_sink(job.csv_style)(target["csv"], source=source)))
    if "events" in target:
        records.append(stack.enter_context(EventsCsvSink(target["events"], source=source)))
    if "report" in target:
        csv_name = target["csv"].name if "csv" in target else None
        records.append(stack.enter_context(ReportSink(target["report"], source=source, csv_name=csv_name)))
    return pictures, records
