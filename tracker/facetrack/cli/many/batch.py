"""`facetrack batch`: many videos, on all cores or a cluster; a rerun does what is missing or changed."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facetrack.cli.many.work import Shard, WorkerCount, local_workers, parse_shard, work_off
from facetrack.cli.options import CsvStyle, Tracking, takes_tracking
from facetrack.errors import FacetrackError

if TYPE_CHECKING:
    from facetrack.batch.task import Job
    from facetrack.batch.workers import Workers

RUNNERS = ("local", "ray")

Inputs = Annotated[
    list[str], typer.Argument(help="Videos, folders, globs, a list (.txt, a path a line), a table with a column path.")
]
Out = Annotated[Path, typer.Option(help="Folder of the outputs, of manifest.jsonl and of summary.csv.")]
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
    workers: WorkerCount = None,
    shard: Shard = None,
    runner: Runner = "local",
    ray_address: RayAddress = None,
) -> None:
    """Track the faces of many videos; write files for each, and one summary of all persons.

    A rerun does only what is missing, failed or changed: the video, the options, the version. A video that cannot be
    read is listed and stops nothing. Exit code: 0 all done, 1 some failed, 2 wrong usage.
    """
    from facetrack.batch.inputs import find_videos
    from facetrack.batch.summary import need_parquet, write_summary

    part = parse_shard(shard)
    if parquet:
        need_parquet()
    wanted = {"json": json, "csv": csv, "events": events, "video": video, "report": report}
    kinds = tuple(kind for kind, is_wanted in wanted.items() if is_wanted)
    job = _job(tracking, Path(os.path.abspath(out)), kinds, csv_style)
    videos = find_videos(inputs, job.folder)
    read = [path for path in (*tracking.files, *map(Path, inputs)) if path is not None]
    open_workers = partial(_open_workers, workers, runner, ray_address, tracking.threads)
    work_off(job, videos, part, read, open_workers, lambda: write_summary(job.folder, videos, parquet))


def _job(tracking: Tracking, folder: Path, kinds: tuple[str, ...], csv_style: str) -> Job:
    from facetrack.batch.manifest import options_hash
    from facetrack.batch.task import Job
    from facetrack.batch.track import Track
    from facetrack.modelfile import bundled, check_file, network_path
    from facetrack.sinks.tables import csv_sink

    csv_sink(csv_style)  # what is wrong with the options is said before anything is done
    tracking.options()
    if tracking.model is not None:
        check_file(network_path(tracking.model))
    given = asdict(tracking) | {"csv_style": csv_style}
    del given["threads"]  # changes no result
    work = Track(kinds, _settled(tracking).tracker, csv_style, tracking.threads)
    return Job(folder, options_hash(given, bundled()), work)


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


def _open_workers(
    count: int | None, runner: str, ray_address: str | None, threads: int, job: Job, videos: int
) -> Workers:
    """Return the workers, not yet started; no more than there are videos."""
    if runner == "ray":
        from facetrack.batch.ray_workers import RayWorkers

        return RayWorkers(job, None if count is None else min(count, max(1, videos)), ray_address)
    if runner != "local":
        raise FacetrackError(f"--runner is '{runner}'; expected {' or '.join(RUNNERS)}")
    if ray_address is not None:
        raise FacetrackError("--ray-address is of use with --runner ray alone; give both, or neither")
    return local_workers(job, count, threads, videos)
