"""Size of a picture by its file's header, so that a small file cannot claim the machine's memory."""

from __future__ import annotations

import re

from facetrack.errors import SourceError
from facetrack.types.frame import MAX_SIDE_PX

MAX_PIXELS = 2**27
"""Largest picture that is decoded, 134 megapixels: 400 MB as BGR. An 8K frame has 33, the largest phones 200 at most.

A PNG of one colour compresses a thousandfold, so the size of a file says nothing.
"""


def check_size(name: str, width: int, height: int) -> None:
    """Raise SourceError for a picture of more than MAX_PIXELS, of none, or with a longer side than MAX_SIDE_PX."""
    if not 0 < width * height <= MAX_PIXELS or max(width, height) > MAX_SIDE_PX:
        raise SourceError(
            f"{name} holds a picture of {width}x{height} px; at most {MAX_PIXELS // 10**6} megapixels and "
            f"{MAX_SIDE_PX} px a side are read: scale it down."
        )


def stated_size(data: bytes) -> tuple[int, int] | None:
    """Return the (width, height) px that an image file's header states, None for an unknown or broken header.

    Headers by PNG (ISO 15948, 11.2.2), JPEG (T.81, B.2.2), WebP (RFC 9649), BMP, TIFF 6.0, netpbm, JPEG 2000
    (T.800, I.5.3.1) and ISO 23008-12 (AVIF: the largest `ispe` box).
    """
    try:
        return _stated_size(data)
    except IndexError:
        return None


def _stated_size(data: bytes) -> tuple[int, int] | None:
    if data.startswith(b"\x89PNG"):
        return _number(data, 16, 4), _number(data, 20, 4)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith(b"BM"):
        width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
        return abs(width), abs(height)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data)
    if match := re.match(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})", data[:1024]):
        return int(match[1]), int(match[2])
    return _boxes(data)


def _number(data: bytes, at: int, length: int, order: str = "big") -> int:
    part = data[at : at + length]
    if len(part) < length:
        raise IndexError
    return int.from_bytes(part, "little" if order == "little" else "big")


def _jpeg(data: bytes) -> tuple[int, int] | None:
    """Return the size in the first start-of-frame segment."""
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return _number(data, at + 7, 2), _number(data, at + 5, 2)
        else:
            at += 2 + _number(data, at + 2, 2)
    return None


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + _number(data, 24, 3, "little"), 1 + _number(data, 27, 3, "little")
    if kind == b"VP8L":
        bits = _number(data, 21, 4, "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return _number(data, 26, 2, "little") & 0x3FFF, _number(data, 28, 2, "little") & 0x3FFF
    return None


def _tiff(data: bytes) -> tuple[int, int] | None:
    """Return the tags 256 and 257 of the first directory."""
    order = "little" if data[:2] == b"II" else "big"
    directory = _number(data, 4, 4, order)
    sizes = {}
    for index in range(_number(data, directory, 2, order)):
        entry = directory + 2 + 12 * index
        tag, kind = _number(data, entry, 2, order), _number(data, entry + 2, 2, order)
        if tag in (256, 257):
            sizes[tag] = _number(data, entry + 8, 2 if kind == 3 else 4, order)
    return (sizes[256], sizes[257]) if len(sizes) == 2 else None


def _boxes(data: bytes) -> tuple[int, int] | None:
    """Return the largest size in the header boxes of JPEG 2000 (height, width) and AVIF (flags, width, height)."""
    sizes = [(_number(data, at + 4, 4), _number(data, at, 4)) for at in _ends(data, b"ihdr")]
    sizes += [(_number(data, at + 4, 4), _number(data, at + 8, 4)) for at in _ends(data, b"ispe")]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _ends(data: bytes, name: bytes) -> list[int]:
    return [match.end() for match in re.finditer(name, data[: 2**16])]
