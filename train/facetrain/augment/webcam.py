"""Webcam augmentation of training images: geometry, light, blur, noise, compression, occlusion.

Every function takes its random generator; nothing else is random.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.errors import DataError
from facetrack.geometry import CropBox, crop_matrix
from facetrack.types import Floats, Image
from facetrain.augment.thirtyfold import CROP_OFFSETS, PIXEL_FILTERS

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """Probabilities and ranges of the augmentations.

    rotation_deg: standard deviation of the crop's rotation.
    wide_rotation_deg: half range of the uniform rotation used for a fifth of the samples.
    shift: largest shift of the crop, relative to the face extent.
    scale: range of the factor on the crop's side.
    blink: probability of synthetically closed eyes (see `augment.eyelids`).
    thirtyfold: one of thirty fixed versions (see `augment.thirtyfold`) instead of random rotation, shift and scale; the
        other augmentations still apply.
    All other fields are probabilities.

    The defaults are the preset "webcam". In a recipe or by --set, `preset` starts a section from another preset, and
    the section's other keys override it: `crops.augment.preset = "none"`, `crops.augment.flip = 0.5`.
    """

    rotation_deg: float = 12.0
    wide_rotation_deg: float = 45.0
    shift: float = 0.12
    scale: tuple[float, float] = (0.82, 1.22)
    flip: float = 0.5
    blink: float = 0.12
    light: float = 0.7
    grey: float = 0.15
    blur: float = 0.2
    noise: float = 0.3
    jpeg: float = 0.15
    low_resolution: float = 0.2
    occlusion: float = 0.3
    thirtyfold: bool = False

    @classmethod
    def preset(cls, name: str) -> AugmentOptions:
        """Return a preset by its name. Raises DataError for an unknown one."""
        if name not in PRESETS:
            raise DataError(f"there is no augmentation preset '{name}'; expected one of {', '.join(PRESETS)}")
        return PRESETS[name]


NONE = AugmentOptions(
    rotation_deg=0, wide_rotation_deg=0, shift=0, scale=(1, 1), flip=0, blink=0, light=0, grey=0, blur=0, noise=0,
    jpeg=0, low_resolution=0, occlusion=0,
)  # fmt: skip
PRESETS = {
    "webcam": AugmentOptions(),
    "none": NONE,
    "flip": replace(NONE, flip=0.5),
    "thirtyfold": replace(NONE, thirtyfold=True),
}
"""Augmentation presets. All of them fill the area outside the image at random (see `warp`).

webcam: all augmentations.
none: exact crops.
flip: horizontal mirroring only.
thirtyfold: the fixed set of `augment.thirtyfold` only.
"""


def random_crop(points: Floats, margin: float, rng: Rng, options: AugmentOptions) -> CropBox:
    """Draw a rotated, shifted and scaled crop around the points, as a detector or tracker might give it.

    points: (K, 2) px, NaN where missing. margin: side of the unscaled crop over the points' extent in the crop's axes.
    """
    if options.thirtyfold:
        offset = CROP_OFFSETS[int(rng.integers(len(CROP_OFFSETS)))]
        return _offset_crop(points, margin, np.deg2rad(offset.roll_deg), np.array([offset.x, offset.y]), 1.0)
    wide = rng.random() < 0.2
    limit = options.wide_rotation_deg
    degrees = rng.uniform(-limit, limit) if wide else rng.normal(0, options.rotation_deg)
    roll = float(np.deg2rad(np.clip(degrees, -limit, limit)))
    shift = rng.uniform(-options.shift, options.shift, 2)
    return _offset_crop(points, margin, roll, shift, float(np.exp(rng.uniform(*np.log(options.scale)))))


def _offset_crop(points: Floats, margin: float, roll: float, shift: NDArray[np.float64], scale: float) -> CropBox:
    """Return the crop around the points in axes rotated by `roll` radians, shifted by `shift` extents along them."""
    # Extent in the crop's axes; its shifted middle is rotated back to image px.
    cos, sin = np.cos(roll), np.sin(roll)
    turned = points @ np.array([[cos, -sin], [sin, cos]], np.float32)
    low, high = np.nanmin(turned, axis=0), np.nanmax(turned, axis=0)
    extent = float((high - low).max())
    middle = (low + high) / 2 + shift * extent
    x, y = cos * middle[0] - sin * middle[1], sin * middle[0] + cos * middle[1]
    return CropBox(float(x), float(y), margin * extent * scale, float(roll))


def warp(image: Image, crop: CropBox, out_px: int, rng: Rng) -> tuple[Image, NDArray[np.float64]]:
    """Return the (out_px, out_px, 3) crop and its (2, 3) affine map from image px to crop px.

    The area outside the image is black, a plain colour or the replicated edge: with black alone a network would learn
    the border as a cue.
    """
    matrix = crop_matrix(crop, out_px)
    border = rng.choice([cv2.BORDER_CONSTANT, cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])
    value = (0, 0, 0) if rng.random() < 0.6 else tuple(int(v) for v in rng.integers(0, 256, 3))
    if crop.size_px > 1.8 * out_px:
        # warpAffine does not average: blur first, as `geometry.cut` does at inference.
        image = cv2.blur(image, (2, 2))  # type: ignore[assignment]
    warped = cv2.warpAffine(
        image, matrix, (out_px, out_px), flags=cv2.INTER_LINEAR, borderMode=int(border), borderValue=value
    )
    return warped, matrix  # type: ignore[return-value]


def flip(image: Image, points: Floats, weight: Floats) -> tuple[Image, Floats, Floats]:
    """Mirror the image horizontally and swap left and right points."""
    mirrored = points[topology.FLIP].copy()
    mirrored[:, 0] = image.shape[1] - 1 - mirrored[:, 0]
    return np.ascontiguousarray(image[:, ::-1]), mirrored, weight[topology.FLIP]


def corrupt(image: Image, rng: Rng, options: AugmentOptions) -> Image:
    """Apply random occlusion, light, colour, blur, low resolution, noise and JPEG, in a camera's order."""
    if options.thirtyfold:
        image = PIXEL_FILTERS[int(rng.integers(len(PIXEL_FILTERS)))](image)
    if rng.random() < options.occlusion:
        image = occlude(image, rng)
    if rng.random() < options.light:
        image = colour_jitter(image, rng)
    if rng.random() < options.grey:
        image = grey(image)
    if rng.random() < options.blur:
        image = blur(image, rng)
    if rng.random() < options.low_resolution:
        image = downscale(image, rng)
    if rng.random() < options.noise:
        sigma = rng.uniform(2, 16)
        noisy = image + sigma * rng.standard_normal(image.shape, np.float32)
        image = np.clip(noisy, 0, 255).astype(np.uint8)
    if rng.random() < options.jpeg:
        image = jpeg(image, int(rng.integers(20, 80)))
    return image


def grey(image: Image) -> Image:
    """Return (H, W, 3) BGR without its colours."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR), np.uint8)


def sensor_noise(image: Image, sigma: float, rng: Rng) -> Image:
    """Add Gaussian noise of this standard deviation to every pixel and channel, rounded and clipped to 0..255."""
    noisy = image + np.float32(sigma) * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def jpeg(image: Image, quality: int) -> Image:
    """Encode as JPEG of a quality of 0 to 100, and decode."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def colour_jitter(image: Image, rng: Rng) -> Image:
    """Vary gamma, contrast, brightness and the gain per channel by one look-up table; sometimes add a side light."""
    ramp = np.linspace(0, 1, 256)[:, None]
    gamma = np.exp(rng.normal(0, 0.3))
    gain = np.exp(rng.normal(0, 0.2)) * np.exp(rng.normal(0, 0.06, 3))
    table = np.clip((ramp**gamma * gain + rng.normal(0, 0.08)) * 255, 0, 255).astype(np.uint8)
    out = cv2.LUT(image, table[None])
    if rng.random() < 0.2:
        out = side_light(out, rng)  # type: ignore[arg-type]
    return out  # type: ignore[return-value]


def side_light(image: Image, rng: Rng) -> Image:
    """Apply a linear brightness gradient, as of light from a window."""
    height, width = image.shape[:2]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.7)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None] * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None, None] * np.float32(np.sin(angle))
    return np.clip(image * (1 + np.float32(strength) * (x + y) / 1.4), 0, 255).astype(np.uint8)


def blur(image: Image, rng: Rng) -> Image:
    """Apply defocus or motion blur, up to a twentieth of the crop."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.5, 2.2)))  # type: ignore[return-value]
    length = int(rng.integers(3, 9))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    dx, dy = middle * np.cos(angle), middle * np.sin(angle)
    ends = [(round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))]
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[return-value]


def downscale(image: Image, rng: Rng) -> Image:
    """Downscale to 24 px or more and upscale again, to simulate a face that is small in the frame."""
    height, width = image.shape[:2]
    small = int(rng.integers(24, max(25, width * 3 // 4)))
    down = cv2.resize(image, (small, small * height // width), interpolation=cv2.INTER_AREA)
    return cv2.resize(down, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def occlude(image: Image, rng: Rng) -> Image:
    """Occlude up to a quarter of the crop by a plain or noisy rectangle or ellipse, as by a hand, a cup or hair."""
    height, width = image.shape[:2]
    size = np.array([width, height]) * rng.uniform(0.1, 0.5, 2)
    centre = rng.uniform(0, 1, 2) * [width, height]
    mask = np.zeros((height, width), np.uint8)
    if rng.random() < 0.5:
        low, high = (centre - size / 2).astype(int), (centre + size / 2).astype(int)
        cv2.rectangle(mask, low.tolist(), high.tolist(), 255, -1)
    else:
        cv2.ellipse(mask, (centre.tolist(), size.tolist(), float(rng.uniform(0, 180))), 255, -1)
    colour = rng.integers(0, 256, 3).astype(np.float32)
    coarse = colour + (rng.normal(0, 40, (6, 6, 3)) if rng.random() < 0.5 else np.zeros((6, 6, 3)))
    cover = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    out = image.copy()
    inside = mask > 0
    out[inside] = np.clip(cover[inside], 0, 255).astype(np.uint8)
    return out
