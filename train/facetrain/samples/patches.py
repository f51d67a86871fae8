"""Compositing of photographs of single mouths into faces: reliable labels, but no face around them.

The photograph's corners of the mouth are aligned with the face's, its colours are matched to the surrounding skin, and
its border is blended.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Image

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class PatchFrame:
    """Position of the two corners of the mouth in a data set's photographs, and its spread.

    first_x, second_x, y: corners as shares of width and height, estimated visually.
    shift: standard deviation of the position, in distances between the corners.
    log_scale: standard deviation of the scale's logarithm.
    turn_deg: standard deviation of the rotation.
    """

    first_x: float
    second_x: float
    y: float
    shift: float = 0.05
    log_scale: float = 0.08
    turn_deg: float = 4.0

    def corners(self, patch: Image) -> NDArray[np.float64]:
        """Return the (2, 2) corners in the photograph, px."""
        height, width = patch.shape[:2]
        return np.array([[self.first_x * width, self.y * height], [self.second_x * width, self.y * height]]) - 0.5


MOUTHS = PatchFrame(0.16, 0.84, 0.5)
NO_JITTER = {"shift": 0.0, "log_scale": 0.0, "turn_deg": 0.0}
OPAQUE_RADIUS = 0.7
"""Share of the inscribed ellipse's radius up to which the photograph is opaque; at the rim it is transparent."""
CONTRAST = (0.5, 1.6)
"""Limits of the gain that matches the photograph to the skin: more would amplify the highlights of a dark one."""
GREY_SPREAD = 4.0
"""Mean channel difference below which the image counts as grey; the photograph is then pasted in grey."""
MIN_PX = 14.0
"""Smallest distance between the corners: in a smaller mouth the state of the photograph is not recognisable."""
CORNERS = [topology.MOUTH_RIGHT, topology.MOUTH_LEFT]
"""Both corners of the mouth, from image left to image right in a frontal face."""


def fits(points: Floats) -> bool:
    """Return whether the corners of the mouth are known and far enough apart to paste a photograph."""
    corners = points[CORNERS]
    return bool(np.isfinite(corners).all() and np.linalg.norm(corners[1] - corners[0]) >= MIN_PX)


def paste_patch(image: Image, points: Floats, patch: Image, frame: PatchFrame, rng: Rng) -> Image:
    """Paste `patch` over the mouth of a face, first corner on first corner, jittered by `frame`.

    image: (H, W, 3). points: (68, 2) px. Returns a new image.
    """
    target = points[CORNERS].astype(np.float64)
    along = target[1] - target[0]
    width = float(np.linalg.norm(along))
    turn = np.deg2rad(rng.normal(0, 1) * frame.turn_deg)
    scale = float(np.exp(rng.normal(0, 1) * frame.log_scale))
    middle = target.mean(axis=0) + rng.normal(0, 1, 2) * frame.shift * width
    patch, matrix = _align(patch, frame, middle, along * scale, turn)
    return _blend(image, patch, matrix)


def _align(
    patch: Image, frame: PatchFrame, middle: NDArray[np.float64], along: NDArray[np.float64], turn: float
) -> tuple[Image, NDArray[np.float64]]:
    """Return the photograph, downscaled for bilinear sampling, and its (2, 3) affine map into the image."""
    corners = frame.corners(patch)
    ratio = float(np.linalg.norm(along) / np.linalg.norm(corners[1] - corners[0]))
    if ratio < 0.7:
        size = [max(4, round(side * ratio * 1.2)) for side in patch.shape[1::-1]]
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
        corners = frame.corners(patch)
    # A similarity transform (rotation and scale) is multiplication by one complex number.
    factor = complex(*along) * np.exp(1j * turn) / complex(*(corners[1] - corners[0]))
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return patch, np.column_stack([linear, middle - linear @ corners.mean(axis=0)])


def _blend(image: Image, patch: Image, matrix: NDArray[np.float64]) -> Image:
    height, width = patch.shape[:2]
    # The part of the image that the warped photograph covers.
    rim = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ matrix[:, :2].T + matrix[:, 2]
    low = np.maximum(np.floor(rim.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(rim.max(axis=0)) + 1, image.shape[1::-1]).astype(int)
    if (high - low < 2).any():
        return image
    moved = matrix.copy()
    moved[:, 2] -= low
    size = tuple(int(side) for side in high - low)
    warped = cv2.warpAffine(patch, moved, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    mask = cv2.warpAffine(_mask(width, height), moved, size)[..., None]
    background = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    # Match the mean colour on the blended ring, and the contrast within limits.
    ring = ((mask > 0.05) & (mask < 0.8)).astype(np.float32)
    ring_px = float(ring.sum())
    if ring_px < 1:
        return image
    if np.ptp(background, axis=2).mean() < GREY_SPREAD:
        warped = np.repeat(warped.mean(axis=2, keepdims=True), 3, axis=2)
    skin_mean, patch_mean = (background * ring).sum((0, 1)) / ring_px, (warped * ring).sum((0, 1)) / ring_px
    matched = skin_mean + (warped - patch_mean) * np.clip((skin_mean + 1) / (patch_mean + 1), *CONTRAST)
    out = image.copy()
    mixed = background + mask * (np.clip(matched, 0, 255) - background)
    out[low[1] : high[1], low[0] : high[0]] = np.round(mixed).astype(np.uint8)
    return out


def _mask(width: int, height: int) -> Floats:
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = (np.arange(height) + 0.5) / height * 2 - 1
    radius = np.sqrt(x[None] ** 2 + y[:, None] ** 2)
    return np.clip((1 - radius) / (1 - OPAQUE_RADIUS), 0, 1).astype(np.float32)
