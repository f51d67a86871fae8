"""Changes of a camera while it runs: smoothing, engine, neutral, calibration, another source."""

import time

import pytest

from facetrack.signals.calibration import STEPS
from served import messages, served

pytest.importorskip("websocket", reason="needs websocket-client")


@pytest.fixture
def server(monkeypatch):
    with served(monkeypatch) as running:
        yield running


def newest(server):
    return server.camera.feed.newest


def test_smoothing_changes_on_the_way(server):
    status, found, _ = server.ask("/api/settings", {"smoothing": "high"})
    assert (status, found["camera"]) == (200, "camera")
    server.wait(lambda: server.ask("/api/settings")[1]["smoothing"] == "high")


def test_another_engine_numbers_on_and_greets_anew(server):
    client = server.socket("/ws?topics=pose")
    assert messages(client, "hello")
    server.ask("/api/settings", {"smoothing": "low"})
    assert server.ask("/api/settings", {"engine": "onnx"})[0] == 200
    assert messages(client, "hello")
    assert server.opened[-1] == "onnx"
    server.wait(lambda: newest(server).faces and newest(server).faces[0].track_id == 2)
    found = server.ask("/api/settings")[1]
    assert (found["engine"], found["smoothing"]) == ("onnx", "low")
    client.close()


def test_the_neutral_is_the_present_pose(server):
    assert server.ask("/api/calibrate", {"action": "neutral"})[0] == 200
    server.wait(lambda: newest(server).faces[0].signals.head.yaw_deg == pytest.approx(0.0, abs=0.01))
    server.stage.cast()
    server.wait(lambda: not newest(server).faces)
    status, found, _ = server.ask("/api/calibrate", {"action": "neutral"})
    assert (status, "no face" in found["error"]) == (409, True)


def test_a_calibration_leads_through_its_steps_and_applies_its_profile(server, monkeypatch):
    quick = [(seconds / 4, text) for seconds, text in STEPS]
    monkeypatch.setattr("facetrack.signals.calibration.STEPS", quick)
    monkeypatch.setattr("facetrack.serve.calibrating.STEPS", quick)
    assert server.ask("/api/calibrate")[1]["phase"] == "idle"
    client = server.socket("/ws?topics=state")
    server.ask("/api/calibrate", {"action": "start"})
    seen, began_s = [], time.monotonic()
    while (found := messages(client, "state")[0]["calibration"])["phase"] != "done" and time.monotonic() < began_s + 10:
        seen.append((found["phase"], found["step"]))
    assert [step for phase, step in dict.fromkeys(seen) if phase == "running"] == [0, 1, 2, 3]
    assert found["profile"]["yaw_deg"] == pytest.approx(20.0)
    assert "closed eyes were not seen" in found["message"]
    server.wait(lambda: newest(server).faces[0].signals.head.yaw_deg == pytest.approx(0.0, abs=0.01))
    client.close()


def test_a_calibration_can_be_stopped(server):
    server.ask("/api/calibrate", {"action": "start"})
    server.wait(lambda: server.ask("/api/calibrate")[1]["phase"] == "running")
    server.ask("/api/calibrate", {"action": "stop"})
    server.wait(lambda: server.ask("/api/calibrate")[1]["phase"] == "idle")
    assert server.camera.calibration.standing.profile is None


def test_another_source_goes_on_with_times_and_persons(server):
    before = newest(server).frame
    status, found, _ = server.ask("/api/cameras", {"source": "other"})
    assert (status, found["cameras"][0]["source"]) == (200, "other")
    server.wait(lambda: server.opened[-1] == "other")
    server.wait(lambda: newest(server).frame.time_s > before.time_s + 0.3 and newest(server).faces)
    assert newest(server).frame.index > before.index
    assert server.camera.state == "running"


def test_a_camera_that_fails_says_so_and_the_server_goes_on(server):
    def fail(*_):
        raise RuntimeError("a mistake")

    server.camera.loop.call_soon(fail)
    server.wait(lambda: not server.camera.alive)
    found = server.ask("/api/state")[1]["camera"]
    assert (found["state"], "a mistake" in found["problem"]) == ("failed", True)


def test_an_engine_that_is_not_installed_is_a_conflict_and_one_that_does_not_exist_is_wrong(server, monkeypatch):
    monkeypatch.setattr("facetrack.serve.web.commands.engines", lambda: ["auto", "onnx"])
    before = server.ask("/api/settings")[1]["engine"]
    assert server.ask("/api/settings", {"engine": "openvino"})[0] == 409
    assert server.ask("/api/settings", {"engine": "steam"})[0] == 400
    assert server.ask("/api/settings")[1]["engine"] == before
