"""The virtual camera through a backend of the test's own."""

import time

import numpy as np
import pytest

from facetrack.errors import OutputError
from facetrack.sinks.pictures.virtual_camera import VirtualCameraSink

pyvirtualcam = pytest.importorskip("pyvirtualcam", reason="needs pyvirtualcam")


class Driver:
    """A backend for pyvirtualcam that keeps what it is sent."""

    sent: list = []  # noqa: RUF012

    def __init__(self, width, height, fps, fourcc, device, **_):
        self._device = device or "made"

    def device(self):
        return self._device

    def native_fourcc(self):
        return None

    def send(self, frame):
        Driver.sent.append(frame.copy())

    def close(self):
        pass


def until(condition):
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def test_pictures_arrive_at_an_even_size_and_the_newest_wins(monkeypatch):
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {"made": Driver})
    Driver.sent.clear()
    picture = np.random.default_rng(0).integers(0, 255, (49, 65, 3), np.uint8)
    with VirtualCameraSink((65, 49), 30.0) as sink:
        assert sink.device == "made"
        sink.write(picture, 0.0)
        until(lambda: Driver.sent)
        np.testing.assert_array_equal(Driver.sent[0].reshape(48, 64, 3), picture[:48, :64])
        started_s = time.perf_counter()
        for i in range(100):
            sink.write(np.full((24, 32, 3), i, np.uint8), i)  # another size
        assert time.perf_counter() - started_s < 0.2
    assert Driver.sent[-1].reshape(48, 64, 3)[0, 0, 0] == 99


def test_without_a_driver_the_way_round_is_named(monkeypatch):
    monkeypatch.setattr(pyvirtualcam.camera, "BACKENDS", {})
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(OutputError, match=r"modprobe v4l2loopback.*window"):
        VirtualCameraSink((64, 48))
