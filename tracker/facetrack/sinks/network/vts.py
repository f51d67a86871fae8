"""VTube Studio's plugin API over WebSocket (DenchiSoft/VTubeStudio, README): parameters injected frame by frame."""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from facetrack.errors import MissingExtraError
from facetrack.sinks.avatar.angles import HeadAngles
from facetrack.sinks.avatar.scene import Actor, Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.newest import Newest

PORT = 8001
PLUGIN = {"pluginName": "facetrack", "pluginDeveloper": "facetrack"}
DENIED = 50
"""Error of a plugin that the user did not allow."""
ANSWER_S, ASKING_S = 5.0, 120.0
"""Time for an answer; and for the user to click."""
PAUSE_S = 3.0
"""Between two tries to connect."""
PLACE_MM = 10.0
"""Movement of the head that is 1 in FacePosition."""
Range = tuple[float, float, float]
"""Smallest, largest and default value of a parameter."""


def token_file() -> Path:
    """Return the file in the user's configuration where the token of VTube Studio is kept."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "facetrack" / "vtube_studio_token"


class VtsOutput(Output):
    """Sends the main face to VTube Studio's default parameters, within the ranges that it says.

    A thread connects, asks for the token once (the user allows the plugin in VTube Studio's window) and keeps it, sends
    the newest frame, and connects again when VTube Studio was away. flip: the angles among yaw, pitch and roll to send
    with the other sign; theirs are unverified. token: the file of the token. Raises OutputError, MissingExtraError.
    """

    def __init__(
        self, address: str = "default", *, flip: frozenset[str] = frozenset(), token: Path | None = None
    ) -> None:
        try:
            from websockets.sync import client
        except ImportError as error:
            raise MissingExtraError(
                "--vts needs the package websockets; install the extra: python -m pip install 'facetrack[apps]'"
            ) from error
        self._connect = client.connect
        self._address = parse_address(address, PORT, "--vts", host="localhost")
        self._angles = HeadAngles.of("vts", flip)
        self._token, self._warned = token or token_file(), False
        self._outbox: Newest[Scene] = Newest(self._work, "facetrack vts")

    def send(self, scene: Scene) -> None:
        """Leave the frame for the thread."""
        self._outbox.put(scene)

    def close(self) -> None:
        self._outbox.close()

    def _work(self, outbox: Newest[Scene]) -> None:
        while not outbox.ended:
            try:
                with self._connect(f"ws://{self._address}", open_timeout=ANSWER_S, close_timeout=0.5) as socket:
                    self._speak(_Session(socket), outbox)
            except PermissionError as error:  # the user said no, or takes no new plugin: asking again would annoy
                self._warn(str(error))
                return
            except Exception as error:  # whatever the other side does must not end the run
                self._warn(f"{error or type(error).__name__}; trying again")
            outbox.wait(PAUSE_S)

    def _warn(self, reason: str) -> None:
        if not self._warned:
            self._warned = True
            logging.getLogger(__name__).warning("--vts %s: %s", self._address, reason)

    def _speak(self, session: _Session, outbox: Newest[Scene]) -> None:
        self._log_in(session)
        self._warned = False
        ranges = _ranges(session.ask("InputParameterListRequest", {}))
        while (scene := outbox.get()) is not None:
            found = {} if scene.main is None else parameters(scene.main, ranges, self._angles)
            values = [{"id": name, "value": round(value, 4)} for name, value in found.items()]
            data = {"faceFound": scene.main is not None, "mode": "set", "parameterValues": values}
            session.ask("InjectParameterDataRequest", data)

    def _log_in(self, session: _Session) -> None:
        """Authenticate with the kept token, or with a new one."""
        kept = None
        with suppress(OSError):
            kept = self._token.read_text().strip() or None
        if kept is not None and self._is_accepted(session, kept):
            return
        new = session.ask("AuthenticationTokenRequest", PLUGIN, ASKING_S)["authenticationToken"]
        self._keep(new)
        if not self._is_accepted(session, new):
            raise PermissionError("VTube Studio does not accept its own token; allow the plugin facetrack there")

    def _is_accepted(self, session: _Session, token: str) -> bool:
        answer = session.ask("AuthenticationRequest", PLUGIN | {"authenticationToken": token})
        return bool(answer.get("authenticated"))

    def _keep(self, token: str) -> None:
        try:
            self._token.parent.mkdir(parents=True, exist_ok=True)
            self._token.touch(mode=0o600)
            self._token.write_text(token)
        except OSError as error:
            logging.getLogger(__name__).warning("--vts: the token cannot be kept (%s)", error.strerror)


class _Session:
    """Requests and answers over one connection."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    def ask(self, kind: str, data: dict[str, Any], patience_s: float = ANSWER_S) -> dict[str, Any]:
        """Send a request and return its answer's data. Raises PermissionError where the user denied it."""
        request = {
            "apiName": "VTubeStudioPublicAPI", "apiVersion": "1.0", "requestID": f"f{next(self._numbers)}",
            "messageType": kind, "data": data,
        }  # fmt: skip
        self._socket.send(json.dumps(request))
        answer = json.loads(self._socket.recv(patience_s))
        found: dict[str, Any] = answer.get("data") or {}
        if answer.get("messageType") == "APIError":
            reason = f"VTube Studio answers {found.get('message')} (error {found.get('errorID')})"
            raise PermissionError(reason) if found.get("errorID") == DENIED else ConnectionError(reason)
        return found


def _ranges(answer: dict[str, Any]) -> dict[str, Range]:
    found = {}
    for item in answer.get("defaultParameters") or ():
        found[str(item["name"])] = (float(item["min"]), float(item["max"]), float(item.get("defaultValue", 0.0)))
    return found


def parameters(actor: Actor, ranges: dict[str, Range], angles: HeadAngles) -> dict[str, float]:
    """Return what is known of a face, as VTube Studio's parameters. ranges: those it has, each with its limits."""
    shapes = actor.shapes
    found: dict[str, float] = {}
    if actor.pose is not None:
        found |= zip(("FaceAngleX", "FaceAngleY", "FaceAngleZ"), angles(actor.pose), strict=True)
    if actor.moved_mm is not None and actor.is_centred:  # from the camera it would stand at its limit
        x_mm, y_mm, z_mm = actor.moved_mm.tolist()
        found |= {f"FacePosition{n}": v / PLACE_MM for n, v in (("X", x_mm), ("Y", -y_mm), ("Z", -z_mm))}
    shares: dict[str, float] = {}
    if "jawOpen" in shapes:
        shares["MouthOpen"] = shapes["jawOpen"]
    if "mouthSmileLeft" in shapes:
        shares["MouthSmile"] = (shapes["mouthSmileLeft"] + shapes["mouthSmileRight"]) / 2.0
    shares |= {f"EyeOpen{s}": 1.0 - shapes[f"eyeBlink{s}"] for s in ("Left", "Right") if f"eyeBlink{s}" in shapes}
    found |= {name: _scaled(share, ranges[name]) for name, share in shares.items() if name in ranges}
    if "browInnerUp" in shapes:
        ups = {s: max(shapes["browInnerUp"], shapes[f"browOuterUp{s}"]) - shapes[f"browDown{s}"] for s in _SIDES}
        brows = {f"Brow{side}Y": up for side, up in ups.items()} | {"Brows": (ups["Left"] + ups["Right"]) / 2.0}
        found |= {name: _about(up, ranges[name]) for name, up in brows.items() if name in ranges}
        sideways = shapes.get("mouthLeft", 0.0) - shapes.get("mouthRight", 0.0)
        if "MouthX" in ranges and "mouthLeft" in shapes:
            found["MouthX"] = _about(sideways, ranges["MouthX"])
    return {n: min(max(float(x), ranges[n][0]), ranges[n][1]) for n, x in found.items() if n in ranges}


_SIDES = ("Left", "Right")


def _scaled(share: float, limits: Range) -> float:
    """Return the share of the way from the smallest to the largest value."""
    low, high, _ = limits
    return low + share * (high - low)


def _about(way: float, limits: Range) -> float:
    """-1 the smallest, 0 the middle, 1 the largest."""
    low, high, _ = limits
    return (low + high) / 2.0 + way * (high - low) / 2.0
