"""Open Sound Control 1.0: messages and bundles as bytes (opensoundcontrol.org, specification of 2002)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

Argument = int | float | str
BUNDLE = b"#bundle\0" + b"\0\0\0\0\0\0\0\x01"
"""Start of a bundle whose time is "immediately"."""
MAX_PACKET = 1500
"""Bytes of a datagram that passes an Ethernet unsplit; VMC's own limit."""


def message(address: str, *arguments: Argument) -> bytes:
    """Return a message; whole numbers are sent as int32, others as float32."""
    tags = "," + "".join(_tag(argument) for argument in arguments)
    parts = [_text(address), _text(tags)]
    for argument in arguments:
        if isinstance(argument, str):
            parts.append(_text(argument))
        else:
            parts.append(struct.pack(">i" if isinstance(argument, int) else ">f", argument))
    return b"".join(parts)


def bundles(messages: Iterable[bytes], limit: int = MAX_PACKET) -> Iterator[bytes]:
    """Yield the messages in bundles of at most `limit` bytes, in their order."""
    parts, size = [BUNDLE], len(BUNDLE)
    for item in messages:
        if size + 4 + len(item) > limit and len(parts) > 1:
            yield b"".join(parts)
            parts, size = [BUNDLE], len(BUNDLE)
        parts += (struct.pack(">i", len(item)), item)
        size += 4 + len(item)
    if len(parts) > 1:
        yield b"".join(parts)


def addresses(packet: bytes) -> list[str]:
    """Return the addresses of a packet's messages; of bytes that are no OSC, none."""
    try:
        return list(_addresses(packet))
    except (UnicodeDecodeError, ValueError, struct.error):
        return []


def _addresses(packet: bytes, depth: int = 0) -> Iterator[str]:
    if packet.startswith(BUNDLE[:8]) and depth < 4:
        at = len(BUNDLE)
        while at + 4 <= len(packet):
            (size,) = struct.unpack_from(">i", packet, at)
            if size <= 0:
                return
            yield from _addresses(packet[at + 4 : at + 4 + size], depth + 1)
            at += 4 + size
    elif packet.startswith(b"/"):
        yield packet[: packet.index(b"\0")].decode("ascii")


def _tag(argument: Argument) -> str:
    return "s" if isinstance(argument, str) else "i" if isinstance(argument, int) else "f"


def _text(text: str) -> bytes:
    """Return the text with one to four zeros behind it, a multiple of four bytes."""
    data = text.encode("utf-8")
    return data + b"\0" * (4 - len(data) % 4)
