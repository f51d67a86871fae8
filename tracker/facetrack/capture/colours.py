"""High dynamic range and wide gamuts (BT.2100, BT.2020, P3) converted to the BT.709 that everything after expects.

The networks learned from BT.709 pictures, and the written videos are tagged as such. Diffuse white, 203 cd/m2 in HDR
(ITU-R BT.2408, table 1), becomes white in BT.709; lights above it are compressed.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats, Image

PQ, HLG = 16, 18
"""Transfer characteristics by ITU-T H.273, table 3: SMPTE ST 2084 and ARIB STD-B67."""
WHITE = 203.0
"""Luminance of diffuse white, cd/m2 (BT.2408)."""
PEAK = 1000.0
"""Luminance of the display that HLG is shown on, cd/m2; its system gamma is 1.2 (BT.2100, note 5f)."""
GAMMA = 2.4
"""Of a BT.709 display (ITU-R BT.1886)."""
KNEE = 0.8
"""Linear level from which highlights are compressed, so that lights above diffuse white keep a difference."""
XY_WHITE = (0.3127, 0.3290)
"""D65, the white of all these gamuts."""
XY_BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
XY_PRIMARIES = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # SMPTE EG 432-1, Display P3
}
"""Wide gamuts by H.273, table 2: chromaticities x, y of red, green and blue."""


def needs_conversion(transfer: int, primaries: int) -> bool:
    """Return whether a picture with these codes of ITU-T H.273 is HDR or has a wide gamut."""
    return transfer in (PQ, HLG) or primaries in XY_PRIMARIES


def to_bt709(image: NDArray[np.uint16], transfer: int, primaries: int) -> Image:
    """Convert (H, W, 3) uint16 BGR to (H, W, 3) uint8 BGR of BT.709. transfer, primaries: codes of H.273.

    A picture in PQ or HLG that names no primaries has BT.2020's: BT.2100 knows no others.
    """
    if primaries not in XY_PRIMARIES and transfer in (PQ, HLG):
        primaries = 9
    linear = _linear_table(transfer)[image]
    if transfer == HLG:  # the display's gamma acts on luminance: Y = Ys^1.2 (BT.2100, table 5)
        blue, green, red = cv2.split(linear)
        luminance = 0.2627 * red + 0.6780 * green + 0.0593 * blue
        linear *= np.power(luminance, 0.2)[..., None] * np.float32(PEAK / WHITE)
    linear = np.maximum(cv2.transform(linear, _matrix(primaries)), 0)
    return _encoded(linear if transfer not in (PQ, HLG) else _compressed(linear))


@cache
def _linear_table(transfer: int) -> Floats:
    """(65536,) linear light of each code value: PQ 1 at diffuse white, HLG the scene's 0..1, else 1 at white."""
    code = np.arange(65536) / 65535
    if transfer == PQ:  # SMPTE ST 2084: m1, m2, c1, c2, c3
        root = code ** (1 / 78.84375)
        light = (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (light * 10_000 / WHITE).astype(np.float32)
    if transfer == HLG:  # ARIB STD-B67: a, b, c
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32)
    return (code**GAMMA).astype(np.float32)


@cache
def _matrix(primaries: int) -> NDArray[np.float32]:
    """(3, 3) linear BGR of the gamut to linear BGR of BT.709."""
    to_bt709 = np.linalg.inv(_to_xyz(XY_BT709)) @ _to_xyz(XY_PRIMARIES.get(primaries, XY_BT709))
    return to_bt709[::-1, ::-1].astype(np.float32)


def _to_xyz(primaries: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """(3, 3) linear RGB to XYZ (SMPTE RP 177)."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*primaries, XY_WHITE)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def _compressed(linear: NDArray[Any]) -> NDArray[Any]:
    """Scale each pixel so that its largest channel stays below 1; unchanged up to KNEE, smooth there."""
    largest = linear.max(axis=2)
    above = np.maximum(largest - KNEE, 0)
    shown = np.minimum(largest, KNEE) + (1 - KNEE) * (1 - np.exp(-above / (1 - KNEE)))
    return linear * (shown / np.maximum(largest, 1e-9))[..., None]


def _encoded(linear: NDArray[Any]) -> Image:
    return _encoding_table()[np.minimum(linear * 65535 + 0.5, 65535).astype(np.uint16)]


@cache
def _encoding_table() -> Image:
    """(65536,) code value of linear light in sixteen bits, by the inverse of BT.1886."""
    return np.round(255 * (np.arange(65536) / 65535) ** (1 / GAMMA)).astype(np.uint8)
