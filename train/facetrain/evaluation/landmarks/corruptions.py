"""What goes wrong in front of a camera and behind a detector, by a known amount: for curves of robustness.

Every picture is disturbed by a generator of its own, so that a face is turned to the same side and shaken in the same
direction at every amount, and curves differ by the amount alone. Lengths are shares of the face's longer side, so that
the curves of different sets compare.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from facetrack.geometry import CropBox, crop_matrix, cut, points_box, transform
from facetrack.types import Image
from facetrain.sample import Sample, face_extent, resized

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Move:
    """A box moved by x, y of its own sides, and made `scale` times as large around its new middle."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Corruption:
    """name: also the heading. unit: what the amounts are, in words. amounts: in the order of the curve. neutral: the
    amount that changes nothing, None where each does. log: whether the amounts belong on a logarithmic axis.

    One of two: picture disturbs what is seen, box moves where the network looks.
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    neutral: float | None
    picture: Callable[[Sample, float, Rng], Sample] | None = None
    box: Callable[[float, Rng], Move] | None = None
    log: bool = False

    def rng(self, sample: Sample) -> Rng:
        """The same for this face at every amount and in every run."""
        return np.random.default_rng(zlib.crc32(f"{self.name}/{sample.name}".encode()))


def shift_box(amount: float, rng: Rng) -> Move:
    """Moved by `amount` % of its side, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return Move(float(amount / 100 * np.cos(angle)), float(amount / 100 * np.sin(angle)))


def scale_box(amount: float, rng: Rng) -> Move:
    """Made `amount` times as large."""
    return Move(scale=amount)


def rotate(sample: Sample, amount: float, rng: Rng) -> Sample:
    """The picture turned by `amount` degrees to a random side, around the face; black beyond its edges."""
    side = max(sample.image.shape[:2])
    x0, y0, x1, y1 = (float(v) for v in points_box(sample.points))
    sign = 1 if rng.random() < 0.5 else -1
    crop = CropBox((x0 + x1) / 2, (y0 + y1) / 2, side, float(np.deg2rad(sign * amount)))
    return replace(
        sample, image=cut(sample.image, crop, side), points=transform(sample.points, crop_matrix(crop, side))
    )


def downscale(sample: Sample, amount: float, rng: Rng) -> Sample:
    """The whole picture reduced (or enlarged) until the face's longer side is `amount` px."""
    scale = amount / face_extent(sample.points)
    if abs(scale - 1) < 0.01:  # a hundredth would only cost a resampling
        return sample
    image, points = resized(sample.image, sample.points, scale)
    return replace(sample, image=image, points=points)


def gaussian_noise(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Independent Gaussian noise of standard deviation `amount` on every pixel and channel, clipped to 0..255."""
    noisy = sample.image + np.float32(amount) * rng.standard_normal(sample.image.shape, np.float32)
    return replace(sample, image=np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def gaussian_blur(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Gaussian blur with a sigma of `amount` % of the face's side."""
    sigma = amount / 100 * face_extent(sample.points)
    return replace(sample, image=np.asarray(cv2.GaussianBlur(sample.image, (0, 0), sigma), np.uint8))


def motion_blur(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Motion blur along `amount` % of the face's side, in a random direction, the true points in its middle."""
    kernel = line_kernel(amount / 100 * face_extent(sample.points), float(rng.uniform(0, np.pi)))
    image = cv2.filter2D(sample.image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return replace(sample, image=np.asarray(image, np.uint8))


def line_kernel(length_px: float, angle_rad: float) -> np.ndarray:
    """(K, K) float32, sum 1, K odd: an even line through the middle, each of its points shared by the four pixels
    around it."""
    half = int(np.ceil(length_px / 2)) + 1
    along = np.linspace(-length_px / 2, length_px / 2, 8 * half + 1)
    x, y = half + along * np.cos(angle_rad), half + along * np.sin(angle_rad)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float64)
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - (x - left)) * np.abs(1 - dy - (y - top))
            np.add.at(kernel, (np.minimum(top + dy, 2 * half), np.minimum(left + dx, 2 * half)), share)
    return (kernel / kernel.sum()).astype(np.float32)


def gamma(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Every value v becomes 255 (v / 255) ^ amount: below 1 lighter, above 1 darker."""
    table = np.rint(255 * (np.arange(256) / 255) ** amount).astype(np.uint8)
    return replace(sample, image=np.asarray(cv2.LUT(sample.image, table), np.uint8))


def jpeg(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Encoded with quality `amount` and decoded."""
    data = cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, int(amount)])[1]
    image: Image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return replace(sample, image=image)


ALL: tuple[Corruption, ...] = (
    Corruption("box shifted", "% of its side", (0, 5, 10, 15), 0, box=shift_box),
    Corruption("box scaled", "times its side", (0.8, 0.9, 1, 1.1, 1.25), 1, box=scale_box),
    Corruption("turned in the plane", "degrees", (0, 15, 30, 45), 0, rotate),
    Corruption("face size", "px, longer side", (20, 30, 50, 100, 200), None, downscale, log=True),
    Corruption("sensor noise", "sigma, grey levels of 255", (0, 5, 10, 20, 30), 0, gaussian_noise),
    Corruption("Gaussian blur", "sigma, % of the face's side", (0, 1, 2, 3, 4), 0, gaussian_blur),
    Corruption("motion blur", "length, % of the face's side", (0, 5, 10, 15, 20), 0, motion_blur),
    Corruption("gamma", "exponent", (0.3, 0.5, 0.7, 1, 1.5, 2, 3), 1, gamma, log=True),
    Corruption("JPEG", "quality", (5, 10, 20, 40, 80), None, jpeg, log=True),
)
