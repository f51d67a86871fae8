"""VTube Studio: its plugin API against a server written from its README, its phone format by asking as its receiver."""

import json
import socket
import stat
import time

import pytest

from facetrack.sinks.network import Broadcast
from facetrack.sinks.network.vts import VtsOutput, token_file
from facetrack.sinks.network.vts_phone import VtsPhoneOutput
from made_faces import frame, made_face, posed
from sockets import Receiver, free_port

pytest.importorskip("websockets", reason="needs websockets")

from fake_vtube_studio import TOKEN, FakeVTubeStudio


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


def feed(sink, studio, frames, first=0):
    """Write frames one by one, each after the one before it has come."""
    for i, faces in enumerate(frames, first):
        before = len(studio.injected())
        sink.write(frame(i), faces)
        until(lambda: len(studio.injected()) > before)  # noqa: B023
    return studio.injected()[-len(frames) :]


def values(data):
    return {item["id"]: item["value"] for item in data["parameterValues"]}


def test_a_plugin_asks_once_keeps_its_token_and_injects_within_the_ranges(tmp_path):
    token = tmp_path / "folder" / "token"
    face = made_face(posed(10, -5, 8), eyes_left_openness=0.25, mouth_openness=0.5, smile_prob=0.75)
    with FakeVTubeStudio() as studio:
        with Broadcast([VtsOutput(f"127.0.0.1:{studio.port}", token=token)]) as sink:
            found, lost = feed(sink, studio, [[face], []])
            sink.take_neutral()
            [neutral] = feed(sink, studio, [[face]], 2)
            [turned] = feed(sink, studio, [[made_face(posed(80, -5, 8, (90, -10, 600)))]], 3)
        first = studio.kinds()
        with Broadcast([VtsOutput(f"127.0.0.1:{studio.port}", token=token)]) as sink:
            feed(sink, studio, [[face]])
        second = studio.kinds()[len(first) :]
    assert first[:3] == ["AuthenticationTokenRequest", "AuthenticationRequest", "InputParameterListRequest"]
    assert second[:2] == ["AuthenticationRequest", "InputParameterListRequest"]
    assert (token.read_text(), stat.S_IMODE(token.stat().st_mode)) == (TOKEN, 0o600)
    got = values(found)
    assert (found["faceFound"], lost["faceFound"], lost["parameterValues"]) == (True, False, [])
    expected = {
        "FaceAngleX": 10, "FaceAngleY": -5, "FaceAngleZ": -8, "EyeOpenLeft": 0.25, "EyeOpenRight": 1,
        "MouthOpen": 0.5, "MouthSmile": 0.75, "Brows": 0.5, "BrowLeftY": 0.5, "MouthX": 0,
    }  # fmt: skip
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert "FacePositionX" not in got  # unknown before a neutral
    assert values(neutral)["FaceAngleX"] == pytest.approx(0, abs=1e-3)
    assert (values(turned)["FaceAngleX"], values(turned)["FacePositionX"]) == (30, 7)


def test_unknown_parameters_are_not_sent(tmp_path):
    hidden = made_face(eyes_left_openness=None, mouth_openness=None, smile_prob=None)
    with FakeVTubeStudio() as studio, Broadcast([VtsOutput(f"127.0.0.1:{studio.port}", token=tmp_path / "t")]) as sink:
        [found] = feed(sink, studio, [[hidden]])
    assert not {"EyeOpenLeft", "MouthOpen", "MouthSmile", "MouthX"} & set(values(found))
    assert values(found)["EyeOpenRight"] == 1


def test_an_old_token_is_replaced(tmp_path):
    (tmp_path / "t").write_text("of another computer")
    with FakeVTubeStudio() as studio:
        with Broadcast([VtsOutput(f"127.0.0.1:{studio.port}", token=tmp_path / "t")]) as sink:
            feed(sink, studio, [[made_face()]])
        assert studio.kinds()[:3] == ["AuthenticationRequest", "AuthenticationTokenRequest", "AuthenticationRequest"]
    assert (tmp_path / "t").read_text() == TOKEN


def test_a_user_who_says_no_is_asked_once(tmp_path, caplog):
    with FakeVTubeStudio(allow=False) as studio:
        with Broadcast([VtsOutput(f"127.0.0.1:{studio.port}", token=tmp_path / "t")]) as sink:
            until(lambda: caplog.records)
            for i in range(30):
                sink.write(frame(i), [made_face()])
        assert studio.kinds() == ["AuthenticationTokenRequest"]
    assert "denied" in caplog.text
    assert not (tmp_path / "t").exists()


def test_a_studio_that_starts_later_is_found_and_one_that_is_away_costs_nothing(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("facetrack.sinks.network.vts.PAUSE_S", 0.2)
    port = free_port()
    with Broadcast([VtsOutput(f"127.0.0.1:{port}", token=tmp_path / "t")]) as sink:
        started_s = time.perf_counter()
        for i in range(100):
            sink.write(frame(i), [made_face()])
        assert time.perf_counter() - started_s < 1.5
        time.sleep(0.6)
        assert len(caplog.records) == 1
        with FakeVTubeStudio(port=port) as studio:
            sink.write(frame(100), [made_face()])
            until(studio.injected)


def test_the_token_lies_in_the_users_configuration(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert token_file() == tmp_path / "facetrack" / "vtube_studio_token"


def ask(port, *ports, **changes):
    """Send what VTube Studio's receiver sends to a phone."""
    request = {"messageType": "iOSTrackingDataRequest", "time": 2.0, "sentBy": "test", "ports": ports} | changes
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(json.dumps(request).encode(), ("127.0.0.1", port))
    time.sleep(0.03)


def test_the_phone_answers_who_asks_on_their_ports():
    port = free_port(socket.SOCK_DGRAM)
    face = made_face(posed(20, 15, -10, (30, -20, 700)), eyes_left_openness=0.25, eyes_right_openness=None)
    with Receiver() as one, Receiver() as two, Broadcast([VtsPhoneOutput(f"127.0.0.1:{port}")]) as sink:
        sink.write(frame(0), [face])
        ask(port, one.port, two.port)
        sink.write(frame(1), [face])
        sink.write(frame(2), [])
        found, lost = (json.loads(packet) for packet in one.wait(2))
        two.wait(2)
        assert len(one.packets) == 2
    assert set(found) == {
        "Timestamp", "Hotkey", "FaceFound", "Rotation", "Position", "EyeLeft", "EyeRight", "BlendShapes",
    }  # fmt: skip
    assert (found["FaceFound"], lost["FaceFound"], lost["BlendShapes"], found["Hotkey"]) == (True, False, [], -1)
    assert found["Rotation"] == {"x": 20, "y": 15, "z": 10}
    assert found["Position"] == {"x": 3, "y": 2, "z": -70}
    shapes = {item["k"]: item["v"] for item in found["BlendShapes"]}
    assert shapes["EyeBlinkLeft"] == 0.75
    assert "EyeBlinkRight" not in shapes
    assert abs(found["Timestamp"] / 1000 - time.time()) < 10


def test_the_phone_stops_after_the_time_and_ignores_other_bytes():
    port = free_port(socket.SOCK_DGRAM)
    with Receiver() as one, Broadcast([VtsPhoneOutput(f"127.0.0.1:{port}")]) as sink:
        for changes in ({"messageType": "Hello"}, {"ports": []}, {"ports": [0]}, {"time": "x"}, {"time": -1}):
            ask(port, one.port, **changes)
        sink.write(frame(0), [made_face()])
        ask(port, one.port, time=0.5)
        for i in (1, 10, 20, 60):  # by the frames' clock
            sink.write(frame(i), [made_face()])
        one.wait(2)
        time.sleep(0.05)
        assert len(one.packets) == 2
