"""Routes by HTTP: each is in the OpenAPI and answers as it says there; streams are read by other people's clients."""

import json
import socket

import cv2
import jsonschema
import numpy as np
import pytest

from served import OPENAPI_FILE, STATIC, routes, served

OPENAPI = json.loads(OPENAPI_FILE.read_text())


@pytest.fixture(scope="module")
def server():
    with pytest.MonkeyPatch.context() as patch, served(patch, ("camera", "side")) as running:
        yield running


def schema_of(path, method="get", status="200"):
    schema = OPENAPI["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    return {**schema, "components": OPENAPI["components"]}


def test_every_route_and_method_is_in_the_openapi_and_nothing_else():
    served_routes = {}
    for route in routes():
        path = f"{route.path}/{{path}}" if route.path == "/static" else route.path
        methods = getattr(route, "methods", None) or {"GET"}
        served_routes[path] = {method.lower() for method in methods} - {"head"}
    assert served_routes == {path: set(item) for path, item in OPENAPI["paths"].items()}


@pytest.mark.parametrize("path", ["/api/state", "/api/cameras", "/api/settings", "/api/calibrate", "/openapi.json"])
def test_answers_are_as_described(server, path):
    status, found, headers = server.ask(path)
    assert status == 200
    jsonschema.validate(found, schema_of(path))
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_passwords_of_addresses_are_not_told(server):
    choices = server.ask("/api/cameras")[1]["choices"]
    assert choices[:2] == [{"source": "camera", "label": "rtsp://host/cam"}, {"source": "other", "label": "other"}]


def test_state_is_of_the_camera_asked_for(server):
    assert server.ask("/api/state?camera=side")[1]["camera"]["name"] == "side"
    status, found, _ = server.ask("/api/state?camera=attic")
    assert (status, list(found)) == (404, ["error"])
    assert "there is camera, side" in found["error"]
    state = server.ask("/api/state")[1]
    assert (state["camera"]["width"], state["camera"]["height"], state["camera"]["faces"]) == (640, 480, 1)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/settings", {"smoothing": "much"}, 400, "off, low, medium, high"),
        ("/api/settings", {"smoothing": ["off"]}, 400, "expected one of"),
        ("/api/settings", {}, 400, "expected smoothing"),
        ("/api/settings", {"model": "/etc/passwd"}, 400, "expected smoothing"),
        ("/api/settings", [1], 400, "no JSON object"),
        ("/api/settings", b"{", 400, "no JSON"),
        ("/api/settings", b"[" * 4000, 400, "no JSON"),
        ("/api/settings", b'{"smoothing": "' + b"x" * 5000 + b'"}', 413, "4096 bytes"),
        ("/api/calibrate", {"action": "sleep"}, 400, "neutral, start, stop"),
        ("/api/cameras", {"source": "/etc/passwd"}, 404, "expected one of /api/cameras"),
        ("/api/cameras", {"source": "rtsp://10.0.0.1/"}, 404, "expected one of /api/cameras"),
        ("/api/cameras", {"source": "other", "camera": "attic"}, 404, "there is no camera"),
    ],
)
def test_bad_commands_are_refused_with_a_sentence(server, path, body, status, said):
    server.service.commands._left = 10.0
    found = server.ask(path, body)
    assert found[0] == status
    assert said in found[1]["error"]


def test_a_form_of_another_page_is_no_command(server):
    server.service.commands._left = 10.0
    assert server.ask("/api/calibrate", b'{"action": "start"}', content_type="text/plain")[0] == 415


def test_commands_come_at_a_bounded_rate(server):
    server.service.commands._left = 2.0
    server.service.commands._per_s, usual = 0.0, server.service.commands._per_s
    found = [server.ask("/api/settings", {"smoothing": "much"})[0] for _ in range(4)]
    assert found == [400, 400, 429, 429]
    server.service.commands._per_s = usual
    server.service.commands._left = 10.0


def test_pictures(server):
    for query, shape in (("", (480, 640, 3)), ("?width=320&points=1", (240, 320, 3))):
        status, data, headers = server.ask(f"/snapshot.jpg{query}")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == shape
    assert server.ask("/snapshot.jpg?width=99999")[0] == 400
    assert server.ask("/snapshot.jpg?points=yes")[0] == 400


def test_opencv_reads_the_motion_jpeg(server):
    capture = cv2.VideoCapture(f"http://{server.host}/stream.mjpg?width=320", cv2.CAP_FFMPEG)
    try:
        found = [capture.read() for _ in range(5)]
    finally:
        capture.release()
    assert [(ok, image.shape) for ok, image in found] == [(True, (240, 320, 3))] * 5
    assert all(abs(int(image.mean()) - 60) <= 2 for _, image in found)


def test_events_by_httpx(server):
    httpx = pytest.importorskip("httpx", reason="needs httpx")
    server.stage.attributes = {"smile": 0.0}
    server.wait(lambda: server.camera.feed.newest.faces[0].signals.smile.smiling is False)
    with httpx.stream("GET", f"http://{server.host}/events", timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        server.stage.attributes = {"smile": 0.9}
        kind = next(line for line in lines if line.startswith("event: "))
        event = json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))
    assert (kind, event["kind"], event["phase"]) == ("event: smile", "smile", "began")
    server.wait(lambda: server.service.clients.counts["events"] == 0)
    assert "smile" in [item["kind"] for item in server.ask("/api/state")[1]["events"]]


def test_prometheus_reads_the_metrics(server):
    parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")
    _, text, headers = server.ask("/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in parser.text_string_to_metric_families(text.decode())}
    assert set(found) == {
        f"facetrack_{name}"
        for name in (
            *("frames", "frames_dropped", "faces", "stage_seconds", "latency_seconds", "events", "perclos_ratio"),
            *("attention_ratio", "clients", "build_info"),
        )
    }
    types = {name.removeprefix("facetrack_"): family.type for name, family in found.items()}
    assert (types["frames"], types["faces"], types["latency_seconds"]) == ("counter", "gauge", "histogram")
    count = {s.labels["camera"]: s.value for s in found["facetrack_frames"].samples}
    assert set(count) == {"camera", "side"}
    samples = [s for s in found["facetrack_latency_seconds"].samples if s.labels["camera"] == "side"]
    counts = [s.value for s in samples if s.name.endswith("_bucket")]
    assert counts == sorted(counts)
    assert counts[-1] == next(s.value for s in samples if s.name.endswith("_count")) >= 1


def raw(server, target):
    """Ask for a target as it stands, which clients would tidy up first."""
    with socket.create_connection(("127.0.0.1", server.access.port), 10) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: {server.host}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    return int(data.split()[1]), data


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/..%5capp.py",
        "/static//etc/passwd", "/static/%2fetc%2fpasswd", "/static/js/../../guard.py", "/static/%00", "/static/",
        "/static", "/static/js", "/..%2f..%2fetc/passwd", "/openapi.json/../app.py", "/static/....//app.py",
        "/static/%c0%ae%c0%ae/app.py",
    ],
)  # fmt: skip
def test_no_route_reads_outside_its_folder(server, path):
    status, data = raw(server, path)
    assert status in (307, 400, 404, 405)
    assert b"import annotations" not in data
    assert b"root:" not in data


def test_pages_hold_no_inline_script_and_ask_nothing_of_other_hosts(server):
    for page in ("/", "/overlay"):
        text = server.ask(page)[1].decode()
        assert "<script" in text
        assert text.count("<script") == text.count('<script type="module" src="/static/')
        assert "style=" not in text
    for path in STATIC.rglob("*.*"):
        source = path.read_text()
        assert "http://" not in source.replace("http://www.w3.org/", "")
        assert "https://" not in source
        assert server.ask(f"/static/{path.relative_to(STATIC)}")[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "TRACE", "POST"])
def test_other_methods_are_refused(server, method):
    assert server.ask("/api/state", method=method)[0] == 405
