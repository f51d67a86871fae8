"""opentrack's "UDP over network": six little-endian doubles, 48 bytes (opentrack, tracker-udp and proto-udp)."""

from __future__ import annotations

import struct

from facetrack.sinks.avatar.angles import HeadAngles
from facetrack.sinks.avatar.mirror import mirrored_mm, mirrored_pose
from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.transport.address import parse_address
from facetrack.sinks.transport.udp import UdpSender

PORT = 4242
_LAYOUT = struct.Struct("<6d")


class OpentrackOutput(Output):
    """X to the picture's right, Y up, Z away, cm; yaw to the picture's left, pitch up, roll clockwise, degrees.

    All from the neutral; never mirrored, since it steers a view and not an avatar. The protocol has no way to say that
    the face is lost: nothing is sent, and opentrack holds the last.
    """

    def __init__(self, address: str = "default") -> None:
        self._socket = UdpSender(parse_address(address, PORT, "--opentrack"), "--opentrack")
        self._angles = HeadAngles.of("opentrack")

    def send(self, scene: Scene) -> None:
        """Send the main face's position and angles."""
        actor = scene.main
        if actor is None or actor.pose is None or actor.moved_mm is None:
            return
        pose, moved_mm = actor.pose, actor.moved_mm
        if scene.mirrored:
            pose, moved_mm = mirrored_pose(pose), mirrored_mm(moved_mm)
        x_mm, y_mm, z_mm = moved_mm.tolist()
        self._socket.send(_LAYOUT.pack(x_mm / 10.0, -y_mm / 10.0, z_mm / 10.0, *self._angles(pose)))

    def close(self) -> None:
        self._socket.close()
