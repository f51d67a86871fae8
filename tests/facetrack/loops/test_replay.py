"""Replays: the same records, at their own times, into files and sockets; the command and its refusals."""

import json
import struct
import time

import av
import numpy as np
import pytest
from typer.testing import CliRunner

import facetrack
from facetrack.cli import app
from facetrack.loops.pacing import OwnPace, at_own_pace
from made_faces import nodding, write_lines
from sockets import Receiver

FRAMES = 20


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    return write_lines(tmp_path_factory.mktemp("lines") / "made.jsonl", nodding(FRAMES, lost=range(12, 15)))


def run(*words):
    done = CliRunner().invoke(app, ["replay", *map(str, words)])
    assert done.exception is None, (done.output, done.exception)
    return done


def test_records_come_at_their_own_times(lines):
    with Receiver() as receiver:
        started_s = time.perf_counter()
        run(lines, "--opentrack", receiver.address)
        passed_s = time.perf_counter() - started_s
        packets = receiver.wait(FRAMES - 3)
    assert passed_s >= (FRAMES - 1) / 30
    yaws = [struct.unpack("<6d", packet)[3] for packet in packets]
    expected = [-face.pose.yaw_deg for record in facetrack.read_jsonl(lines) for face in record.faces]
    assert yaws == pytest.approx(expected)


def test_every_protocol_at_once(lines):
    options = ("--osf", "--vmc", "--ifacialmocap", "--livelink", "--opentrack")
    receivers = [Receiver() for _ in options]
    pairs = zip(options, receivers, strict=True)
    run(lines, *(word for option, receiver in pairs for word in (option, receiver.address)), "--mirror")
    counts = [FRAMES - 3, FRAMES, FRAMES - 3, FRAMES, FRAMES - 3]
    for receiver, count in zip(receivers, counts, strict=True):
        assert len(receiver.wait(count)) == count
        receiver.__exit__(None, None, None)


def close(value, other):
    """Whether two JSON values agree, numbers to the last digit written."""
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(close(value[key], other[key]) for key in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(close, value, other))
    return abs(value - other) < 1.1e-5 if isinstance(value, float) else value == other


def test_a_replay_into_json_lines_is_the_file_itself_and_does_not_wait(lines, tmp_path):
    run(lines, "--json", tmp_path / "again.jsonl", "--csv", tmp_path / "again.csv")
    pairs = zip((tmp_path / "again.jsonl").open(), lines.open(), strict=True)
    assert all(close(json.loads(again), json.loads(first)) for again, first in pairs)
    assert len((tmp_path / "again.csv").read_text().splitlines()) == FRAMES + 1


def test_faces_are_drawn_on_the_video_or_on_black(lines, tmp_path):
    video = tmp_path / "in.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        for i in range(FRAMES):
            grey = np.full((480, 640, 3), 40 + 10 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="bgr24")))
        container.mux(stream.encode(None))
    run(lines, "--video", video, "--out", tmp_path / "drawn.mp4")
    run(lines, "--out", tmp_path / "black.mp4")
    drawn, black = read(tmp_path / "drawn.mp4"), read(tmp_path / "black.mp4")
    assert len(drawn) == len(black) == FRAMES
    for i in (0, 9, FRAMES - 1):
        assert np.median(drawn[i]) == pytest.approx(40 + 10 * i, abs=6)
        assert np.median(black[i]) < 20
        assert drawn[i].max() > 100
    assert black[0].max() > 100  # a face
    assert black[13].max() < 60  # none in that frame


def test_a_replay_shows_its_pictures_to_a_virtual_camera(lines, monkeypatch):
    pyvirtualcam, shown = pytest.importorskip("pyvirtualcam", reason="needs pyvirtualcam"), []

    class Driver:
        def __init__(self, width, height, **_):
            self.size = (height, width, 3)

        def device(self):
            return "made"

        def native_fourcc(self):
            return None

        def send(self, picture):
            shown.append(picture.reshape(self.size).max())

        def close(self):
            pass

    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {"made": Driver})
    run(lines, "--virtual-camera", "default")
    assert len(shown) > FRAMES // 2  # the newest alone
    assert max(shown) > 100  # a face


def read(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to do"),
        (("--osf", "here:x"), "--osf is 'here:x'"),
        (("--osf", "default", "--face", "tallest"), "--face is 'tallest'"),
        (("--livelink", "default", "--flip", "osf:yaw"), "--flip is 'osf:yaw'"),
        (("--livelink", "default", "--flip", "livelink:up"), "--flip is 'livelink:up'"),
        (("--ifacialmocap", "default", "--ifacialmocap-version", "3"), "v1 or v2"),
    ],
)
def test_bad_input_is_one_sentence(lines, words, said):
    done = CliRunner().invoke(app, ["replay", str(lines), *words])
    assert isinstance(done.exception, facetrack.FacetrackError)
    assert said in str(done.exception)


def test_the_input_is_not_overwritten(lines):
    before = lines.read_bytes()
    done = CliRunner().invoke(app, ["replay", str(lines), "--json", str(lines)])
    assert isinstance(done.exception, facetrack.FacetrackError)
    assert lines.read_bytes() == before


def test_own_pace_waits_and_does_not_drop():
    class Source:
        live, size = False, (4, 3)

        def __iter__(self):
            return iter([frame for frame, _, _ in nodding(4)])

    started_s = time.perf_counter()
    paced = OwnPace(Source())
    assert [frame.index for frame in paced] == [0, 1, 2, 3]
    assert time.perf_counter() - started_s >= 0.1
    assert paced.size == (4, 3)
    assert list(at_own_pace([])) == []
