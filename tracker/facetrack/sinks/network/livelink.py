"""Live Link Face's UDP packets, big-endian, for Unreal and others (after PyLiveLinkFace)."""

from __future__ import annotations

import struct
import uuid

from facetrack.sinks.avatar.angles import HeadAngles
from facetrack.sinks.avatar.arkit import LIVE_LINK_ANGLES, LIVE_LINK_SHAPES
from facetrack.sinks.avatar.scene import Actor, Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.udp import UdpSender

PORT = 11111
VERSION = 6
RATE = (60, 1)
DEVICE = str(uuid.uuid5(uuid.NAMESPACE_URL, "facetrack"))
SUBJECT = "facetrack"
VALUES = LIVE_LINK_SHAPES + LIVE_LINK_ANGLES
EYES = ("eyeBlinkLeft", "eyeBlinkRight")
HALF_TURN_DEG = 180.0
_VALUES = struct.Struct(f">B{len(VALUES)}f")


class LiveLinkOutput(Output):
    """The main face's 61 values: 0 for what is unknown, the last known for a blink. Without a face, none of them.

    Angles are degrees / 180, positive to the person's left, up, and counter-clockwise in the picture; those signs are
    unverified. flip: the angles among yaw, pitch and roll to send with the other sign.
    """

    def __init__(self, address: str = "default", *, flip: frozenset[str] = frozenset()) -> None:
        self._socket = UdpSender(parse_address(address, PORT, "--livelink"), "--livelink")
        self._angles = HeadAngles.of("livelink", flip)
        self._blinks = dict.fromkeys(EYES, 0.0)
        texts = (text.encode("ascii") for text in (DEVICE, SUBJECT))
        self._start = struct.pack(">B", VERSION) + b"".join(struct.pack(">i", len(text)) + text for text in texts)

    def send(self, scene: Scene) -> None:
        """Send the frame's number, and the main face's values if it has one."""
        rate, per = RATE
        frame = scene.time_s * rate / per
        head = self._start + struct.pack(">ifii", int(frame), frame % 1.0, rate, per)
        self._socket.send(head if scene.main is None else head + self._values(scene.main))

    def _values(self, actor: Actor) -> bytes:
        self._blinks |= {name: actor.shapes[name] for name in EYES if name in actor.shapes}
        shapes = actor.shapes | self._blinks
        values = [shapes.get(name, 0.0) for name in VALUES]
        if actor.pose is not None:
            for place, angle in enumerate(self._angles(actor.pose), len(LIVE_LINK_SHAPES)):
                values[place] = angle / HALF_TURN_DEG
        return _VALUES.pack(len(VALUES), *values)

    def close(self) -> None:
        self._socket.close()
