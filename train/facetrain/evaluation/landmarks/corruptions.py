"""Image and box corruptions of known severity, for robustness curves (after Hendrycks and Dietterich, ICLR 2019).

Every sample has its own random generator, so that directions of rotation and motion blur are the same at every amount
and curves differ by the amount alone. Lengths are shares of the face's longer side, so that curves of different data
sets are comparable.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from facetrack.geometry import CropBox, crop_matrix, cut, points_box, transform
from facetrain.augment import webcam
from facetrain.sample import Sample, face_extent, resized

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Move:
    """Change of a box: shift by (x, y) in sides of the box, then scaling by `scale` around the new centre."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Corruption:
    """Corruption of an image or of a box; either `picture` or `box` is set.

    name: also the heading in reports, and the seed of the random generators
    unit: unit of the amounts
    amounts: in the order of the curve
    neutral: amount that changes nothing, None if there is none
    picture: function that corrupts the image
    box: function that draws the change of the box
    log: whether the axis of the amounts is logarithmic
    """

    name: str
    unit: str
    amounts: tuple[float, ...]
    neutral: float | None
    picture: Callable[[Sample, float, Rng], Sample] | None = None
    box: Callable[[float, Rng], Move] | None = None
    log: bool = False

    def rng(self, sample: Sample) -> Rng:
        """Return the sample's random generator, the same at every amount and in every run."""
        return np.random.default_rng(zlib.crc32(f"{self.name}/{sample.name}".encode()))


def shift_box(amount: float, rng: Rng) -> Move:
    """Shift the box by `amount` % of its side, in a random direction."""
    angle = rng.uniform(0, 2 * np.pi)
    return Move(float(amount / 100 * np.cos(angle)), float(amount / 100 * np.sin(angle)))


def scale_box(amount: float, rng: Rng) -> Move:
    """Scale the box by the factor `amount`."""
    return Move(scale=amount)


def rotate(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Rotate the image by `amount` degrees to a random side, around the face; black beyond its edges."""
    side = max(sample.image.shape[:2])
    x0, y0, x1, y1 = (float(v) for v in points_box(sample.points))
    sign = 1 if rng.random() < 0.5 else -1
    crop = CropBox((x0 + x1) / 2, (y0 + y1) / 2, side, float(np.deg2rad(sign * amount)))
    return replace(
        sample, image=cut(sample.image, crop, side), points=transform(sample.points, crop_matrix(crop, side))
    )


def downscale(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Resize the whole image so that the face's longer side is `amount` px."""
    scale = amount / face_extent(sample.points)
    if abs(scale - 1) < 0.01:  # too little to be worth the blur of a resampling
        return sample
    image, points = resized(sample.image, sample.points, scale)
    return replace(sample, image=image, points=points)


def gaussian_noise(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Add independent Gaussian noise of standard deviation `amount` to every pixel and channel."""
    return replace(sample, image=webcam.sensor_noise(sample.image, amount, rng))


def gaussian_blur(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Apply Gaussian blur with a sigma of `amount` % of the face's side."""
    sigma = amount / 100 * face_extent(sample.points)
    return replace(sample, image=np.asarray(cv2.GaussianBlur(sample.image, (0, 0), sigma), np.uint8))


def motion_blur(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Apply motion blur of length `amount` % of the face's side, in a random direction, centred on the labels."""
    kernel = line_kernel(amount / 100 * face_extent(sample.points), float(rng.uniform(0, np.pi)))
    image = cv2.filter2D(sample.image, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return replace(sample, image=np.asarray(image, np.uint8))


def line_kernel(length_px: float, angle_rad: float) -> np.ndarray:
    """Return the (K, K) float32 kernel of a uniform line through its centre, K odd, sum 1.

    Each point of the line is distributed bilinearly over the four pixels around it.
    """
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
    """Map every value v to 255 (v / 255) ^ amount: brighter below 1, darker above 1."""
    table = np.rint(255 * (np.arange(256) / 255) ** amount).astype(np.uint8)
    return replace(sample, image=np.asarray(cv2.LUT(sample.image, table), np.uint8))


def jpeg(sample: Sample, amount: float, rng: Rng) -> Sample:
    """Encode the image as JPEG with quality `amount`, and decode it."""
    return replace(sample, image=webcam.jpeg(sample.image, int(amount)))


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
