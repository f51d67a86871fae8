"""A video is read as players show it: square pixels, HDR in BT.709; oracle: forward formulas of the standards."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from facetrack.capture import VideoFile
from facetrack.capture.colours import to_bt709
from facetrack.errors import SourceError

PATCHES = np.array([[30, 60, 90], [90, 110, 160], [140, 170, 190], [120, 120, 120], [60, 140, 70]], np.uint8)
"""(5, 3) BGR of BT.709 below the knee of the highlights; the second is skin."""
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear RGB, ITU-R BT.2087-0, section 2.1."""


def as_pq(bgr: np.ndarray) -> np.ndarray:
    """(.., 3) uint8 BT.709 BGR -> (.., 3) PQ code 0..1, RGB of BT.2020, white at 203 cd/m2 (ST 2084's inverse EOTF)."""
    nits = 203 * ((bgr[..., ::-1] / 255) ** 2.4) @ BT709_TO_BT2020.T
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def as_hlg(bgr: np.ndarray) -> np.ndarray:
    """(.., 3) uint8 BT.709 BGR -> (.., 3) HLG code 0..1, RGB of BT.2020, for a display of 1000 cd/m2 (BT.2100)."""
    display = 0.203 * ((bgr[..., ::-1] / 255) ** 2.4) @ BT709_TO_BT2020.T
    luminance = display @ [0.2627, 0.6780, 0.0593]
    scene = display * (luminance ** ((1 - 1.2) / 1.2))[..., None]
    above = 0.17883277 * np.log(12 * np.maximum(scene, 1 / 12) - 0.28466892) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), above)


@pytest.mark.parametrize(("encode", "transfer"), [(as_pq, 16), (as_hlg, 18)])
def test_hdr_comes_out_in_the_colours_of_bt709(encode: object, transfer: int) -> None:
    code = encode(PATCHES[None])  # type: ignore[operator]
    image = np.round(65535 * code[..., ::-1]).astype(np.uint16)
    np.testing.assert_allclose(to_bt709(image, transfer, 9)[0].astype(int), PATCHES.astype(int), atol=1)
    np.testing.assert_array_equal(to_bt709(image, transfer, 2), to_bt709(image, transfer, 9))  # not stated: BT.2020


def test_highlights_keep_their_order_and_hue() -> None:
    nits = np.array([[150, 203, 400, 1000, 4000]])[..., None] * [1.0, 1.0, 1.0]
    power = (nits / 10_000) ** (2610 / 16384)
    code = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    shown = to_bt709(np.round(65535 * code).astype(np.uint16), 16, 9)[0].astype(int)
    assert (np.diff(shown[:, 1]) >= 0).all()
    assert shown[1, 1] < shown[2, 1]
    assert np.abs(shown - shown[:, :1]).max() <= 1


@pytest.mark.parametrize(("encode", "transfer"), [(as_pq, 16), (as_hlg, 18)])
def test_a_file_in_hdr_is_read_in_the_colours_of_bt709(tmp_path: Path, encode: object, transfer: int) -> None:
    picture = np.repeat(np.repeat(PATCHES[None], 16, axis=0), 16, axis=1)  # 80x16
    rgb = encode(picture)  # type: ignore[operator]
    y = rgb @ [0.2627, 0.6780, 0.0593]  # BT.2020, non-constant luminance
    chroma = [(rgb[..., 2] - y) / 1.8814, (rgb[..., 0] - y) / 1.4746]
    planes = [np.round(64 + 876 * y), *(np.round(512 + 896 * c[::2, ::2]) for c in chroma)]
    with av.open(str(tmp_path / "hdr.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 80, 16, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 9, 9, transfer, 1
        frame = av.VideoFrame(80, 16, "yuv420p10le")
        for plane, values in zip(frame.planes, planes, strict=True):
            rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
            rows[:, : plane.width] = values
            plane.update(rows.tobytes())
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoFile(tmp_path / "hdr.mkv") as source:
        image = next(iter(source)).image
    np.testing.assert_allclose(image[8, 8::16].astype(int), PATCHES.astype(int), atol=3)


def write_anamorphic(path: Path, aspect: Fraction, rotation: int = 0) -> Path:
    """Write a white disc, 40 px wide as shown, in a picture of 96x64 stored px."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        y, x = np.mgrid[:64, :96]
        scale = (float(aspect), 1.0) if aspect > 1 else (1.0, 1 / float(aspect))
        disc = ((x - 47.5) * scale[0]) ** 2 + ((y - 31.5) * scale[1]) ** 2 < 20**2
        image = np.repeat((255 * disc.astype(np.uint8))[..., None], 3, axis=2)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("aspect", "rotation", "size"),
    [
        (Fraction(1), 0, (96, 64)),
        (Fraction(4, 3), 0, (128, 64)),
        (Fraction(2), 0, (192, 64)),
        (Fraction(4, 3), 90, (64, 128)),
        (Fraction(3, 4), 0, (96, 86)),
        (Fraction(16, 11), 0, (140, 64)),
    ],
)
def test_pixels_come_out_square(tmp_path: Path, aspect: Fraction, rotation: int, size: tuple[int, int]) -> None:
    with VideoFile(write_anamorphic(tmp_path / "clip.mp4", aspect, rotation)) as source:
        assert source.size == size
        image = next(iter(source)).image
    assert image.shape[1::-1] == size
    bright = image[..., 1] > 128
    assert bright.any(axis=0).sum() == pytest.approx(40, abs=2)
    assert bright.any(axis=1).sum() == pytest.approx(40, abs=2)


def test_an_impossible_shape_of_pixels_is_refused(tmp_path: Path) -> None:
    path = write_anamorphic(tmp_path / "clip.mp4", Fraction(20))
    with pytest.raises(SourceError, match=r"pixels 20 times as wide as high; expected 1/8 to 8"):
        VideoFile(path)
