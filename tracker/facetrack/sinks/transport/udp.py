"""Datagrams that never wait: what the socket cannot take at once is dropped, as the next frame brings newer values."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress

from facetrack.errors import OutputError
from facetrack.sinks.transport.address import Address, resolve

LARGEST = 65_507
"""Bytes that a datagram over IPv4 may hold."""


class UdpSender:
    """A socket that sends to one address. option: the option that it was given by, for messages.

    Raises OutputError where the host is not known. What the system reports of a peer that is not there is logged once.
    """

    def __init__(self, address: Address, option: str) -> None:
        family, self._target = resolve(address, option)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._name, self._warned = f"{option} {address}", False
        with suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)

    def send(self, data: bytes) -> None:
        """Send a datagram, or drop it."""
        try:
            self._socket.sendto(data, self._target)
        except BlockingIOError:
            return
        except OSError as error:
            if not self._warned:
                self._warned = True
                logging.getLogger(__name__).warning("%s: nothing is received there (%s)", self._name, error.strerror)

    def received(self) -> list[bytes]:
        """Return the datagrams that came back since the last call, ten at most."""
        return [data for data, _ in receive(self._socket)]

    def close(self) -> None:
        self._socket.close()


class UdpListener:
    """A socket that is bound to an address. Raises OutputError where that is taken, or not this machine's."""

    def __init__(self, address: Address, option: str) -> None:
        family, target = resolve(address, option)
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(target)
        except OSError as error:
            self._socket.close()
            raise OutputError(
                f"{option} cannot listen on {address} ({error.strerror}); end what uses that port, or give another"
            ) from error

    def received(self) -> list[tuple[bytes, tuple[str, int]]]:
        """Return the datagrams that came since the last call with their senders, ten at most."""
        return receive(self._socket)

    def send(self, data: bytes, target: tuple[str, int]) -> None:
        """Send a datagram from the bound port, or drop it."""
        with suppress(OSError):
            self._socket.sendto(data, target)

    def close(self) -> None:
        self._socket.close()


def receive(source: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
    """Return what waits at a socket, ten datagrams at most."""
    found: list[tuple[bytes, tuple[str, int]]] = []
    while len(found) < 10:
        try:
            data, sender = source.recvfrom(LARGEST)
        except OSError:  # nothing waits; or a refusal of an earlier datagram
            break
        found.append((data, sender))
    return found
