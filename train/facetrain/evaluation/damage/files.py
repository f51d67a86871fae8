"""Damaged videos and pictures, and the reading of them."""

from __future__ import annotations

import math
import struct
import zlib
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from facetrack.capture import open_video
from facetrack.types import Image
from facetrain.evaluation.damage.bytes import Rng, damage

VIDEOS = {".mp4": "libx264", ".mkv": "libx264", ".ts": "libx264", ".avi": "mpeg4", ".mov": "mpeg4"}
PICTURES = (".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm", ".jp2")
MAX_FRAMES = 400
"""Frames read of one file; the undamaged ones have 12."""


def write_case(rng: Rng, folder: Path) -> tuple[str, Path]:
    """Write one damaged file; return its description and path."""
    if rng.random() < 0.1:
        return _claim(rng, folder)
    suffix = str(rng.choice([*VIDEOS, *PICTURES]))
    kind, data = damage(_whole(suffix, folder.parent), rng)
    if rng.random() < 0.1:
        suffix = str(rng.choice([*VIDEOS, *PICTURES, ".gif"]))
    path = folder / f"2026-11-28T12:36:48{suffix}"  # a name that looks like an address
    path.write_bytes(data)
    return f"{kind} {suffix}", path


def read_case(path: Path) -> None:
    """Read the file to its end, as every command does. Raises AssertionError where something wrong came out."""
    last_s = -math.inf
    with open_video(path) as source:
        for frame in source:
            assert frame.image.dtype == np.uint8, "not uint8"
            assert frame.image.ndim == 3, "not (H, W, 3)"
            assert math.isfinite(frame.time_s), "a time that is no number"
            assert frame.time_s > last_s, "a time that does not increase"
            last_s = frame.time_s
            if frame.index >= MAX_FRAMES:
                break


def _claim(rng: Rng, folder: Path) -> tuple[str, Path]:
    """Write a small picture that claims to be, or really is, a huge one."""
    side = int(rng.choice([20_000, 60_000, 2**31 - 1]))
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2**22), 9)
    chunks = [header, b"IDAT" + rows, b"IEND"]
    data = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    path = folder / "claim.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return f"claims {side} px", path


@cache
def _whole(suffix: str, folder: Path) -> bytes:
    """Return the bytes of an undamaged file."""
    path = folder / f"whole{suffix}"
    if suffix in PICTURES:
        path.write_bytes(cv2.imencode(suffix, _picture(0))[1].tobytes())
    else:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(VIDEOS[suffix], rate=25)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            for index in range(12):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(_picture(index), format="bgr24")))
            container.mux(stream.encode(None))
    return path.read_bytes()


def _picture(index: int) -> Image:
    rng = np.random.default_rng(index)
    small = rng.integers(0, 256, (15, 20, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC), np.uint8)
