"""`facetrack live` into sockets: at a file's own pace, with keys, an alarm that ends it, and early refusals."""

import struct
import time

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.cli import app
from facetrack.cli.options import Tracking
from facetrack.errors import FacetrackError
from poses import pose
from sockets import Receiver
from staged import Stage, actor

FRAMES, RATE = 20, 25


@pytest.fixture
def clip(tmp_path, monkeypatch):
    """Write a file, and put in place of the networks a tracker that sees one face turned by 20 degrees, smiling."""
    path = tmp_path / "in.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (640, 480))
    for _ in range(FRAMES):
        writer.write(np.zeros((480, 640, 3), np.uint8))
    writer.release()
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose(20.0))
    stage = Stage()
    stage.attributes = {"smile": 0.9}
    stage.cast(ann=actor(200, 200))
    monkeypatch.setattr(Tracking, "tracker", lambda self: stage.tracker(looks=False))
    return path


def live(*words):
    return CliRunner().invoke(app, ["live", *map(str, words)])


def test_a_file_plays_at_its_own_pace_into_sockets(clip):
    with Receiver() as receiver:
        started_s = time.perf_counter()
        done = live("--camera", clip, "--no-window", "--opentrack", receiver.address)
        passed_s = time.perf_counter() - started_s
        assert done.exit_code == 0, (done.output, done.exception)
        packets = receiver.wait(FRAMES - 2)  # the tracker confirms a face first
    assert passed_s >= (FRAMES - 1) / RATE
    assert struct.unpack("<6d", packets[0])[3] == pytest.approx(-20.0)


class Keys:
    """A window in which a key is pressed at each frame."""

    pressed = "..........n.....p..."
    closed = False

    def __init__(self, *_):
        self._coming = iter(self.pressed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def show(self, image):
        return next(self._coming, "").replace(".", "")


def test_n_takes_the_neutral_and_p_pauses(clip, monkeypatch):
    monkeypatch.setattr("facetrack.loops.window.Window", Keys)
    monkeypatch.setattr("facetrack.loops.window.check_display", lambda: None)
    with Receiver() as receiver:
        done = live("--camera", clip, "--opentrack", receiver.address)
        assert done.exit_code == 0, (done.output, done.exception)
        yaws = [struct.unpack("<6d", packet)[3] for packet in receiver.wait(12)]
    assert yaws[0] == pytest.approx(-20.0)
    assert yaws[-1] == pytest.approx(0.0)
    assert len(yaws) <= FRAMES - 3  # none after the pause


def test_an_alarm_ends_the_run_and_its_files_are_kept(clip, tmp_path):
    out = tmp_path / "o.jsonl"
    done = live("--camera", clip, "--no-window", "--json", out, "--alarm", "smile", "--alarm-exit")
    assert done.exit_code == 4, (done.output, done.exception)
    assert 10 < len(out.read_text().splitlines()) < FRAMES + 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--vmc", "here:0"), "--vmc is 'here:0'"),
        (("--alarm", "sleep"), "--alarm is 'sleep'"),
        (("--alarm-exit",), "--alarm"),
        (("--csv", "t.csv", "--csv-style", "excel"), "--csv-style is 'excel'"),
    ],
)
def test_bad_values_are_one_sentence_and_leave_nothing(clip, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = live("--camera", clip, "--no-window", *words)
    assert isinstance(done.exception, FacetrackError)
    assert said in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("command", ["live", "replay", "neutral"])
def test_help_is_readable(command):
    done = CliRunner().invoke(app, [command, "--help-all"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.exception
    options = ["--control"] if command == "neutral" else ["--osf", "--mqtt", "mqtt://user", "--alarm-exit", "--flip"]
    assert all(option in done.output for option in options)
