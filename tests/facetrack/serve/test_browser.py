"""The browser's own camera, played by websocket-client."""

import json
import struct
import time
from contextlib import suppress

import cv2
import numpy as np
import pytest

from served import browser, closed_with, limits, messages, served

pytest.importorskip("websocket", reason="needs websocket-client")
PICTURE = cv2.imencode(".jpg", np.full((480, 640, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch, served(patch, ()) as running:
        yield running


@pytest.fixture
def client(server):
    server.wait(lambda: server.service.clients.counts["browser_camera"] == 0)
    opened = server.socket("/ws/camera")
    ready = json.loads(opened.recv())
    assert ready == {"type": "ready", "max_bytes": limits.MAX_JPEG, "max_pixels": limits.MAX_PICTURE_PX}
    yield opened
    opened.close(timeout=0)


def message(jpeg=PICTURE, time_ms=None):
    return struct.pack(">d", 1000 * time.perf_counter() if time_ms is None else time_ms) + jpeg


def show(client, **options):
    client.send_binary(message(**options))
    return messages(client, "frame")[0]


def test_each_picture_is_answered_with_its_faces(client, server):
    found = [show(client, time_ms=1000 * i / 30) for i in range(10)]
    assert [frame["frame"] for frame in found] == list(range(10))
    assert found[-1]["faces"][0]["points"][0] == pytest.approx(server.stage.actors[0][0].tolist(), abs=0.01)
    assert (found[0]["width"], found[0]["height"]) == (640, 480)
    assert not server.ask("/api/state")[1]["cameras"]  # nobody else is shown it
    assert server.ask("/api/state")[1]["browser_cameras"] == {"limit": 1, "used": 1}
    assert server.ask("/snapshot.jpg")[0] == 404


def test_settings_neutral_and_errors(client):
    for _ in range(8):
        show(client)
    client.send(json.dumps({"smoothing": "high"}))
    client.send(json.dumps({"smoothing": "much"}))
    assert "off, low, medium, high" in messages(client, "error")[0]["error"]
    client.send(json.dumps({"action": "neutral"}))
    until_s = time.monotonic() + 5
    while (angle := show(client)["faces"][0]["signals"]["head"]["yaw_deg"]) is None and time.monotonic() < until_s:
        pass
    assert angle == pytest.approx(0.0, abs=0.01)


def test_another_browser_waits_for_a_place(client, server):
    code, reason = closed_with(server.socket("/ws/camera"))
    assert (code, reason) == (1013, "all 1 places for cameras are taken")


def test_a_place_is_free_again(client):
    assert show(client)["type"] == "frame"


def jpeg_of(width, height):
    """Return a small file whose header states a large picture."""
    start = PICTURE.index(b"\xff\xc0")
    return PICTURE[: start + 5] + struct.pack(">HH", height, width) + PICTURE[start + 9 :]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 1007),
        (b"1234567", 1007),
        (message(b"GIF89a" + bytes(50)), 1007),
        (message(b"\xff\xd8"), 1007),
        (message(PICTURE[:300]), 1007),
        (message(time_ms=float("nan")), 1007),
        (message(time_ms=float("inf")), 1007),
        (message(jpeg_of(65000, 65000)), 1009),
        (message(jpeg_of(0, 10)), 1009),
        (message(cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()), 1007),
    ],
)
def test_what_is_no_picture_ends_the_connection(client, server, sent, code):
    client.send_binary(sent)
    assert closed_with(client)[0] == code
    server.wait(lambda: server.service.clients.counts["browser_camera"] == 0)


def test_a_giant_ends_the_connection(client, server):
    with suppress(OSError):  # the connection may break while the rest is still being sent
        client.send_binary(message(PICTURE + bytes(limits.MAX_JPEG)))
    assert closed_with(client)[0] in (1009, 1006)  # what is not read resets the connection, perhaps before the word
    server.wait(lambda: server.service.clients.counts["browser_camera"] == 0)


def test_a_broken_picture_after_good_ones_ends_the_connection(client):
    show(client)
    start = PICTURE.index(b"\xff\xda")
    client.send_binary(message(PICTURE[:start]))
    code, reason = closed_with(client)
    assert code == 1007
    assert "broken" in reason


def test_times_are_the_pages_without_the_networks_delays():
    grabber = browser.BrowserGrabber()
    now_s = time.perf_counter()
    assert grabber._captured_s(5.0) == pytest.approx(now_s, abs=0.05)
    time.sleep(0.2)  # the next one, captured 1/30 s later, took .17 s longer
    assert grabber._captured_s(5.0 + 1 / 30) == pytest.approx(now_s + 1 / 30, abs=0.05)
    assert grabber._captured_s(-100.0) == pytest.approx(time.perf_counter(), abs=0.05)  # the page's clock was set


def test_a_server_may_take_no_browsers_camera(monkeypatch):
    with served(monkeypatch, browser_cameras=0) as server:
        assert closed_with(server.socket("/ws/camera")) == (1013, "this server takes no browser's camera")
