"""`facetrack batch`: many videos, on all cores or a cluster; a rerun does what is missing or changed."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.many.pace import Pace
from facetrack.cli.options import CsvStyle, Tracking, takes_tracking
from facetrack.errors import FacetrackError
from facetrack.stopping import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from facetrack.batch.inputs import Video
    from facetrack.batch.manifest import Entry, Manifest
    from facetrack.batch.run import Plan
    from facetrack.batch.task import Job
    from facetrack.batch.workers import Workers

FAILED_EXIT_CODE = 1
RUNNERS = ("local", "ray")

Inputs = Annotated[
    list[str], typer.Argument(help="Videos, folders, globs, a list (.txt, a path a line), a table with a column path.")
]
Out = Annotated[Path, typer.Option(help="Folder of the outputs, of manifest.jsonl and of summary.csv.")]
Workers_ = Annotated[int | None, typer.Option(min=1, help="Videos at a time; by default as many as there are cores.")]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Do the Ith of N parts, for the jobs of an array: 1/10 to 10/10.")
]
Runner = Annotated[str, typer.Option(help="local, or ray: actors of a Ray cluster (extra ray).")]
RayAddress = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="A running Ray cluster; by default one on this machine.")
]


@takes_tracking()
def batch(
    tracking: Tracking,
    inputs: Inputs,
    out: Out,
    json: Annotated[bool, typer.Option("--json", help="NAME.jsonl, one JSON object per frame.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="NAME.csv, one row per face and frame.")] = False,
    csv_style: CsvStyle = "facetrack",
    events: Annotated[bool, typer.Option("--events", help="NAME.events.csv, one row per event.")] = False,
    video: Annotated[bool, typer.Option("--video", help="NAME.mp4, the annotated video.")] = False,
    report: Annotated[bool, typer.Option("--report", help="NAME.html, the report.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also summary.parquet (extra parquet).")] = False,
    workers: Workers_ = None,
    shard: Shard = None,
    runner: Runner = "local",
    ray_address: RayAddress = None,
) -> None:
    """Track the faces of many videos; write files for each, and one summary of all persons.

    A rerun does only what is missing, failed or changed: the video, the options, the version. A video that cannot be
    read is listed and stops nothing. Exit code: 0 all done, 1 some failed, 2 wrong usage.
    """
    from rich.console import Console

    from facetrack.batch.inputs import find_videos
    from facetrack.batch.manifest import Manifest, read_entries
    from facetrack.batch.run import make_folders, plan
    from facetrack.batch.summary import need_parquet, write_summary

    part = _parse_shard(shard)
    if parquet:
        need_parquet()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    wanted = {"json": json, "csv": csv, "events": events, "video": video, "report": report}
    kinds = tuple(kind for kind, is_wanted in wanted.items() if is_wanted)
    job = _job(tracking, Path(os.path.abspath(out)), kinds, csv_style)
    videos = find_videos(inputs, job.folder)
    ours = [found for found in videos if found.in_shard(part)]
    read = (*tracking.files, *map(Path, inputs))
    left = plan(job, ours, read_entries(job.folder), [path for path in read if path is not None])
    pool = _open_workers(job, workers, runner, ray_address, len(left.videos))
    make_folders(job, left.videos)
    with Manifest(job.folder, part) as manifest:
        console.print(f"{len(ours)} videos: {left.done} done before, {len(left.videos)} to do")
        failed = _run(job, left, pool, manifest, console)
        for path in write_summary(job.folder, videos, parquet):
            console.print(f"wrote {path}")
    if failed:
        console.print(f"{failed} of {len(ours)} videos failed, see {manifest.path}; the same command tries them again")
        raise typer.Exit(FAILED_EXIT_CODE)


def _job(tracking: Tracking, folder: Path, kinds: tuple[str, ...], csv_style: str) -> Job:
    from facetrack.batch.manifest import options_hash
    from facetrack.batch.task import Job
    from facetrack.modelfile import bundled, check_file, network_path
    from facetrack.sinks.tables import csv_sink

    csv_sink(csv_style)  # what is wrong with the options is said before anything is done
    tracking.options()
    if tracking.model is not None:
        check_file(network_path(tracking.model))
    given = asdict(tracking) | {"csv_style": csv_style}
    del given["threads"]  # changes no result
    start = _settled(tracking).tracker
    return Job(folder, kinds, options_hash(given, bundled()), start, csv_style, tracking.threads)


def _settled(tracking: Tracking) -> Tracking:
    """Choose the engine once for all workers, or two of them might choose differently."""
    from facetrack.engine.choice import AUTO, DEFAULT_NETWORK, check, default_alternatives, start_with_fallback
    from facetrack.modelfile import network_path

    check(tracking.engine, tracking.provider)
    if tracking.engine != AUTO:
        return tracking
    path = network_path(tracking.model or DEFAULT_NETWORK)
    alternatives = default_alternatives() if tracking.model is None else []
    (engine, _), choice = start_with_fallback(
        path, lambda name, file: (name, file), tracking.threads, tracking.provider, alternatives
    )
    return replace(tracking, engine=engine, model=choice.path or tracking.model)


def _open_workers(job: Job, count: int | None, runner: str, ray_address: str | None, videos: int) -> Workers:
    """Return the workers, not yet started; no more than there are videos."""
    if runner == "ray":
        from facetrack.batch.ray_workers import RayWorkers

        return RayWorkers(job, None if count is None else min(count, max(1, videos)), ray_address)
    if runner != "local":
        raise FacetrackError(f"--runner is '{runner}'; expected {' or '.join(RUNNERS)}")
    if ray_address is not None:
        raise FacetrackError("--ray-address is of use with --runner ray alone; give both, or neither")
    from facetrack.batch.workers import LocalWorkers

    return LocalWorkers(job, min(count or max(1, _cores() // job.threads), max(1, videos)))


def _cores() -> int:
    """Return the number of cores that this process may use, as Slurm and taskset say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parse_shard(text: str | None) -> tuple[int, int]:
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
            outcome = (
                entry.error if is_failed else f"{entry.frames} frames, faces: {entry.faces}, {entry.seconds:.1f} s"
            )
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
