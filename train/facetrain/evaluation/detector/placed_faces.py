"""Faces pasted into 640x480 frames with known size, in-plane rotation and corruption, to measure recall.

Every face has its own random generator: background, position, and the directions of rotation and motion blur are the
same under every condition, so that rows differ by the condition alone.
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
"""Function from (frame, (4,) box of the face, random generator) to the corrupted frame."""
FRAME = (640, 480)
SEED = 20
SIZES_PX = (24, 30, 40, 60, 120, 240)
TURNS_DEG = (0, 15, 30, 45, 60, 90, 135, 180)
TURNED_PX = (120, 60)
CORRUPTED_PX = 120


@dataclass(frozen=True, slots=True)
class Condition:
    """Condition of a row.

    group, name: of the row
    amount: position on the group's axis, NaN without
    """

    group: str
    name: str
    amount: float
    size_px: float
    turn_deg: float = 0.0
    corrupt: Corruption | None = None


def frames(
    condition: Condition, faces: list[FacePicture], empties: list[FacePicture], count: int
) -> Iterator[tuple[Image, Floats, Floats]]:
    """Yield `count` times (frame, (1, 4) ground truth box, (0, 4) ignored boxes).

    If there are fewer faces, they are reused at other positions and every second time mirrored. The direction of
    rotation alternates.
    """
    for i in range(count):
        rng = np.random.default_rng((SEED, i))
        picture, repetition = faces[i % len(faces)], i // len(faces)
        background: Image = cv2.resize(empties[i % len(empties)].decode(), FRAME)  # type: ignore[assignment]
        turn = condition.turn_deg if i % 2 else -condition.turn_deg
        frame, box = paste_face(
            picture.decode(), picture.outlines[0], background, condition.size_px, turn, rng, bool(repetition % 2)
        )
        if condition.corrupt is not None:
            frame = condition.corrupt(frame, box, rng)
        yield frame, box[None], np.zeros((0, 4), np.float32)


def paste_face(
    picture: Image, outline: Floats, background: Image, size_px: float, turn_deg: float, rng: Rng, mirror: bool = False
) -> tuple[Image, Floats]:
    """Paste the face into the background at a given size and in-plane rotation.

    outline: (68, 2) px of the picture
    size_px: longer side of the face before the rotation
    turn_deg: clockwise rotation
    Returns the frame and the (4,) extent of the rotated outline, the ground truth box.
    """
    if mirror:
        picture, outline = picture[:, ::-1], outline * [-1, 1] + [picture.shape[1] - 1, 0]
    scale = size_px / float(np.ptp(outline, axis=0).max())
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=interpolation)
    # The resized picture has whole px: use the actual ratio, and keep pixel centres aligned.
    ratio = np.array(small.shape[1::-1]) / np.array(picture.shape[1::-1])
    points = (outline + 0.5) * ratio - 0.5
    size = np.array(background.shape[1::-1])
    target = size / 2 + rng.uniform(-0.3, 0.3, 2) * np.maximum(0, size - size_px)
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    # Whole px without rotation: otherwise the smallest faces are blurred by a second resampling.
    matrix = np.column_stack([turn, np.round(target - turn @ middle) if turn_deg == 0 else target - turn @ middle])
    frame = background.copy()
    cv2.warpAffine(small, matrix, frame.shape[1::-1], dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
    return frame, points_box(transform(points, matrix))


def low_light(image: Image, box: Floats, rng: Rng, gain: float) -> Image:
    """Simulate low light: the image times `gain`, plus sensor noise of constant sigma, 6 of 255."""
    return _clipped(image * np.float32(gain) + 6 * rng.standard_normal(image.shape, np.float32))


def gaussian_noise(image: Image, box: Floats, rng: Rng, sigma: float) -> Image:
    """Add Gaussian noise of standard deviation `sigma` of 255, the same in all channels."""
    return _clipped(image + np.float32(sigma) * rng.standard_normal((*image.shape[:2], 1), np.float32))


def gaussian_blur(image: Image, box: Floats, rng: Rng, share: float) -> Image:
    """Apply Gaussian blur with a sigma of `share` of the face's longer side."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), share * _side(box)), np.uint8)


def motion_blur(image: Image, box: Floats, rng: Rng, share: float) -> Image:
    """Apply motion blur of length `share` of the face's longer side, in a random direction."""
    kernel = line_kernel(share * _side(box), float(rng.uniform(0, np.pi)))
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.uint8)


def side_light(image: Image, box: Floats, rng: Rng, gain: float) -> Image:
    """Simulate side light: brightness falls linearly from 1 to `gain` from one edge of the face to the other."""
    across = np.clip((np.arange(image.shape[1]) - box[0]) / (box[2] - box[0]), 0, 1)
    across = across if rng.random() < 0.5 else 1 - across
    return _clipped(image * (gain + (1 - gain) * across)[None, :, None])


def occlude(image: Image, box: Floats, rng: Rng, edge: int) -> Image:
    """Occlude one half of the face with a patch of one colour, or of coarse texture.

    edge: half of the face in the image: 0 left, 1 upper, 2 right, 3 lower
    The patch extends a tenth beyond the box, and over the forehead, which is not in the box.
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
    """Return x0, y0, x1, y1 of the patch in whole px within the image; x1 and y1 are exclusive."""
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
    "upper half occluded": partial(occlude, edge=1),
    "lower half occluded": partial(occlude, edge=3),
    "left half occluded": partial(occlude, edge=0),
    "right half occluded": partial(occlude, edge=2),
    "strong side light": partial(side_light, gain=0.08),
    "grey noise, sigma 25": partial(gaussian_noise, sigma=25.0),
}
SIZE_GROUP = "recall by size in a 640x480 frame"
TURN_GROUP = "recall by in-plane rotation"
CORRUPTED_GROUP = f"recall by corruption, {CORRUPTED_PX} px"
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
