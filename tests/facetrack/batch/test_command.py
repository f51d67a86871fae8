"""`facetrack batch` in a separate process, on generated clips, with the bundled networks."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_line import assert_one_sentence, facetrack
from facetrack.cli.many.pace import Pace
from facetrack.demo_clip.clip import ClipOptions, SyntheticClip
from small_clips import write_clip, write_pictures


@pytest.fixture(scope="module")
def faces():
    return [frame.image for frame, _ in SyntheticClip(ClipOptions(duration_s=0.5, fps=10))]


def manifest(folder: Path) -> list[dict]:
    path = folder / "out" / "manifest.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def batch(folder: Path, *arguments):
    given = ("batch", *arguments, "--out", "out", "--json", "--engine", "onnx")
    return facetrack(*given, cwd=folder)


@pytest.mark.net
def test_a_list_with_broken_videos_then_reruns(tmp_path, faces):
    write_pictures(tmp_path / "good.mp4", faces)
    (tmp_path / "text.mp4").write_text("a text file")
    (tmp_path / "list.csv").write_text("path,subject\ngood.mp4,ann\ntext.mp4,bea\ngone.mp4,cid\n")
    done = batch(tmp_path, "list.csv", "--events", "--workers", 2)
    assert done.returncode == 1, done.stderr
    assert "3 videos: 0 done before, 3 to do" in done.stderr
    assert "2 of 3 videos failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert {line["name"]: line["status"] for line in manifest(tmp_path)} == {
        "good": "done", "text": "failed", "gone": "failed"
    }  # fmt: skip
    with (tmp_path / "out" / "summary.csv").open(newline="") as file:
        rows = [(row["subject"], row["status"], row["id"]) for row in csv.DictReader(file)]
    assert rows == [("ann", "done", "1"), ("bea", "failed", ""), ("cid", "failed", "")]
    assert facetrack("video", "good.mp4", "--json", "o.jsonl", "--engine", "onnx", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "good.jsonl").read_bytes() == (tmp_path / "o.jsonl").read_bytes()

    again = batch(tmp_path, "good.mp4")
    assert again.returncode == 0, again.stderr
    assert "1 videos: 1 done before, 0 to do" in again.stderr
    other = batch(tmp_path, "good.mp4", "--smooth", "off")
    assert other.returncode == 0, other.stderr
    assert "1 videos: 0 done before, 1 to do" in other.stderr
    assert len(manifest(tmp_path)) == 4
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "good.events.csv", "good.jsonl", "manifest.jsonl", "summary.csv"
    ]  # fmt: skip


@pytest.mark.net
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds a process's children in /proc")
def test_a_killed_run_leaves_no_process_and_is_taken_up(tmp_path, faces):
    for index in range(4):
        write_pictures(tmp_path / f"{index}.mp4", faces * 3)
    command = [sys.executable, "-m", "facetrack", "batch", *(f"{index}.mp4" for index in range(4))]
    run = subprocess.Popen([*command, "--out", "out", "--json", "--engine", "onnx", "--workers", "2"], cwd=tmp_path)
    wait_until(lambda: len(manifest(tmp_path)) >= 1)
    workers = children(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert workers
    wait_until(lambda: not any(is_alive(worker) for worker in workers))
    before = manifest(tmp_path)
    assert 1 <= len(before) < 4
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    done = batch(tmp_path, *(f"{index}.mp4" for index in range(4)))
    assert done.returncode == 0, done.stderr
    names = [line["name"] for line in manifest(tmp_path)]
    assert names[: len(before)] == [line["name"] for line in before]
    assert sorted(names) == ["0", "1", "2", "3"]
    assert len({(tmp_path / "out" / f"{index}.jsonl").read_text().partition("\n")[2] for index in range(4)}) == 1


def wait_until(holds, limit_s: float = 100.0) -> None:
    end_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gone.mp4"], ["gone.mp4 does not exist"]),
        (["a.mp4", "--shard", "3/2"], ["--shard is '3/2'", "1/10"]),
        (["a.mp4", "--runner", "dask"], ["--runner is 'dask'", "local or ray"]),
        (["a.mp4", "--ray-address", "auto"], ["--ray-address", "--runner ray"]),
        (["a.mp4", "--smooth", "much"], ["much"]),
        (["a.mp4", "--model", "nothing"], ["nothing"]),
    ],
)
@pytest.mark.net
def test_wrong_usage_is_one_sentence(tmp_path, arguments, words):
    write_clip(tmp_path / "a.mp4")
    assert_one_sentence(batch(tmp_path, *arguments), *words)


def test_a_file_in_the_folders_place_is_one_sentence(tmp_path):
    write_clip(tmp_path / "a.mp4")
    (tmp_path / "out").write_text("a file")
    assert_one_sentence(batch(tmp_path, "a.mp4"), "out", "another --out")


def test_pace_by_the_sizes_of_files(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset() if hasattr(time, "tzset") else None
    now_s = [0.0]
    pace = Pace([600, 300, 100], clock=lambda: now_s[0], now=lambda: 36_000 + now_s[0])
    assert pace.text() == "0/3"
    now_s[0] = 60.0
    pace.add(600, 1200, False)
    assert pace.text() == "1/3, 20 frames/s, ends about 10:01"  # 400 bytes more at 10 a second: 40 s
    now_s[0] = 100.0
    pace.add(300, 0, True)
    assert pace.text() == "2/3, 1 failed, 12 frames/s, ends about 10:01"
    pace.add(100, 300, False)
    assert pace.text() == "3/3, 1 failed, 15 frames/s"
