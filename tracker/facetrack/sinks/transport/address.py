"""Addresses as the command line takes them: HOST, HOST:PORT, :PORT, or `default`."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from facetrack.errors import OutputError

LOOPBACK = "127.0.0.1"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Address:
    """Host name or number, and port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, port: int, option: str, host: str = LOOPBACK) -> Address:
    """Parse an address. port, host: the protocol's own, for what is left out. option: named in errors.

    `[::1]:39540` is an IPv6 address with a port. Raises OutputError.
    """
    text = text.strip()
    if text == DEFAULT:
        return Address(host, port)
    given, colon, number = (text, "", "") if text.endswith("]") else text.rpartition(":")
    if not colon or (":" in given and not given.startswith("[")):  # an IPv6 address without brackets has no port
        given, number = text, str(port)
    given = given.removeprefix("[").removesuffix("]")
    if " " in given or "/" in given or not number.isdecimal() or not 0 < int(number) < 65536:
        raise OutputError(
            f"{option} is '{text}'; expected HOST, HOST:PORT or default, which is {host}:{port}: give a port from 1 to "
            "65535"
        )
    return Address(given or host, int(number))


def resolve(address: Address, option: str) -> tuple[socket.AddressFamily, Any]:
    """Return the family and the socket address of the first match. Raises OutputError where there is none."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise OutputError(
            f"{option}: the host {address.host} is not known ({error}); check its name, or give its number"
        ) from error
    return found[0][0], found[0][4]
