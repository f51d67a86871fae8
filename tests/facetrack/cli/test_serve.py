"""`facetrack serve` from the command line: bad input, a run with sinks, and its end."""

import json
import signal
import subprocess
import sys
import time
import urllib.request

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from facetrack.cli import app, extras
from facetrack.cli.apps.serve import camera_addresses
from facetrack.errors import FacetrackError, MissingExtraError, SourceError
from sockets import free_port

pytest.importorskip("starlette", reason="needs the extra serve")


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "in.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(10):
        writer.write(np.zeros((240, 320, 3), np.uint8))
    writer.release()
    return path


def test_cameras_have_names():
    assert camera_addresses(["0"]) == {"camera": "0"}
    assert camera_addresses(["desk=0", "door=rtsp://u:p=q@h/x"]) == {"desk": "0", "door": "rtsp://u:p=q@h/x"}
    assert camera_addresses(["rtsp://h/x?a=b", "1"]) == {"camera": "rtsp://h/x?a=b", "camera2": "1"}
    assert camera_addresses(["none"]) == {}
    for words in (["a=0", "a=1"], ["0", "none"]):
        with pytest.raises(SourceError, match="differ"):
            camera_addresses(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "--token"),
        (("--host", "no.such.host.invalid", "--token", "x" * 20), "cannot listen"),
        (("--token", "short"), "at least 16"),
        (("--tls-cert", "c.pem"), "--tls-key"),
        (("--tls-cert", "c.pem", "--tls-key", "k.pem", "--camera", "none", "--port", "0"), "cannot be used"),
        (("--camera", "a=0", "--camera", "b=1", "--json", "o.jsonl"), "one camera"),
        (("--camera", "none", "--osf", "default"), "one camera"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    done = CliRunner().invoke(app, ["serve", *words])
    assert isinstance(done.exception, FacetrackError), done.output
    assert said in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = CliRunner().invoke(app, ["serve", "--camera", "none", "--port", str(other.getsockname()[1])])
    assert "cannot listen" in str(done.exception)


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["serve"])
    assert isinstance(done.exception, MissingExtraError)
    assert "facetrack[serve]" in str(done.exception)


@pytest.mark.net
def test_a_run_serves_writes_and_ends_with_a_signal(clip, tmp_path):
    port, out = free_port(), tmp_path / "o.jsonl"
    words = ["serve", "--camera", clip, "--engine", "onnx", "--port", port, "--json", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "facetrack", *map(str, words)], stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    try:
        until_s = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=5) as answer:
                    found = json.load(answer)["camera"]
                if found["frames"] > 15:
                    break
            except OSError:
                assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until_s
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(3) == 0
    finally:
        process.kill()
    assert "dashboard: http://127.0.0.1" in process.stderr.read()
    header, *lines = map(json.loads, out.read_text().splitlines())
    assert (header["source"], header["width"]) == ("in.mp4", 320)
    assert [line["time_s"] for line in lines] == sorted({line["time_s"] for line in lines})  # also where it began again
    assert len(lines) > 15
