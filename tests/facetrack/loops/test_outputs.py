"""Outputs of a live run: none holds up the loop, and none takes another one with it."""

import os
import threading
import time

import numpy as np
import pytest

from facetrack.loops import outputs
from facetrack.loops.outputs import Output, Recording, problems
from facetrack.sinks import JsonLinesSink
from facetrack.types import Frame

FRAME = Frame(np.zeros((48, 64, 3), np.uint8), time_s=0.0, index=0)


class ListSink:
    """A sink that keeps what it is given; `write_` is made for each frame."""

    is_stream, closed = True, False

    def __init__(self, write_=lambda frame: None):
        self.written, self.ends, self._write = [], [], write_

    def write(self, frame, faces, events=()):
        self._write(frame)
        self.written.append((frame.index, events))

    def close(self):
        self.ends.append("closed")

    def discard(self):
        self.ends.append("discarded")


def frames(count):
    return [Frame(FRAME.image, time_s=i / 30, index=i) for i in range(count)]


def test_a_sink_that_crashes_is_closed_and_the_others_go_on():
    def crash(frame):
        if frame.index == 3:
            raise RuntimeError("a mistake")

    bad, good = ListSink(crash), ListSink()
    with Output(bad, "bad") as first, Output(good, "good") as second:
        for frame in frames(10):
            for output in (first, second):
                output.write(frame, ())
    assert [index for index, _ in bad.written] == [0, 1, 2]
    assert [index for index, _ in good.written] == list(range(10))
    assert (bad.ends, good.ends) == (["closed"], ["closed"])
    assert first.closed
    assert problems([first.consumer, second.consumer]) == [
        "bad failed (RuntimeError('a mistake')); what was written until then is kept."
    ]


def test_a_reader_that_hangs_holds_nobody_up_and_what_it_misses_is_counted(monkeypatch):
    monkeypatch.setattr(outputs, "RECORDS", 4)
    release = threading.Event()
    sink = ListSink(lambda frame: release.wait(10))
    with Output(sink, "pipe") as output:
        began_s = time.perf_counter()
        for frame in frames(100):
            output.write(frame, ())
        assert time.perf_counter() - began_s < 1.0
        assert output.consumer.dropped >= 95
        release.set()
    assert len(sink.written) + output.consumer.dropped == 100
    assert f"{output.consumer.dropped} frames are missing" in problems([output.consumer])[0]


def test_a_slow_reader_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(outputs, "IDLE_S", 0.3)
    monkeypatch.setattr(outputs, "ENDING_S", 0.5)
    sink = ListSink(lambda frame: time.sleep(0.1))
    output = Output(sink, "pipe")
    for frame in frames(100):
        output.write(frame, ())
    began_s = time.perf_counter()
    output.__exit__(None, None, None)
    assert time.perf_counter() - began_s < 5.0
    assert output.consumer.is_left_behind
    assert problems([output.consumer])[0].startswith("pipe hangs; its last frames are missing")


def test_without_a_frame_the_sink_is_discarded():
    sink = ListSink()
    with Output(sink, "x"):
        pass
    assert sink.ends == ["discarded"]


def test_late_events_are_on_the_line_of_the_last_frame_of_a_file_and_on_the_next_of_a_stream():
    file, stream = ListSink(), ListSink()
    file.is_stream = False
    with Output(file, "file") as first, Output(stream, "stream") as second:
        for output in (first, second):
            output.write(frames(2)[0], (), ("began",))
            output.end_events(("ended",))
            output.write(frames(2)[1], ())
    assert file.written == [(0, ("began", "ended")), (1, ())]
    assert stream.written == [(0, ("began",)), (1, ("ended",))]


def test_a_slow_recording_gets_every_picture():
    written = []

    def slow(picture, time_s):
        time.sleep(0.02)
        written.append(time_s)

    sink = ListSink()
    with Recording(sink, slow, "video") as recording:
        for index in range(30):
            recording(FRAME.image, index)
    assert written == list(range(30))
    assert recording.consumer.dropped == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_that_nobody_reads_any_more_is_left(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    sink = JsonLinesSink(tmp_path / "pipe", live=True)
    with Output(sink, "pipe") as output:
        for frame in frames(400):  # more than the pipe and the queue hold
            output.write(Frame(frame.image, time_s=frame.time_s, index=frame.index, name="x" * 500), ())
        os.close(reader)
        end_s = time.perf_counter() + 10
        while not output.closed and time.perf_counter() < end_s:
            output.write(FRAME, ())
            time.sleep(0.01)
        assert output.closed
