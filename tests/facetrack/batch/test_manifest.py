"""The manifest: what a rerun takes for done, torn lines, the lock, a full disk."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import pytest

from facetrack.batch.manifest import DONE, FAILED, Entry, Manifest, options_hash, read_entries, stamp
from facetrack.errors import OutputError


def entry(path, **more):
    values = {"input": str(path), "name": "a", "options": "abc", "version": "1", "status": DONE, "outputs": ("a.csv",)}
    return Entry(**values | more)


def test_lines_are_read_as_written_and_the_newest_counts(tmp_path):
    with Manifest(tmp_path) as manifest:
        manifest.append(entry("/v/a.mp4", status=FAILED, error="odd \udce9 name", ended=1.0))
        manifest.append(entry("/v/b.mp4", persons=({"id": 1, "seen_s": 2.5},), ended=2.0))
        manifest.append(entry("/v/a.mp4", faces=3, problems=("one", "two"), ended=3.0))
    with Manifest(tmp_path, (1, 2)) as shard:
        shard.append(entry("/v/b.mp4", status=FAILED, ended=1.5))
    assert [json.loads(line)["status"] for line in (tmp_path / "manifest.jsonl").read_text().splitlines()] == [
        FAILED, DONE, DONE
    ]  # fmt: skip
    assert read_entries(tmp_path) == {
        "/v/a.mp4": entry("/v/a.mp4", faces=3, problems=("one", "two"), ended=3.0),
        "/v/b.mp4": entry("/v/b.mp4", persons=({"id": 1, "seen_s": 2.5},), ended=2.0),
    }


@pytest.mark.parametrize("torn", ['{"input": "/v/b.m', "[]\n", "\x00\x00\n", '{"input": "/v/b.mp4"}\n'])
def test_a_line_that_was_cut_off_counts_as_none(tmp_path, torn):
    with Manifest(tmp_path) as manifest:
        manifest.append(entry("/v/a.mp4"))
    path = tmp_path / "manifest.jsonl"
    path.write_text(path.read_text() + torn)
    assert set(read_entries(tmp_path)) == {"/v/a.mp4"}
    with Manifest(tmp_path) as manifest:
        manifest.append(entry("/v/c.mp4"))
    assert set(read_entries(tmp_path)) == {"/v/a.mp4", "/v/c.mp4"}


@pytest.mark.skipif(os.name != "posix", reason="needs flock")
@pytest.mark.parametrize("second", [(1, 1), (1, 3)])
def test_one_run_at_a_time(tmp_path, second):
    with Manifest(tmp_path), pytest.raises(OutputError, match="another run"):
        Manifest(tmp_path, second)
    with Manifest(tmp_path, (1, 3)), Manifest(tmp_path, (2, 3)), pytest.raises(OutputError, match="another run"):
        Manifest(tmp_path)


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    with Manifest(tmp_path) as manifest:
        manifest.append(entry("/v/a.mp4"))
        write, calls = os.write, []

        def full(descriptor, data):
            calls.append(data)
            if len(calls) > 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, data[:20])

        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OutputError, match=r"No space left.*done stays done"):
            manifest.append(entry("/v/b.mp4"))
    monkeypatch.undo()
    assert set(read_entries(tmp_path)) == {"/v/a.mp4"}
    assert (tmp_path / "manifest.jsonl").read_bytes().endswith(b"}\n")


def test_what_is_done_is_current_until_something_changes(tmp_path):
    video = tmp_path / "a.mp4"
    video.write_bytes(b"12345")
    os.utime(video, (1000, 1000.25))
    assert stamp(video) == (5, 1000.25)
    (tmp_path / "a.csv").touch()
    done = entry(video, size=5, mtime=1000.25)

    def current(found=done, options="abc", version="1", outputs=("a.csv",)):
        return found.is_current(video, options, version, tmp_path, outputs)

    assert current()
    assert current(outputs=())
    assert not current(options="abe")
    assert not current(version="2")
    assert not current(replace(done, status=FAILED))
    (tmp_path / "a.jsonl").touch()
    assert not current(outputs=("a.csv", "a.jsonl"))  # of another run
    os.utime(video, (1000, 1001))
    assert not current()
    os.utime(video, (1000, 1000.25))
    (tmp_path / "a.csv").unlink()
    assert not current()
    video.unlink()
    assert stamp(video) == (None, None)
    assert not current(outputs=())


def test_a_folder_of_pictures_has_the_size_of_all_and_the_time_of_the_newest(tmp_path):
    for index, name in enumerate(("1.png", "2.png")):
        (tmp_path / name).write_bytes(b"123")
        os.utime(tmp_path / name, (0, 50 + index))
    assert stamp(tmp_path) == (6, 51.0)


def test_options_are_the_same_by_the_content_of_their_files(tmp_path):
    first, second = tmp_path / "a.toml", tmp_path / "b.toml"
    first.write_text("x = 1")
    second.write_text("x = 1")
    same = options_hash({"profile": first, "smooth": "low"}, [])
    assert same == options_hash({"smooth": "low", "profile": second}, [])
    assert same != options_hash({"profile": first, "smooth": "high"}, [])
    assert same != options_hash({"profile": first, "smooth": "low"}, [second])
    second.write_text("x = 2")
    assert same != options_hash({"smooth": "low", "profile": second}, [])
