"""Faces laid into 640x480 frames, by known sizes, turns and disturbances: what a detector's recall is measured on.

Every face has a generator of its own, so that it stands over the same background in every trial, is turned and shaken
to the same side at every amount, and rows differ by the amount alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from facetrack.geometry import points_box, transform
from facetrack.types import Floats, Image
from facetrain.evaluation.landmarks.corruptions import line_kernel
from facetrain.samples.pictures import FacePicture

Rng = np.random.Generator
Corruption = Callable[[Image, Floats, Rng], Image]
"""(frame, (4,) box of the face in it, generator) -> the frame as a bad camera or place would give it."""
FRAME = (640, 480)
SEED = 20
SIZES_PX = (24, 30, 40, 60, 120, 240)
TURNS_DEG = (0, 15, 30, 45, 60)
TURNED_PX = (120, 60)
CORRUPTED_PX = 120


@dataclass(frozen=True, slots=True)
class Condition:
    """group, name: of its row. amount: on its group's axis, NaN where there is none."""

    group: str
    name: str
    amount: float
    size_px: float
    turn_deg: float = 0.0
    corrupt: Corruption | None = None


def frames(
    condition: Condition, faces: list[FacePicture], empties: list[FacePicture], count: int
) -> Iterator[tuple[Image, Floats, Floats]]:
    """`count` times (frame, (1, 4) true box, (0, 4) ignored boxes). Where there are fewer faces they come again,
    elsewhere and mirrored; every second is turned to the left."""
    for i in range(count):
        rng = np.random.default_rng((SEED, i))
        picture, again = faces[i % len(faces)], i // len(faces)
        background: Image = cv2.resize(empties[i % len(empties)].decode(), FRAME)  # type: ignore[assignment]
        turn = condition.turn_deg if i % 2 else -condition.turn_deg
        frame, box = paste_face(
            picture.decode(), picture.outlines[0], background, condition.size_px, turn, rng, bool(again % 2)
        )
        if condition.corrupt is not None:
            frame = condition.corrupt(frame, box, rng)
        yield frame, box[None], np.zeros((0, 4), np.float32)


def paste_face(
    picture: Image, outline: Floats, background: Image, size_px: float, turn_deg: float, rng: Rng, mirror: bool = False
) -> tuple[Image, Floats]:
    """The picture, its face's longer side `size_px` before it is turned clockwise by `turn_deg`, over the background.

    outline: (68, 2) px. Returns the frame and the (4,) extent of the turned outline: what a detector must find.
    """
    if mirror:
        picture, outline = picture[:, ::-1], outline * [-1, 1] + [picture.shape[1] - 1, 0]
    scale = size_px / float(np.ptp(outline, axis=0).max())
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    ratio = np.array(small.shape[1::-1]) / np.array(picture.shape[1::-1])
    points = (outline + 0.5) * ratio - 0.5
    size = np.array(background.shape[1::-1])
    target = size / 2 + rng.uniform(-0.3, 0.3, 2) * np.maximum(0, size - size_px)
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    # Whole px where nothing is turned: or else the smallest faces are resampled once more than a camera would.
    matrix = np.column_stack([turn, np.round(target - turn @ middle) if turn_deg == 0 else target - turn @ middle])
    frame = background.copy()
    cv2.warpAffine(small, matrix, frame.shape[1::-1], dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
    return frame, points_box(transform(points, matrix))


def low_light(image: Image, box: Floats, rng: Rng, gain: float) -> Image:
    """A dim room: the light times `gain`, the sensor's noise (sigma 6 of 255) as it was."""
    return _clipped(image * np.float32(gain) + 6 * rng.standard_normal(image.shape, np.float32))


def gaussian_noise(image: Image, box: Floats, rng: Rng, sigma: float) -> Image:
    """Grey noise of standard deviation `sigma` of 255."""
    return _clipped(image + np.float32(sigma) * rng.standard_normal((*image.shape[:2], 1), np.float32))


def gaussian_blur(image: Image, box: Floats, rng: Rng, share: float) -> Image:
    """Gaussian blur with a sigma of `share` of the face's longer side."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), share * _side(box)), np.uint8)


def motion_blur(image: Image, box: Floats, rng: Rng, share: float) -> Image:
    """Motion blur along `share` of the face's longer side, in a random direction."""
    kernel = line_kernel(share * _side(box), float(rng.uniform(0, np.pi)))
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def side_light(image: Image, box: Floats, rng: Rng, gain: float) -> Image:
    """A lamp at one side: the light falls evenly to `least` of itself from one edge of the face to the other."""
    across = np.clip((np.arange(image.shape[1]) - box[0]) / (box[2] - box[0]), 0, 1)
    across = across if rng.random() < 0.5 else 1 - across
    return _clipped(image * (gain + (1 - gain) * across)[None, :, None])


def occlude(image: Image, box: Floats, rng: Rng, edge: int) -> Image:
    """One half of the face behind something of one colour, or of coarse texture.

    edge: 0 the left half in the picture, 1 the upper, 2 the right, 3 the lower one. It reaches a tenth beyond the box,
    and over the forehead, which is not in the box.
    """
    x0, y0, x1, y1 = occlusion_box(box, edge, image)
    colour = rng.integers(0, 256, 3)
    image = image.copy()
    image[y0:y1, x0:x1] = colour
    if rng.random() < 0.5 and x1 > x0 and y1 > y0:
        coarse = np.clip(colour + rng.normal(0, 40, (6, 6, 3)), 0, 255).astype(np.uint8)
        image[y0:y1, x0:x1] = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_CUBIC)
    return image


def occlusion_box(box: Floats, edge: int, image: Image) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the patch in whole px within the picture; the last column and row are not in it."""
    side = box[2:] - box[:2]
    patch = np.concatenate([box[:2] - [0.1, 0.35] * side, box[2:] + 0.1 * side])
    patch[(edge + 2) % 4] = ((box[:2] + box[2:]) / 2)[edge % 2]
    limit = np.tile(image.shape[1::-1], 2)
    x0, y0, x1, y1 = np.clip(np.round(patch), 0, limit).astype(int).tolist()
    return x0, y0, x1, y1


CORRUPTIONS: dict[str, Corruption] = {
    "dark, a quarter of the light": partial(low_light, gain=0.25),
    "dark, an eighth of the light": partial(low_light, gain=0.12),
    "Gaussian blur, 5 % of its size": partial(gaussian_blur, share=0.05),
    "motion blur, 15 % of its size": partial(motion_blur, share=0.15),
    "upper half covered": partial(occlude, edge=1),
    "lower half covered": partial(occlude, edge=3),
    "left half covered": partial(occlude, edge=0),
    "right half covered": partial(occlude, edge=2),
    "strong side light": partial(side_light, gain=0.08),
    "grey noise, sigma 25": partial(gaussian_noise, sigma=25.0),
}
SIZE_GROUP = "recall by size in a 640x480 frame"
TURN_GROUP = "recall, turned in the plane"
CORRUPTED_GROUP = f"recall, {CORRUPTED_PX} px, disturbed"
CONDITIONS: tuple[Condition, ...] = (
    *(Condition(SIZE_GROUP, f"{size} px", size, size) for size in SIZES_PX),
    *(
        Condition(TURN_GROUP, f"{size} px, {turn} degrees", turn, size, turn)
        for size in TURNED_PX
        for turn in TURNS_DEG
    ),
    *(
        Condition(CORRUPTED_GROUP, name, float("nan"), CORRUPTED_PX, 0, corrupt)
        for name, corrupt in CORRUPTIONS.items()
    ),
)


def _side(box: Floats) -> float:
    return float((box[2:] - box[:2]).max())


def _clipped(image: np.ndarray) -> Image:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
