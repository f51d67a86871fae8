"""WebSocket of results, read by websocket-client."""

import json
import socket as sockets
import time
from contextlib import suppress

import cv2
import numpy as np
import pytest

from facetrack.sinks import record
from facetrack.topology import EDGES
from served import closed_with, limits, messages, served

websocket = pytest.importorskip("websocket", reason="needs websocket-client")


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch, served(patch) as running:
        yield running


def test_a_frame_is_the_json_line_of_the_same_result(server):
    client = server.socket("/ws?topics=points,pose,signals")
    (greeting,) = messages(client, "hello")
    assert (greeting["schema"], greeting["camera"], greeting["header"]["source"]) == (2, "camera", "camera-source")
    assert [tuple(edge) for edge in greeting["edges"]] == list(EDGES)
    (found,) = messages(client, "frame")
    client.close()
    newest = server.camera.feed.newest
    line = json.loads(json.dumps(record(newest.frame, newest.faces)))
    assert set(found["faces"][0]) == set(line["faces"][0])
    assert found["faces"][0]["points"] == line["faces"][0]["points"]  # the staged face stands still
    assert found["faces"][0]["pose"] == line["faces"][0]["pose"]
    assert (found["width"], found["height"], found["picture"]) == (640, 480, False)
    assert 0 <= found["latency_ms"] < 1000


def test_topics_choose_what_is_sent_and_change_on_the_way(server):
    client = server.socket("/ws?topics=pose,state")
    assert messages(client, "state")[0]["smoothing"] in ("off", "medium", "high", "low")
    assert set(messages(client, "frame")[0]["faces"][0]) == {"id", "box", "score", "pose"}
    client.send(json.dumps({"topics": ["points"]}))
    server.wait(lambda: "points" in messages(client, "frame")[0]["faces"][0])
    client.send(json.dumps({"topics": ["events"]}))
    while True:  # what was on its way
        client.settimeout(0.5)
        try:
            client.recv()
        except websocket.WebSocketTimeoutException:
            break
    client.close()


def test_a_picture_follows_its_frame(server):
    client = server.socket("/ws?topics=points,picture&width=320")
    while True:
        data = client.recv()
        if isinstance(data, str) and json.loads(data)["type"] == "frame":
            break
    assert json.loads(data)["picture"] is True
    assert cv2.imdecode(np.frombuffer(client.recv(), np.uint8), cv2.IMREAD_COLOR).shape == (240, 320, 3)
    client.close()


def test_msgpack(server):
    msgpack = pytest.importorskip("msgpack", reason="needs msgpack")
    client = server.socket("/ws?topics=points,picture&format=msgpack")
    found = [msgpack.unpackb(client.recv()) for _ in range(2)]
    client.close()
    assert [message["type"] for message in found] == ["hello", "frame"]
    assert len(found[1]["faces"][0]["points"]) == 68
    assert found[1]["jpeg"].startswith(b"\xff\xd8")


def test_a_rate_bounds_the_frames(server):
    client = server.socket("/ws?topics=pose&rate=5")
    began_s = time.monotonic()
    messages(client, "frame", 5)
    assert time.monotonic() - began_s >= 0.75
    client.close()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("topics=faces", "topics is 'faces'"),
        ("topics=", "topics is ''"),
        ("rate=-1", "rate is '-1'"),
        ("rate=1e3", "rate is"),
        ("format=xml", "json or msgpack"),
        ("width=7", "width is '7'"),
        ("camera=attic", "no camera 'attic'"),
    ],
)
def test_bad_queries_are_refused_with_a_sentence(server, query, said):
    code, reason = closed_with(server.socket(f"/ws?{query}"))
    assert code == 1008
    assert said in reason


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 1007),
        ("[]", 1007),
        ("{}", 1008),
        ('{"topics": "points"}', 1008),
        ('{"topics": [1]}', 1008),
        ('{"topics": ["faces"]}', 1008),
        ('{"topics": ["points"], "more": 1}', 1008),
        ('{"topics": ["' + "x" * limits.MAX_BODY + '"]}', 1009),
        ("[" * 4000, 1007),
    ],
)
def test_malformed_and_oversized_messages_end_the_connection(server, message, code):
    client = server.socket()
    client.send(message)
    assert closed_with(client)[0] == code


def test_bytes_and_giants_end_the_connection(server):
    client = server.socket()
    client.send_binary(b"\x00")
    assert closed_with(client)[0] == 1003
    client = server.socket()
    with suppress(OSError):  # the connection may break while the rest is still being sent
        client.send("x" * (limits.MAX_JPEG + 1))  # more than any message may have: not even taken in
    assert closed_with(client)[0] in (1009, 1006)


def test_chatter_ends_the_connection(server):
    client = server.socket()
    for _ in range(40):
        client.send('{"topics": ["pose"]}')
    assert closed_with(client) == (1008, "too many messages")


def test_frames_that_break_the_protocol_end_the_connection(server):
    client = server.socket("/ws?topics=events")
    client.sock.sendall(b"\x81\x05hello")  # not masked (RFC 6455, 5.1)
    assert closed_with(client)[0] == 1002
    client = server.socket("/ws?topics=events")
    client.sock.sendall(b"\xf1\x80\x00\x00\x00\x00")  # reserved bits
    assert closed_with(client)[0] == 1002
    assert server.ask("/api/state")[0] == 200


def test_a_client_that_takes_nothing_costs_the_others_nothing(server):
    stalled = server.socket(
        "/ws?topics=points,pose,signals,picture", sockopt=[(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)]
    )
    client = server.socket("/ws?topics=pose")
    before = server.camera.feed.figures.frames
    found = [message["frame"] for message in messages(client, "frame", 60)]
    assert found == sorted(found)
    assert server.camera.feed.figures.frames - before >= 50
    client.close()
    stalled.close(timeout=0)


def test_clients_are_bounded_and_forgotten(server):
    server.wait(lambda: sum(server.service.clients.counts.values()) == 0)
    held = [server.socket("/ws?topics=events") for _ in range(limits.MAX_CLIENTS)]
    server.wait(lambda: server.service.clients.counts["websocket"] == limits.MAX_CLIENTS)
    code, reason = closed_with(server.socket())
    assert (code, "too many clients" in reason) == (1013, True)
    assert server.ask("/events")[0] == 503
    for client in held:
        client.sock.close()  # without a word
    server.wait(lambda: server.service.clients.counts["websocket"] == 0)
    assert not server.camera.feed._places
