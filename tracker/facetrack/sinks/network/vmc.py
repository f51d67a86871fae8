"""VMC protocol, OSC over UDP, as an Assistant that has head and face alone (VirtualMotionCaptureProtocol, V3.1)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from facetrack.angles import direction, quaternion
from facetrack.sinks.avatar.arkit import pascal
from facetrack.sinks.avatar.looks import eyes_deg
from facetrack.sinks.avatar.scene import Actor, Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.osc import addresses, bundles, message
from facetrack.sinks.transport.udp import UdpSender
from facetrack.types.signals import ARKIT_52

PORT = 39540
"""On which a Performer listens; a Marionette's is 39539."""
NEUTRAL_COMMANDS = ("/VMC/Ext/Set/Calib/Exec", "/VMC/Ext/Set/Calib/Ready")
"""Messages to which facetrack answers by taking the neutral."""
PRESETS = {"Blink_L": "eyeBlinkLeft", "Blink_R": "eyeBlinkRight", "A": "jawOpen"}
"""VRM 0 presets that equal one blendshape; Joy is the mean of both smiles."""
CALIBRATED, TRACKED, LOST = 3, 1, 0
_FLOAT, _PLACE, _QUATERNION = struct.Struct(">f"), struct.Struct(">3f"), struct.Struct(">4f")


def _value_prefix(name: str) -> bytes:
    """Everything of a Blend/Val message before its number."""
    return message("/VMC/Ext/Blend/Val", name, 0.0)[:-4]


_PREFIXES = {name: _value_prefix(name) for name in (*map(pascal, ARKIT_52), *PRESETS, "Joy")}
_PASCAL = {name: pascal(name) for name in ARKIT_52}
_APPLY = message("/VMC/Ext/Blend/Apply")
_OK, _OK_LOST = (message("/VMC/Ext/OK", 1, CALIBRATED, 0, state) for state in (TRACKED, LOST))
_TIME = message("/VMC/Ext/T", 0.0)[:-4]
_EYES = message("/VMC/Ext/Set/Eye", 1, 0.0, 0.0, 0.0)[: -_PLACE.size]
"""Everything of the eyes' target before its place."""
_NO_EYES = message("/VMC/Ext/Set/Eye", 0, 0.0, 0.0, 0.0)
"""Ends the use of the last target, which the avatar would go on looking at."""
_HEAD = message("/VMC/Ext/Bone/Pos", "Head", *([0.0] * 7))[: -_QUATERNION.size]
"""Everything of a head bone's message before its rotation."""


class VmcOutput(Output):
    """Head bone, eyes, VRM presets and Perfect Sync's names as far as known; OK says whether the face is tracked.

    The head's local position is sent as 0, 0, 0, since a sender that does not know the avatar has no other. bundle: put
    a frame's messages into bundles of at most 1500 bytes; else each goes alone.
    """

    def __init__(self, address: str = "default", *, bundle: bool = True) -> None:
        self._socket = UdpSender(parse_address(address, PORT, "--vmc"), "--vmc")
        self._bundle = bundle
        self._eyes_aim = False

    def send(self, scene: Scene) -> None:
        """Send the main face's head, blendshapes, state and time."""
        actor = scene.main
        messages = [*self._eyes(actor)] if actor is None else [*_head(actor), *self._eyes(actor), *_blends(actor)]
        messages += (_OK_LOST if actor is None else _OK, _TIME + _FLOAT.pack(scene.time_s))
        for packet in bundles(messages) if self._bundle else messages:
            self._socket.send(packet)

    def _eyes(self, actor: Actor | None) -> list[bytes]:
        """Target of the eyes, a metre from the head: the avatar's right, up, forward; or, once, that it ends."""
        look = None if actor is None else eyes_deg(actor.face)
        aimed, self._eyes_aim = self._eyes_aim, look is not None
        if look is None:
            return [_NO_EYES] if aimed else []
        return [_EYES + _PLACE.pack(*(-part for part in direction(*look)))]

    def wants_neutral(self) -> bool:
        """Whether the receiver answered with a command to calibrate."""
        return hold_neutral_command(self._socket.received())

    def close(self) -> None:
        self._socket.close()


def hold_neutral_command(packets: Iterable[bytes]) -> bool:
    """Return whether a packet holds a command to calibrate."""
    return any(address in NEUTRAL_COMMANDS for packet in packets for address in addresses(packet))


def _head(actor: Actor) -> list[bytes]:
    """Head bone against the neutral, in Unity's axes: those of the pose with every axis turned round."""
    if actor.pose is None:
        return []
    return [_HEAD + _QUATERNION.pack(*quaternion(actor.pose.rotation))]


def _blends(actor: Actor) -> list[bytes]:
    shapes = actor.shapes
    values = {preset: shapes[name] for preset, name in PRESETS.items() if name in shapes}
    if "mouthSmileLeft" in shapes:
        values["Joy"] = (shapes["mouthSmileLeft"] + shapes["mouthSmileRight"]) / 2.0
    values |= {_PASCAL[name]: value for name, value in shapes.items()}
    found = [_PREFIXES[name] + _FLOAT.pack(value) for name, value in values.items()]
    return [*found, _APPLY] if found else []
