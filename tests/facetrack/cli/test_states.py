"""Every command ends on a signal in every state, and a live run keeps what it has written."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import av
import cv2
import numpy as np
import pytest

from camera_server import CameraServer

pytestmark = [
    pytest.mark.net,
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX"),
]
IS_BUSY = os.getloadavg()[0] > 2 * (os.cpu_count() or 1)
ALLOWED_S = 20.0 if IS_BUSY else 1.5
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def server():
    with CameraServer() as server:
        yield server


def start(folder, *arguments, **options):
    command = [sys.executable, "-m", "facetrack", *arguments]
    # Under nohup the tests ignore SIGHUP, and what they start would inherit that.
    return subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, **options,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip


def wait_for_lines(path, count):
    end_s = time.monotonic() + 120
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < end_s, "no lines came"
        time.sleep(0.05)


def end(process, *numbers):
    began_s = time.monotonic()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.005)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - began_s < ALLOWED_S
    assert "Traceback" not in said
    return process.returncode, said


@pytest.mark.parametrize("numbers", [*[(number,) for number in SIGNALS], (signal.SIGINT, signal.SIGINT, signal.SIGHUP)])
def test_a_live_run_ends_with_equal_counts(tmp_path, server, numbers):
    process = start(
        tmp_path, "live", "--no-window", "--engine", "onnx", "--camera", server.url.replace("//", "//me:pw7@"),
        "--json", "o.jsonl", "--csv", "o.csv", "--record", "o.mp4",
    )  # fmt: skip
    wait_for_lines(tmp_path / "o.jsonl", 10)
    code, said = end(process, *numbers)
    assert code == 0
    assert "pw7" not in said
    records = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()[1:]]
    with av.open(str(tmp_path / "o.mp4")) as container:
        recorded = sum(1 for _ in container.decode(video=0))
    rows = (tmp_path / "o.csv").read_text().splitlines()[1:]
    followed = int(next(line for line in said.splitlines() if "frames followed" in line).split()[0])
    assert len(records) == recorded == len(rows) == followed
    assert len({record["frame"] for record in records}) == len(records)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv", "o.jsonl", "o.mp4"]


@pytest.mark.parametrize("number", SIGNALS)
def test_opening_a_stream_that_does_not_answer_is_ended(tmp_path, number):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/cam"
        process = start(tmp_path, "live", "--no-window", "--engine", "onnx", "--camera", url, "--json", "o.jsonl")
        silent.settimeout(120)
        connection, _ = silent.accept()
        with connection:
            code, said = end(process, number)
    assert code == 128 + number
    assert said.endswith("facetrack: stopped\n")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_reading_does_not_keep_it_from_ending(tmp_path, server):
    process = start(
        tmp_path, "live", "--no-window", "--engine", "onnx", "--camera", server.url, "--json", "-", "--csv", "o.csv",
        stdout=subprocess.PIPE,
    )  # fmt: skip
    wait_for_lines(tmp_path / "o.csv", 40)  # 64 kB of JSON lines are in the pipe, or soon are
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert time.monotonic() - began_s < ALLOWED_S
    process.stdout.close()


def test_an_interrupted_video_keeps_its_records(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "in.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 25, (640, 480))
    for index in range(1500):
        writer.write(np.full((480, 640, 3), index % 256, np.uint8))
    writer.release()
    process = start(
        tmp_path, "video", "in.mp4", "--engine", "onnx", "--json", "o.jsonl", "--csv", "o.csv", "--out", "o.mp4"
    )

    def lines():
        return sum(path.read_text().count("\n") for path in tmp_path.glob(".o.*.jsonl"))

    end_s = time.monotonic() + 120
    while lines() < 5:
        assert time.monotonic() < end_s
        time.sleep(0.05)
    code, said = end(process, signal.SIGINT)
    assert code == 128 + signal.SIGINT
    assert "o.jsonl.partial" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "o.csv.partial", "o.jsonl.partial"]
    assert all(json.loads(line) for line in (tmp_path / "o.jsonl.partial").read_text().splitlines())


def test_a_camera_that_dies_is_followed_again_or_given_up_with_code_3(tmp_path, server):
    server.frames_per_connection = 15
    process = start(tmp_path, "live", "--no-window", "--engine", "onnx", "--camera", server.url, "--json", "o.jsonl")
    wait_for_lines(tmp_path / "o.jsonl", 20)
    code, said = end(process, signal.SIGTERM)
    assert code == 0
    assert "has ended; connecting again" in said
    done = start(tmp_path, "live", "--no-window", "--engine", "onnx", "--camera", server.url, "--json", "p.jsonl",
                 "--no-reconnect")  # fmt: skip
    _, said = done.communicate(timeout=120)
    assert done.returncode == 3
    assert said.splitlines()[-1].startswith("facetrack: http://127.0.0.1")
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) > 1
