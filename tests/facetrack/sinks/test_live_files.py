"""Files of a live run and of an interrupted one: there from the first frame on, whole up to the last."""

import errno
import json
import os
import subprocess
import sys

import av
import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.sinks import CsvSink, JsonLinesSink, VideoSink
from facetrack.sinks.staged import StagedFile
from facetrack.stopping import Stopped
from facetrack.types import Frame

POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="Windows cannot rename an open file")


def frame(index):
    return Frame(np.full((48, 64, 3), 9 * index % 256, np.uint8), time_s=index / 30, index=index)


def lines(path):
    return [json.loads(line).get("frame") for line in path.read_text().splitlines()]


def pictures(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@POSIX_ONLY
@pytest.mark.parametrize("kind", [JsonLinesSink, CsvSink])
def test_a_live_file_is_there_from_its_first_frame_on(tmp_path, kind):
    target = tmp_path / "o"
    target.write_text("of yesterday")
    sink = kind(target, live=True)
    assert target.read_text() == "of yesterday"  # until there is something to put in its place
    for index in range(3):
        sink.write(frame(index), ())
        assert len(target.read_text().splitlines()) == index + 2
    sink.discard()  # as after an exception
    assert len(target.read_text().splitlines()) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["o"]


def test_a_failed_start_leaves_nothing(tmp_path):
    for sink in (JsonLinesSink(tmp_path / "o", live=True), VideoSink(tmp_path / "o.mp4", (64, 48), live=True)):
        sink.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    sink = JsonLinesSink(tmp_path / "o.jsonl", live=True)
    for index in range(5):
        sink.write(frame(index), ())
    write = os.write

    def half(descriptor, data):
        if len(data) < 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) - 10])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OutputError, match="No space left"):
        sink.write(frame(5), ())
    sink.write(frame(6), ())  # nothing more is taken
    sink.close()
    assert lines(tmp_path / "o.jsonl") == [None, 0, 1, 2, 3, 4]


@POSIX_ONLY
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.mov"])
def test_a_killed_recording_plays(tmp_path, name):
    code = f"""
import os, numpy as np
from facetrack.sinks import VideoSink
sink = VideoSink({str(tmp_path / name)!r}, (64, 48), fps=10, live=True)
for index in range(45):
    sink.write(np.full((48, 64, 3), 5 * index, np.uint8), index / 10)
os.kill(os.getpid(), 9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert 45 - 10 <= pictures(tmp_path / name) <= 45  # a second at most is lost


@POSIX_ONLY
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_a_recording_on_a_full_disk_plays_up_to_its_last_fragment(tmp_path, name):
    sink = VideoSink(tmp_path / name, (64, 48), fps=10, live=True)
    for index in range(35):
        sink.write(frame(index).image, index / 10)

    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, attribute):
            return getattr(self.file, attribute)

    sink._growing._file = Full(sink._growing._file)
    with pytest.raises(OutputError, match="No space left"):
        for index in range(35, 60):
            sink.write(frame(index).image, index / 10)
    with pytest.raises(OutputError):
        sink.close()
    assert pictures(tmp_path / name) >= 25


def test_a_finished_recording_is_an_ordinary_file(tmp_path):
    with VideoSink(tmp_path / "o.mp4", (64, 48), fps=10, live=True) as sink:
        for index in range(25):
            sink.write(frame(index).image, index / 10)
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert container.streams.video[0].frames == 25
    assert b"moof" not in (tmp_path / "o.mp4").read_bytes()[:64]


def test_an_interrupted_run_keeps_its_records_as_partial(tmp_path):
    sinks = [JsonLinesSink(tmp_path / "o.jsonl"), CsvSink(tmp_path / "o.csv"), VideoSink(tmp_path / "o.mp4", (64, 48))]
    for sink in sinks:
        with pytest.raises(Stopped), sink:
            sink.write(*((frame(0).image, 0.0) if isinstance(sink, VideoSink) else (frame(0), ())))
            raise Stopped
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv.partial", "o.jsonl.partial"]
    assert lines(tmp_path / "o.jsonl.partial") == [None, 0]
    assert [sink.kept and sink.kept.name for sink in sinks] == ["o.jsonl.partial", "o.csv.partial", None]
    with pytest.raises(Stopped), JsonLinesSink(tmp_path / "empty.jsonl"):
        raise Stopped
    assert not (tmp_path / "empty.jsonl.partial").exists()


@POSIX_ONLY
def test_leftovers_of_killed_runs_are_removed_and_those_at_work_are_not(tmp_path):
    dead = tmp_path / ".o.0123abcd.jsonl"
    others = [tmp_path / name for name in (".o.0123abcd.csv", ".other.0123abcd.jsonl", ".o.notes.jsonl", "o.jsonl")]
    for path in (dead, *others):
        path.write_text("x")
    at_work = StagedFile(tmp_path / "o.jsonl")
    second = StagedFile(tmp_path / "o.jsonl")
    assert not dead.exists()
    assert all(path.exists() for path in (*others, at_work.temporary))
    at_work.discard()
    second.commit()
