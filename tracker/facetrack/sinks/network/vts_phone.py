"""VTube Studio's phone format over UDP: facetrack plays the phone (DenchiSoft/VTubeStudioBlendshapeUDPReceiverTest)."""

from __future__ import annotations

import json
import math
from typing import Any

from facetrack.sinks.avatar.angles import HeadAngles
from facetrack.sinks.avatar.arkit import pascal
from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.udp import UdpListener
from facetrack.types.signals import ARKIT_52

PORT = 21412
LONGEST_S = 10.0
MOST_PORTS, MOST_PEERS = 16, 8
_STARTS = {name: f'{{"k":"{pascal(name)}","v":' for name in ARKIT_52}


class VtsPhoneOutput(Output):
    """Listens for requests and sends the main face to who asked, on the ports and for the seconds that it asked for.

    FaceFound says whether there is a face. flip: the angles among yaw, pitch and roll to send with the other sign;
    Rotation x is the turn, y the nod, z the tilt, as one open tracker sends them: unverified. Raises OutputError.
    """

    def __init__(self, address: str = "default", *, flip: frozenset[str] = frozenset()) -> None:
        self._socket = UdpListener(parse_address(address, PORT, "--vts-phone"), "--vts-phone")
        self._angles = HeadAngles.of("vts_phone", flip)
        self._peers: dict[tuple[str, int], float] = {}

    def send(self, scene: Scene) -> None:
        """Take requests, and send the frame to everyone whose time is not over."""
        for data, (host, *_) in self._socket.received():
            self._take(data, host, scene.clock_s)
        self._peers = {peer: until_s for peer, until_s in self._peers.items() if until_s >= scene.clock_s}
        if self._peers:
            data = self._message(scene).encode("ascii")
            for peer in self._peers:
                self._socket.send(data, peer)

    def _take(self, data: bytes, host: str, now_s: float) -> None:
        try:
            request: Any = json.loads(data)
            is_request = request["messageType"] == "iOSTrackingDataRequest"
            seconds, ports = float(request["time"]), [int(port) for port in request["ports"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if not is_request or not 0.0 < seconds < math.inf or not ports or not all(0 < p < 65536 for p in ports):
            return
        for port in ports[:MOST_PORTS]:
            if (host, port) in self._peers or len(self._peers) < MOST_PEERS * MOST_PORTS:
                self._peers[host, port] = now_s + min(seconds, LONGEST_S)

    def _message(self, scene: Scene) -> str:
        """Return the frame's JSON; written by hand, since it is sent for every frame."""
        actor, turn, place = scene.main, _ZERO, _ZERO
        if actor is not None and actor.pose is not None:
            turn = _axes(*self._angles(actor.pose))
            x_mm, y_mm, z_mm = actor.pose.translation_mm.tolist()
            place = _axes(x_mm / 10.0, -y_mm / 10.0, -z_mm / 10.0)
        shapes = () if actor is None else actor.shapes.items()
        values = ",".join([f"{_STARTS[name]}{value:.4f}}}" for name, value in shapes])
        found = "false" if actor is None else "true"
        return (
            f'{{"Timestamp":{int(1000 * scene.unix_s)},"Hotkey":-1,"FaceFound":{found},"Rotation":{turn},'
            f'"Position":{place},"EyeLeft":{_ZERO},"EyeRight":{_ZERO},"BlendShapes":[{values}]}}'
        )

    def close(self) -> None:
        self._socket.close()


def _axes(x: float, y: float, z: float) -> str:
    return f'{{"x":{x:.4f},"y":{y:.4f},"z":{z:.4f}}}'


_ZERO = _axes(0.0, 0.0, 0.0)
