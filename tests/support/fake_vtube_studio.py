"""A VTube Studio to test against, written from the README of its public API: no more than plugins need of it."""

from __future__ import annotations

import json
import threading
from types import TracebackType
from typing import Any

TOKEN = "adcd-123-ef09-some-token-string-abcd"


class FakeVTubeStudio:
    """A server on a free port. allow: whether the user clicks Allow. requests: every message that came, in order."""

    PARAMETERS = (
        ("FacePositionX", -10, 10, 0), ("FacePositionY", -10, 10, 0), ("FacePositionZ", -10, 10, 0),
        ("FaceAngleX", -30, 30, 0), ("FaceAngleY", -30, 30, 0), ("FaceAngleZ", -90, 90, 0),
        ("MouthSmile", 0, 1, 0), ("MouthOpen", 0, 1, 0), ("Brows", 0, 1, 0.5), ("EyeOpenLeft", 0, 1, 0),
        ("EyeOpenRight", 0, 1, 0), ("BrowLeftY", 0, 1, 0.5), ("BrowRightY", 0, 1, 0.5), ("MouthX", -1, 1, 0),
    )  # fmt: skip

    def __init__(self, allow: bool = True, port: int = 0) -> None:
        from websockets.sync.server import serve

        self._allow, self.requests = allow, []
        self._server = serve(self._serve, "127.0.0.1", port)
        self.port = int(self._server.socket.getsockname()[1])
        self.requests: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, socket: Any) -> None:
        logged_in = False
        for text in socket:
            request = json.loads(text)
            self.requests.append(request)
            assert request["apiName"] == "VTubeStudioPublicAPI"
            assert request["apiVersion"] == "1.0"
            assert 1 <= len(request["requestID"]) <= 64
            kind, data = request["messageType"], request.get("data", {})
            if kind == "AuthenticationRequest":
                logged_in = data["authenticationToken"] == TOKEN
            answer = self._answer(kind, data, logged_in)
            head = {"apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "timestamp": 1625405710728}
            socket.send(json.dumps(head | {"requestID": request["requestID"]} | answer))

    def _answer(self, kind: str, data: dict[str, Any], logged_in: bool) -> dict[str, Any]:
        if kind == "AuthenticationTokenRequest":
            assert 3 <= len(data["pluginName"]) <= 32
            assert 3 <= len(data["pluginDeveloper"]) <= 32
            if not self._allow:
                return _error(50, "User has denied API access for your plugin.")
            return {"messageType": "AuthenticationTokenResponse", "data": {"authenticationToken": TOKEN}}
        if kind == "AuthenticationRequest":
            return {"messageType": "AuthenticationResponse", "data": {"authenticated": logged_in, "reason": ""}}
        if not logged_in:
            return _error(8, "This request requires authentication.")
        if kind == "InputParameterListRequest":
            listed = [
                {"name": name, "addedBy": "VTube Studio", "value": 0, "min": low, "max": high, "defaultValue": usual}
                for name, low, high, usual in self.PARAMETERS
            ]
            return {
                "messageType": "InputParameterListResponse",
                "data": {"modelLoaded": True, "customParameters": [], "defaultParameters": listed},
            }
        if kind == "InjectParameterDataRequest":
            names = {name for name, *_ in self.PARAMETERS}
            if not all(item["id"] in names for item in data["parameterValues"]):
                return _error(453, "Parameter not found.")
            return {"messageType": "InjectParameterDataResponse", "data": {}}
        return _error(5, "Unknown request type.")

    def injected(self) -> list[dict[str, Any]]:
        """Return the data of every injection."""
        return [r["data"] for r in list(self.requests) if r["messageType"] == "InjectParameterDataRequest"]

    def kinds(self) -> list[str]:
        """Return the kinds of the messages in order."""
        return [request["messageType"] for request in list(self.requests)]

    def __enter__(self) -> FakeVTubeStudio:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join(5)


def _error(number: int, text: str) -> dict[str, Any]:
    return {"messageType": "APIError", "data": {"errorID": number, "message": text}}
