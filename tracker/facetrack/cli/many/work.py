"""What the commands over many videos share: the plan by the manifest, the workers, the progress, the exit code."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.many.pace import Pace
from facetrack.errors import FacetrackError
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rich.console import Console

    from facetrack.batch.inputs import Video
    from facetrack.batch.manifest import Entry, Manifest
    from facetrack.batch.run import Plan
    from facetrack.batch.task import Job
    from facetrack.batch.workers import LocalWorkers, Workers

FAILED_EXIT_CODE = 1

WorkerCount = Annotated[
    int | None, typer.Option(min=1, help="Videos at a time; by default as many as there are cores.")
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Do the Ith of N parts, for the jobs of an array: 1/10 to 10/10.")
]


def work_off(
    job: Job, videos: Sequence[Video], part: tuple[int, int], read: Sequence[Path],
    open_workers: Callable[[Job, int], Workers], summarise: Callable[[], Sequence[Path]] = tuple,
) -> None:  # fmt: skip
    """Do what is missing or changed of a part of the videos. Raises typer.Exit(FAILED_EXIT_CODE) if some failed.

    read: lists, networks and other inputs, which no output may replace. open_workers: for a job and a number of videos.
    summarise: writes what is of all videos, and returns the files.
    """
    from rich.console import Console

    from facetrack.batch.manifest import Manifest, read_entries
    from facetrack.batch.run import make_folders, plan

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    ours = [found for found in videos if found.in_shard(part)]
    left = plan(job, ours, read_entries(job.folder), read)
    pool = open_workers(job, len(left.videos))
    make_folders(job, left.videos)
    with Manifest(job.folder, part) as manifest:
        console.print(f"{len(ours)} videos: {left.done} done before, {len(left.videos)} to do")
        failed = _run(job, left, pool, manifest, console)
        for path in summarise():
            console.print(f"wrote {path}")
    if failed:
        console.print(f"{failed} of {len(ours)} videos failed, see {manifest.path}; the same command tries them again")
        raise typer.Exit(FAILED_EXIT_CODE)


def local_workers(job: Job, count: int | None, threads: int, videos: int) -> LocalWorkers:
    """Return processes on this machine: `count`, or as many as there are cores; no more than there are videos."""
    from facetrack.batch.workers import LocalWorkers
    from facetrack.engine.halves import available_cores

    return LocalWorkers(job, min(count or max(1, available_cores() // threads), max(1, videos)))


def parse_shard(text: str | None) -> tuple[int, int]:
    """Return i and n of the part i/n of a job array. Raises FacetrackError."""
    found = re.fullmatch(r"(\d+)/(\d+)", text or "1/1")
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise FacetrackError(f"--shard is '{text}'; expected a part and the number of parts: 1/10 to 10/10")
    return int(found[1]), int(found[2])


def _run(job: Job, left: Plan, workers: Workers, manifest: Manifest, console: Console) -> int:
    """Do what is left; returns how many videos failed."""
    from facetrack.batch.manifest import FAILED, stamp
    from facetrack.batch.run import run

    if not left.videos:
        return 0
    sizes = {video.path: stamp(video.path)[0] or 0 for video in left.videos}
    pace = Pace(list(sizes.values()))
    with _shown(pace, console) as show:

        def listed(video: Video, entry: Entry) -> None:
            is_failed = entry.status == FAILED
            pace.add(sizes[video.path], entry.frames, is_failed)
            frames = f"{entry.frames} frames, " if entry.frames else ""
            outcome = entry.error if is_failed else f"{frames}faces: {entry.faces}, {entry.seconds:.1f} s"
            show(f"{video.name}: {'failed: ' if is_failed else ''}{outcome}")

        try:
            run(job, left.videos, workers, manifest, listed)
        except Stopped:
            console.print(f"{pace.done} of {pace.count} videos done; the same command does the others")
            raise
    return pace.failed


@contextmanager
def _shown(pace: Pace, console: Console) -> Iterator[Callable[[str], None]]:
    """Yield what shows a line: above a bar on a terminal, with the progress before it in a log."""
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn

    if not console.is_terminal:
        yield lambda line: console.print(f"{pace.text()}: {line}", markup=False)
        return
    with Progress(BarColumn(), TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task(pace.text(), total=pace.count)

        def show(line: str) -> None:
            console.print(escape(line))
            bar.update(task, completed=pace.done, description=pace.text())

        yield show
