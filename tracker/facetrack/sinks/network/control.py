"""Commands to a run from outside, as OSC messages on a port of its own; `facetrack neutral` sends them."""

from __future__ import annotations

import socket

from facetrack.sinks.avatar.scene import Scene
from facetrack.sinks.network.output import Output
from facetrack.sinks.network.vmc import NEUTRAL_COMMANDS, hold_neutral_command
from facetrack.sinks.transport.address import parse_address, resolve
from facetrack.sinks.transport.osc import message
from facetrack.sinks.transport.udp import UdpListener

PORT = 39541


class ControlInput(Output):
    """A port on which VMC's commands to calibrate take the neutral. Nothing is sent. Raises OutputError."""

    def __init__(self, address: str = "default") -> None:
        self._socket = UdpListener(parse_address(address, PORT, "--control"), "--control")

    def send(self, scene: Scene) -> None:
        """Send nothing."""

    def wants_neutral(self) -> bool:
        """Whether a command came."""
        return hold_neutral_command(packet for packet, _ in self._socket.received())

    def close(self) -> None:
        self._socket.close()


def ask_for_neutral(address: str = "default") -> None:
    """Send the command to a run's control port. Raises OutputError where the host is not known."""
    target = parse_address(address, PORT, "the address")
    family, place = resolve(target, "neutral")
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(message(NEUTRAL_COMMANDS[0], 0), place)
