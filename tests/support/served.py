"""A server of `facetrack serve` in this process, whose cameras see a staged face; and clients of other people's."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from facetrack.capture import Camera, ReconnectingCamera
from facetrack.serve.camera import Parts, ServedCamera
from facetrack.tracking.tracker import FaceTracker
from poses import pose
from staged import Stage, actor

pytest.importorskip("starlette", reason="needs the extra serve")
from facetrack.serve.web import browser, limits
from facetrack.serve.web.app import OPENAPI_FILE, STATIC, routes
from facetrack.serve.web.guard import Access
from facetrack.serve.web.limits import Clients
from facetrack.serve.web.server import WebServer, listen
from facetrack.serve.web.service import Service

__all__ = [
    "OPENAPI_FILE",
    "STATIC",
    "Access",
    "Clients",
    "Server",
    "Service",
    "WebServer",
    "browser",
    "closed_with",
    "limits",
    "listen",
    "messages",
    "routes",
    "served",
]

SIZE = (640, 480)


class Beat:
    """A device that shows a grey picture at a steady rate."""

    def __init__(self, fps: float = 20.0) -> None:
        self.fps, self._image = fps, np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)

    def read(self) -> tuple[Any, float]:
        time.sleep(1.0 / self.fps)
        return self._image, time.perf_counter()

    def close(self) -> None:
        """Hold nothing."""


class Server:
    """A running server. stage: what its trackers see. opened: engines and sources that were asked for."""

    def __init__(self, service: Service, access: Access, stage: Stage, opened: list[str]) -> None:
        self.service, self.access, self.stage, self.opened = service, access, stage, opened
        self.host = f"127.0.0.1:{access.port}"

    @property
    def camera(self) -> ServedCamera:
        return self.service.camera(None)

    def ask(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any, dict]:
        """Return status, body (parsed where it is JSON) and headers of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.access.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent.setdefault("content-type", "application/json")
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, data, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            text = answer.read()
        finally:
            connection.close()
        return answer.status, json.loads(text) if found.get("content-type") == "application/json" else text, found

    def socket(self, path: str = "/ws", **options: Any) -> Any:
        """Open a WebSocket by websocket-client."""
        import websocket

        # Its own Origin is this server's; suppressed, it is a program's.
        options.setdefault("suppress_origin", "origin" not in options)
        return websocket.create_connection(f"ws://{self.host}{path}", timeout=30, **options)

    def wait(self, condition: Any, seconds: float = 30.0) -> None:
        until_s = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until_s, "it did not come"
            time.sleep(0.01)


def messages(socket: Any, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """Return the next `count` text messages of that type."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        data = socket.recv()
        if isinstance(data, str) and (message := json.loads(data))["type"] == kind:
            found.append(message)
    return found


def closed_with(socket: Any) -> tuple[int, str]:
    """Read to the end; return the closing frame's code and reason, (1006, "") where the connection broke before it."""
    import websocket

    try:
        while (frame := socket.recv_frame()).opcode != websocket.ABNF.OPCODE_CLOSE:
            pass
    except (OSError, websocket.WebSocketException):
        return 1006, ""
    return int.from_bytes(frame.data[:2], "big"), frame.data[2:].decode()


@contextmanager
def served(
    monkeypatch: Any, cameras: tuple[str, ...] = ("camera",), browser_cameras: int = 1, fps: float = 20.0, **access: Any
) -> Iterator[Server]:
    """Serve cameras that see one smiling face, turned by 20 degrees."""
    monkeypatch.setattr("facetrack.tracking.tracker.fused_pose", lambda *_: pose(20.0))
    stage, opened = Stage(), []
    stage.attributes = {"smile": 0.9}
    stage.cast(ann=actor(200, 200))

    def build(engine: str) -> FaceTracker:
        opened.append(engine)
        return stage.tracker(looks=False)

    def open_camera(source: str) -> Camera:
        opened.append(source)
        return Camera(source, grabber=Beat(fps))

    before = {thread.name for thread in threading.enumerate()}
    found = {}
    for name in cameras:
        source = ReconnectingCamera(open_camera(name), lambda: open_camera("again"), None, lambda _: None)
        found[name] = ServedCamera(Parts(name, f"{name}-source", source, build("auto"), build))
    addresses = {"camera": "rtsp://me:secret@host/cam", "other": "other"}
    service = Service(found, Clients(browser_cameras), build, open_camera, addresses=addresses)
    listening, where = listen(Access(port=0, **access))
    with WebServer(service, where, listening):
        for camera in found.values():
            camera.start()
        server = Server(service, where, stage, opened)
        server.wait(lambda: all(c.feed.newest and c.feed.newest.faces for c in found.values()))
        try:
            yield server
        finally:
            for camera in found.values():
                camera.stop()
                camera.join()
    left = {t.name for t in threading.enumerate() if t.name.startswith("facetrack")} - before - {"facetrack encode_0"}
    assert not left, left
