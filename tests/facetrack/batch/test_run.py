"""Runs over videos of a few frames, with trackers without networks: in this process, and in spawned workers."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from facetrack.batch.inputs import Video, find_videos
from facetrack.batch.manifest import DONE, FAILED, Manifest, read_entries
from facetrack.batch.outputs import SUFFIXES
from facetrack.batch.run import plan, run
from facetrack.batch.task import Job, VideoTask
from facetrack.batch.track import Track
from facetrack.batch.workers import LocalWorkers
from facetrack.errors import ModelFileError, OutputError
from facetrack.loops.recorded import MAX_READINGS, RunTotals
from small_clips import Deadly, fail_to_start, start, timeless, write_clip

ALL = tuple(SUFFIXES)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    for index, name in enumerate(("a", "b", "c")):
        write_clip(tmp_path / "in" / f"{name}.mp4", frames=3 + index)
    (tmp_path / "out").mkdir()
    return tmp_path


def videos_of(folder: Path) -> list[Video]:
    return find_videos([str(folder / "in")], folder / "out")


def job_in(folder: Path, kinds: tuple[str, ...] = ("json",), begin=start, options: str = "o") -> Job:
    return Job(folder / "out", options, Track(kinds, begin))


def files_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in (folder / "out").iterdir() if not path.name.startswith("manifest"))
    return {path.name: timeless(path.read_bytes()) for path in files}


def do(job: Job, videos, workers: int = 1) -> dict[str, str]:
    with Manifest(job.folder) as manifest:
        run(job, videos, LocalWorkers(job, workers), manifest, lambda *_: None)
    return {entry.name: entry.status for entry in read_entries(job.folder).values()}


def test_a_task_writes_all_outputs_and_says_so(clips):
    job = job_in(clips, ALL)
    entries = [VideoTask(job)(video) for video in videos_of(clips)]
    assert [(entry.status, entry.frames, entry.faces) for entry in entries] == [(DONE, n, 1) for n in (3, 4, 5)]
    assert set(files_in(clips)) == {f"{name}{suffix}" for name in "abc" for suffix in SUFFIXES.values()}
    assert entries[0].outputs == ("a.jsonl", "a.csv", "a.events.csv", "a.mp4", "a.html")
    assert len(files_in(clips)["b.jsonl"].splitlines()) == 1 + 4
    assert [person["id"] for person in entries[0].persons] == [1]


def test_a_task_leaves_no_trace_in_the_next_one(clips):
    job = job_in(clips, ALL)
    first, second, third = videos_of(clips)
    task = VideoTask(job)
    for video in (third, first, second):
        task(video)
    together = files_in(clips)
    for video in (first, second, third):
        VideoTask(job)(video)
    assert files_in(clips) == together


@pytest.mark.parametrize("fault", ["text", "cut", "gone", "full"])
def test_a_video_that_fails_leaves_nothing_and_what_was_there(clips, monkeypatch, fault):
    job = job_in(clips, ("json", "csv"))
    video = videos_of(clips)[2]
    VideoTask(job)(video)
    before = files_in(clips)
    if fault == "text":
        video.path.write_text("no video")
    elif fault == "cut":
        video.path.write_bytes(video.path.read_bytes()[:-40])
    elif fault == "gone":
        video.path.unlink()
    else:
        write, written = os.write, []

        def full(descriptor, data):
            written.append(len(data))
            if len(written) > 5:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, data)

        monkeypatch.setattr(os, "write", full)
    entry = VideoTask(job)(video)
    assert entry.status == FAILED
    assert entry.error is not None
    said = {"text": "a text file", "cut": "cut short", "gone": "does not exist", "full": "No space"}
    assert said[fault] in entry.error
    assert files_in(clips) == before


def test_an_error_of_the_program_is_listed_and_the_next_video_goes_on(clips):
    job = job_in(clips)
    task = VideoTask(job)
    first, second, _ = videos_of(clips)
    assert task(first).status == DONE
    task._do.args[0].update = lambda *_: 1 / 0  # its tracker's
    failed = task(second)
    assert (failed.status, failed.error) == (FAILED, f"{second.path}: ZeroDivisionError: division by zero")
    assert task(second).status == DONE
    assert set(files_in(clips)) == {"a.jsonl", "b.jsonl"}


def test_plan_holds_what_is_missing_or_changed_the_largest_first(clips):
    job, videos = job_in(clips), videos_of(clips)
    everything = plan(job, videos, {})
    assert [video.name for video in everything.videos] == ["c", "b", "a"]
    do(job, everything.videos)

    def left(job=job):
        return [video.name for video in plan(job, videos, read_entries(job.folder)).videos]

    assert left() == []
    assert left(job_in(clips, options="p")) == ["c", "b", "a"]
    assert left(job_in(clips, ("json", "csv"))) == ["c", "b", "a"]
    (clips / "out" / "b.jsonl").unlink()
    write_clip(clips / "in" / "a.mp4", frames=2)
    assert left() == ["b", "a"]


def test_an_output_replaces_no_input(clips):
    job = Job(clips / "in", "o", Track(("video",), start))
    with pytest.raises(OutputError, match=r"a\.mp4 is an input"):
        plan(job, videos_of(clips), {})
    with pytest.raises(OutputError, match=r"summary\.csv is an input"):
        plan(job_in(clips), [], {}, [clips / "out" / "summary.csv"])


def test_two_workers_write_the_same_bytes_as_one(clips):
    videos = videos_of(clips)
    assert do(job_in(clips, ALL), videos, 1) == dict.fromkeys("abc", DONE)
    one = files_in(clips)
    assert do(job_in(clips, ALL, options="p"), videos, 2) == dict.fromkeys("abc", DONE)
    assert files_in(clips) == one


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_the_video_of_a_killed_worker_is_done_by_another(clips):
    write_clip(clips / "in" / "bright.mp4", grey=230)
    killed = clips / "killed"
    states = do(job_in(clips, begin=Deadly(until=killed)), videos_of(clips), 2)
    assert killed.exists()
    assert states == dict.fromkeys(("a", "b", "c", "bright"), DONE)
    lines = (clips / "out" / "manifest.jsonl").read_text().splitlines()
    assert len(lines) == 4  # nothing done twice
    assert not [path for path in (clips / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_video_that_kills_its_workers_is_listed_and_stops_nothing(clips):
    write_clip(clips / "in" / "bright.mp4", grey=230)
    states = do(job_in(clips, begin=Deadly()), videos_of(clips), 2)
    assert states == dict.fromkeys("abc", DONE) | {"bright": FAILED}
    (line,) = [line for line in (clips / "out" / "manifest.jsonl").read_text().splitlines() if "bright" in line]
    assert "worker was killed" in json.loads(line)["error"]
    assert sorted(files_in(clips)) == ["a.jsonl", "b.jsonl", "c.jsonl"]


def test_a_network_that_does_not_open_ends_the_run(clips):
    with pytest.raises(ModelFileError, match="no such network"):
        do(job_in(clips, begin=fail_to_start), videos_of(clips))
    assert read_entries(clips / "out") == {}


def test_shards_do_everything_once_and_a_run_of_all_finds_nothing_left(clips):
    for index in range(5):
        write_clip(clips / "in" / f"{index}.mp4", frames=3)
    job, videos = job_in(clips), videos_of(clips)
    for index in (1, 2, 3):
        with Manifest(job.folder, (index, 3)) as manifest:
            mine = plan(job, [video for video in videos if video.in_shard((index, 3))], read_entries(job.folder))
            task = VideoTask(job)
            for video in mine.videos:
                manifest.append(task(video))
    lines = [line for path in job.folder.glob("manifest*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(json.loads(line)["name"] for line in lines) == [*"01234", *"abc"]
    assert plan(job, videos, read_entries(job.folder)).videos == ()


def test_totals_of_a_long_run_stay_small():
    totals = RunTotals()
    for index in range(100_000):
        totals.count([], index / 1000)
    assert totals.frames == 100_000
    assert len(totals.update_ms) <= MAX_READINGS
    assert np.percentile(totals.update_ms, (50, 95)) == pytest.approx((50_000, 95_000), abs=20)
    assert "100000 frames" in totals.summary()
