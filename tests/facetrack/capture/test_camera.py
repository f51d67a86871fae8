"""Live sources: a local MJPEG server as network camera, a fake cv2.VideoCapture as device."""

from __future__ import annotations

import http.server
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from facetrack.capture import Camera, list_devices, open_source
from facetrack.capture import camera as camera_module
from facetrack.capture import device as device_module
from facetrack.capture import devices as devices_module
from facetrack.capture import stream as stream_module
from facetrack.errors import SourceError


class MjpegServer(http.server.ThreadingHTTPServer):
    """Server of /live: `n_frames` grey images, brighter by 5 each, one every `pause_s`; /silent: pauses after four."""

    n_frames = 20
    pause_s = 0.02
    daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class MjpegHandler(http.server.BaseHTTPRequestHandler):
    server: MjpegServer

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""

    def do_GET(self) -> None:
        if self.path not in ("/live", "/silent"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(self.server.n_frames):
            try:
                self.wfile.write(_part(number))
                self.wfile.flush()
            except OSError:
                return
            time.sleep(self.server.pause_s)
            if self.path == "/silent" and number == 3:
                time.sleep(1.0)


def _part(number: int) -> bytes:
    data = cv2.imencode(".jpg", np.full((48, 64, 3), 5 * number, np.uint8))[1].tobytes()
    return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


@pytest.fixture
def server() -> Iterator[MjpegServer]:
    with MjpegServer(("127.0.0.1", 0), MjpegHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_stream_is_followed_to_its_end(server: MjpegServer) -> None:
    with open_source(f"{server.url}/live") as source:
        assert (source.size, source.live, source.n_frames) == ((64, 48), True, None)
        frames = list(source)
        assert isinstance(source, Camera)
        assert frames[-1].index + 1 == len(frames) + source.dropped
    assert len(frames) > 10
    times = [frame.time_s for frame in frames]
    assert all(np.diff(times) > 0)
    assert times[-1] <= time.perf_counter()
    brightness = [frame.image.mean() for frame in frames]
    assert all(np.diff(brightness) > 2.5)  # in order, none twice
    assert not _camera_threads()


def test_a_slow_reader_gets_the_newest_frame_and_drops_are_counted(server: MjpegServer) -> None:
    with Camera(f"{server.url}/live") as source:
        reader = iter(source)
        first = next(reader)
        time.sleep(0.2)
        second = next(reader)
        assert time.perf_counter() - second.time_s < 0.15  # not a frame grabbed during the sleep
        assert second.index - first.index > 3
        assert source.dropped >= second.index - first.index - 1
        assert second.image.mean() - first.image.mean() == pytest.approx(5 * (second.index - first.index), abs=2)


def test_close_ends_the_thread_and_the_iteration(server: MjpegServer) -> None:
    server.n_frames = 200
    source = Camera(f"{server.url}/live")
    reader = iter(source)
    next(reader)
    source.close()
    source.close()
    assert not _camera_threads()
    assert next(reader, None) is None


def test_a_stream_that_falls_silent_is_an_error(server: MjpegServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "READ_TIMEOUT_S", 0.3)
    with pytest.raises(SourceError, match="has sent nothing"), Camera(f"{server.url}/silent") as source:
        list(source)


@pytest.mark.parametrize("url", ["{server}/nothing", "http://127.0.0.1:1/", "rtsp://me:secret@127.0.0.1:1/", "foo://x"])
def test_an_address_that_does_not_answer(server: MjpegServer, url: str) -> None:
    with pytest.raises(SourceError, match=r"cannot be opened \(.*expected the address") as caught:
        Camera(url.format(server=server.url))
    assert "secret" not in str(caught.value)
    assert not _camera_threads()


class FakeGrabber:
    """Grabber of three frames that then raises an unexpected error."""

    fps = None

    def __init__(self) -> None:
        self.count = 0
        self.closed = False

    def read(self) -> tuple[np.ndarray, float] | None:
        self.count += 1
        if self.count > 3:
            raise ValueError("the driver did something odd")
        return np.zeros((4, 6, 3), np.uint8), 1.0  # the same time every time

    def close(self) -> None:
        self.closed = True


def test_an_error_in_the_thread_reaches_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    grabber = FakeGrabber()
    monkeypatch.setattr(camera_module, "_open_grabber", lambda *args: grabber)
    times: list[float] = []
    with pytest.raises(SourceError, match="the driver did something odd"), Camera(0) as source:
        times.extend(frame.time_s for frame in source)
    assert grabber.closed
    assert sorted(set(times)) == times


def test_a_failed_start_closes_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    grabber = FakeGrabber()
    grabber.count = 3
    monkeypatch.setattr(camera_module, "_open_grabber", lambda *args: grabber)
    with pytest.raises(SourceError, match="odd"):
        Camera(0)
    assert grabber.closed


class FakeCapture:
    """Fake cv2.VideoCapture of a camera with two sizes; `grabs`: number of successful grab() calls."""

    opened_with: tuple[Any, ...] = ()
    opens = True
    grabs = 5
    sizes = ((640, 480), (1280, 720))

    def __init__(self, *args: Any) -> None:
        type(self).opened_with = args
        self.settings: dict[int, float] = {cv2.CAP_PROP_FPS: 30.0}
        self.requested = [640, 480]

    def isOpened(self) -> bool:  # noqa: N802 (OpenCV's name)
        return self.opens

    def set(self, name: int, value: float) -> bool:
        if name in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self.requested[name == cv2.CAP_PROP_FRAME_HEIGHT] = int(value)
        self.settings[name] = value
        return True

    def get(self, name: int) -> float:
        size = min(self.sizes, key=lambda size: abs(size[0] - self.requested[0]) + abs(size[1] - self.requested[1]))
        actual = {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        return actual.get(name, self.settings.get(name, 0.0))

    def grab(self) -> bool:
        self.grabs -= 1
        return self.grabs >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        height, width = int(self.get(cv2.CAP_PROP_FRAME_HEIGHT)), int(self.get(cv2.CAP_PROP_FRAME_WIDTH))
        return True, np.zeros((height, width, 3), np.uint8)

    def release(self) -> None:
        pass


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> type[FakeCapture]:
    class Capture(FakeCapture):
        pass

    monkeypatch.setattr(device_module.cv2, "VideoCapture", Capture)
    monkeypatch.setattr(device_module, "_check_linux", lambda path: None)
    return Capture


def test_a_device_is_opened_with_an_explicit_backend_and_the_requested_size(device: type[FakeCapture]) -> None:
    with Camera("0", width=1280, height=720) as source:
        assert source.size == (1280, 720)
        assert source.fps == 30
        with pytest.raises(SourceError, match="stopped delivering frames"):
            list(source)
    assert device.opened_with[0] == 0
    assert device.opened_with[1] != cv2.CAP_ANY


@pytest.mark.parametrize(("opens", "grabs"), [(False, 0), (True, 0)])
def test_a_busy_device_is_reported(device: type[FakeCapture], opens: bool, grabs: int) -> None:
    device.opens, device.grabs = opens, grabs
    with pytest.raises(SourceError, match="another program"):
        Camera(0)
    assert not _camera_threads()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="device files are Linux's")
def test_missing_and_wrong_device_files_are_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no camera")
    for source, words in {"/dev/video_none": "There is no camera", str(tmp_path / "file"): "is not a camera"}.items():
        with pytest.raises(SourceError, match=words):
            Camera(source)
    with pytest.raises(SourceError, match="delivers no frames"):
        Camera("/dev/zero")
    monkeypatch.setattr(device_module.os, "access", lambda *args: False)
    with pytest.raises(SourceError, match="usermod"):
        Camera("/dev/zero")
    assert capfd.readouterr() == ("", "")  # OpenCV's own log is silenced


def test_list_devices_reports_sizes_and_problems(
    device: type[FakeCapture], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(devices_module.sys, "platform", "linux")
    monkeypatch.setattr(devices_module, "Path", lambda *parts: tmp_path)
    (tmp_path / "video0").touch()
    devices = list_devices()
    assert [entry.sizes for entry in devices] == [((640, 480), (1280, 720))]
    assert devices[0].fps == 30
    device.grabs = 0
    problem = list_devices()[0].problem
    assert problem is not None
    assert "no frames" in problem


def test_list_devices_without_a_camera_is_empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(devices_module.sys, "platform", "linux")
    monkeypatch.setattr(devices_module, "Path", lambda *parts: tmp_path)
    assert list_devices() == []


def _camera_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("facetrack camera")]


def test_a_recording_whose_clock_leaps_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five minutes lie between two frames; the next ones come at their own pace again."""
    with av.open(str(tmp_path / "leap.mkv"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = 64, 48, "yuv420p", Fraction(1, 1000)
        for index in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * index, np.uint8), "bgr24")
            frame.pts, frame.time_base = 40 * index + 40 * (index > 3) + 1000 * 300 * (index > 7), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(stream_module, "READ_TIMEOUT_S", 0.5)
    try:
        grabber = stream_module.StreamGrabber(f"http://127.0.0.1:{server.server_port}/leap.mkv")
        assert grabber.is_recording
        began_s = time.perf_counter()
        times = []
        while (grabbed := grabber.read()) is not None:
            times.append(grabbed[1] - began_s)
        grabber.close()
    finally:
        server.shutdown()
        server.server_close()
    assert len(times) >= 11  # the first or last may fall to the low latency
    assert times[-1] < 20.0
    assert max(np.diff(times)) >= 0.4, "a pause is a pause, as long as a reader waits for a frame"
