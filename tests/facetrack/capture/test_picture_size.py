"""The size is read from each header as OpenCV writes it; a small file that claims a huge picture costs no memory."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from facetrack.capture import open_video, read_image
from facetrack.capture.picture_size import MAX_PIXELS, stated_size
from facetrack.errors import SourceError

WRITABLE = [".png", ".jpg", ".bmp", ".webp", ".tiff", ".ppm", ".pgm", ".jp2", ".avif"]


@pytest.mark.parametrize("suffix", WRITABLE)
def test_the_stated_size_is_the_written_one(suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (37, 113, 3), dtype=np.uint8)
    try:
        encoded = cv2.imencode(suffix, image[..., 0] if suffix == ".pgm" else image)[1].tobytes()
    except cv2.error:
        pytest.skip(f"this OpenCV does not write {suffix}")
    assert stated_size(encoded) == (113, 37)
    for end in (0, 1, 12, 20, 27):
        stated_size(encoded[:end])  # raises nothing


def test_a_lossless_webp_and_a_progressive_jpeg() -> None:
    image = np.zeros((37, 113, 3), np.uint8)
    lossless = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    progressive = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert stated_size(lossless) == stated_size(progressive) == (113, 37)


def test_what_is_no_picture_states_nothing() -> None:
    rng = np.random.default_rng(0)
    for data in (b"", b"hello", b"\xff\xd8", b"\xff\xd8\xff", b"\x89PNG", b"P6 x", b"II*\0", b"RIFF....WEBPVP8L"):
        assert stated_size(data) is None
    for _ in range(200):
        stated_size(rng.integers(0, 256, 64, dtype=np.uint8).tobytes())


def write_png(path: Path, width: int, height: int) -> Path:
    """Write a PNG of one bit a pixel, all of it there (ISO 15948)."""
    rows = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    data = b"".join(rows.compress(row) for _ in range(height)) + rows.flush()
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0), b"IDAT" + data, b"IEND"]
    parts = [struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def test_a_picture_beyond_the_limit_is_refused_by_its_header(tmp_path: Path) -> None:
    path = write_png(tmp_path / "bomb.png", 12_000, 12_000)  # 430 MB as BGR
    assert path.stat().st_size < 100_000
    for read in (read_image, open_video):
        with pytest.raises(
            SourceError, match=r"bomb\.png holds a picture of 12000x12000 px; at most 134 megapixels and"
        ):
            read(path)
    with pytest.raises(SourceError, match=r"40000x20 px; .*32766 px a side"):
        read_image(write_png(tmp_path / "wide.png", 40_000, 20))
    assert MAX_PIXELS // 10**6 == 134
    assert read_image(write_png(tmp_path / "wide.png", 12_000, 20)).shape == (20, 12_000, 3)
