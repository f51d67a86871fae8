"""Crops, boxes and the affine maps between them.

Pixel-centre convention, used everywhere: the centre of the top left pixel is (0, 0), so an image W pixels wide spans
-0.5 to W - 0.5. A square of side `size_px` around `centre` is divided into N x N cells, the pixels of its crop: scale =
N / size_px, and the square's centre is mapped to ((N - 1) / 2, (N - 1) / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import compiled
from facetrack.head_model import KEYPOINTS_FIT, POINTS_FIT, roll_from_slopes
from facetrack.topology import N_POINTS
from facetrack.types import Floats, Image

FACE_SHAPE = (N_POINTS, 2)
FOREHEAD = 0.24
"""Share of a WIDER-style box (hairline to chin, as YuNet's) above the brows.

On helen_train and ytfaces_train the extent of the 68 points begins .24 of the height of YuNet's box below its top
(standard deviation .05) and agrees with the box on the other three sides within .03.
"""


Map = tuple[tuple[float, ...], ...]
"""Affine map, (2, 3): for one crop plain numbers take a tenth of the time of arrays."""


@dataclass(frozen=True, slots=True)
class CropBox:
    """Square region of an image, possibly rotated.

    x, y: centre, px.
    size_px: side.
    roll_rad: clockwise rotation in the image, 0 for an upright square.
    """

    x: float
    y: float
    size_px: float
    roll_rad: float = 0.0


def crop_matrix(crop: CropBox, out_px: int) -> NDArray[np.float64]:
    """Return the (2, 3) affine map from frame px to crop px.

    Example worked out by hand: an upright crop of side 100 at (50, 50) into 50 px maps (50, 50) to (24.5, 24.5) and
    (52, 50) to (25.5, 24.5).
    """
    return np.array(_crop_map(crop, out_px))


def _crop_map(crop: CropBox, out_px: int) -> Map:
    scale = out_px / crop.size_px
    cos, sin = math.cos(crop.roll_rad) * scale, math.sin(crop.roll_rad) * scale
    centre = (out_px - 1) / 2
    return (cos, sin, centre - cos * crop.x - sin * crop.y), (-sin, cos, centre + sin * crop.x - cos * crop.y)


def frame_matrices(crops: Sequence[CropBox], crop_px: int) -> NDArray[np.float64]:
    """Return the (N, 2, 3) affine maps from the px of each crop to frame px: the inverses of `crop_matrix`."""
    centre, rows = (crop_px - 1) / 2, []
    for crop in crops:
        scale = crop.size_px / crop_px
        cos, sin = math.cos(crop.roll_rad) * scale, math.sin(crop.roll_rad) * scale
        rows.append(((cos, -sin, crop.x + (sin - cos) * centre), (sin, cos, crop.y - (sin + cos) * centre)))
    return np.array(rows)


def transform(points: NDArray[np.floating], matrix: NDArray[np.float64]) -> Floats:
    """Apply a (2, 3) affine map to (..., 2) points, or each of (N, 2, 3) to its own (K, 2) of (N, K, 2)."""
    linear, shift = matrix[..., :2], matrix[..., None, :, 2]
    if matrix.ndim == 2:
        shift = matrix[:, 2]
    return (points @ linear.swapaxes(-1, -2) + shift).astype(np.float32)


def cut(image: Image, crop: CropBox, out_px: int, out: Image | None = None) -> Image:
    """Sample the crop, (out_px, out_px, 3) uint8; black where it leaves the image. Writes into `out` if given.

    The image is first halved until the crop is less than twice as large as `out_px`: bilinear sampling alone would skip
    pixels, and the aliasing would flicker.
    """
    if compiled.kernels is not None:
        out = np.empty((out_px, out_px, 3), np.uint8) if out is None else out
        if compiled.kernels.cut_box(image, crop.x, crop.y, crop.size_px, crop.roll_rad, out):
            return out
    rows: Map = _crop_map(crop, out_px)
    halvings = max(0, math.floor(math.log2(crop.size_px / out_px)))
    if halvings:
        half_px = crop.size_px * (abs(math.cos(crop.roll_rad)) + abs(math.sin(crop.roll_rad))) / 2
        image, rows = _halved(image, (crop.x, crop.y), (half_px, half_px), halvings, rows)
    return cv2.warpAffine(image, np.array(rows), (out_px, out_px), dst=out, flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def cut_by(image: Image, rows: Map | NDArray[np.float64], out: Image) -> None:
    """Sample a crop of any shape into `out`, (H, W, 3) uint8, as `cut` does.

    rows: from frame px to crop px, a map that scales alike in all directions, mirrored or not.
    """
    if compiled.kernels is not None and compiled.kernels.cut_by(image, np.asarray(rows), out):
        return
    height, width = out.shape[:2]
    (a, b, c), (d, e, f) = rows
    scale = math.hypot(a, d)
    if scale <= 0.5:
        x, y = (width - 1) / 2 - c, (height - 1) / 2 - f
        centre = (a * x + d * y) / scale**2, (b * x + e * y) / scale**2
        half_x, half_y = (abs(a) * width + abs(d) * height), (abs(b) * width + abs(e) * height)
        half_px = half_x / 2 / scale**2, half_y / 2 / scale**2
        image, rows = _halved(image, centre, half_px, math.floor(-math.log2(scale)), rows)
    cv2.warpAffine(image, np.array(rows), (width, height), dst=out, flags=cv2.INTER_LINEAR)


def inverse(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of (..., 2, 3) affine maps that scale alike in all directions, mirrored or not."""
    linear = matrices[..., :2]
    back = linear.swapaxes(-1, -2) / (linear[..., :1, :] ** 2).sum(axis=-1, keepdims=True)
    return np.concatenate([back, -(back @ matrices[..., 2:])], axis=-1)


def _halved(
    image: Image, centre: tuple[float, float], half_px: tuple[float, float], times: int, rows: Map | NDArray[np.float64]
) -> tuple[Image, Map]:
    """Return the part of the image under a crop, halved `times` times, and the map from its px to crop px.

    centre, half_px: of a rectangle of frame px that holds the crop, across and down. rows: the map from frame px to
        crop px.
    """
    cell = 2**times
    (x, y), half_x, half_y = centre, half_px[0] + 2 * cell, half_px[1] + 2 * cell
    height, width = image.shape[:2]
    # Averaging cells are aligned to the image's corner, so that they do not move with the crop.
    x0, y0 = (max(0, int(start)) // cell * cell for start in (x - half_x, y - half_y))
    # Whole cells only, so that the grid of the averaged image is exact.
    across = (min(width, int(x + half_x) + 2) - x0) // cell
    down = (min(height, int(y + half_y) + 2) - y0) // cell
    if across < 1 or down < 1:
        return image, (tuple(rows[0]), tuple(rows[1]))
    part = image[y0 : y0 + down * cell, x0 : x0 + across * cell]
    for _ in range(times):
        part = halve(part)
    # Centre of the averaged pixel (i, j) in the full frame: x0 + i * cell + (cell - 1) / 2, y0 + j * cell + ...
    left, top = x0 + (cell - 1) / 2, y0 + (cell - 1) / 2
    (a, b, c), (d, e, f) = rows
    return part, ((a * cell, b * cell, a * left + b * top + c), (d * cell, e * cell, d * left + e * top + f))


def halve(image: Image) -> Image:
    """Downsample by two with area averaging, (H, W, 3) -> (H // 2, W // 2, 3).

    For larger factors call it repeatedly: OpenCV averages four pixels in a fifth of the time of nine.
    """
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def points_box(points: NDArray[np.floating]) -> Floats:
    """Return the bounding boxes of (..., N, 2) points, (..., 4) x0 y0 x1 y1."""
    if compiled.kernels is not None and points.shape == FACE_SHAPE and points.dtype.char in "fd":
        box = np.empty(4, np.float32)
        compiled.kernels.face_box(points, box)
        return box
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1).astype(np.float32)


def below_forehead(boxes: Floats, roll_rad: Floats | None = None) -> Floats:
    """Convert (N, 4) WIDER-style boxes to the extent of the 68 points (brows to chin) by cutting off FOREHEAD.

    roll_rad: (N,) clockwise roll of each head, 0 by default. The forehead of a rotated head is at the side: the cut is
        distributed over the box's sides by their direction.
    """
    roll = np.zeros(len(boxes), np.float32) if roll_rad is None else roll_rad
    up = np.stack([np.sin(roll), -np.cos(roll)], axis=1)  # unit vector from the chin to the hairline
    cut = FOREHEAD * (boxes[:, 2:] - boxes[:, :2]) * up
    low, high = np.minimum(cut, 0), np.maximum(cut, 0)
    return (boxes - np.concatenate([low, high], axis=1)).astype(np.float32)


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Return the (N, M) intersection over union of boxes (N, 4) and (M, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - inter
    return (inter / np.maximum(union, 1e-9)).astype(np.float32)


def touching(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return whether each of the boxes (N, 4) overlaps `box`, (4,), with a positive area."""
    shared = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return np.asarray((shared > 0).all(axis=1))


def crop_from_box(box: NDArray[np.floating], margin: float, roll_rad: float = 0.0) -> CropBox:
    """Return the landmarker's crop for a face box: same centre, side = margin * the longer side."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return CropBox((x0 + x1) / 2, (y0 + y1) / 2, margin * max(x1 - x0, y1 - y0, 1.0), roll_rad)


def crop_from_detection(box: NDArray[np.floating], keypoints: NDArray[np.floating] | None, margin: float) -> CropBox:
    """Return the crop for a detected face: its box, rotated to the head's vertical axis if there are keypoints.

    keypoints: (5, 2), in the order of topology.FIVE_POINTS; None for an upright crop. An upright crop of a head with 45
        degrees of roll costs a third of the accuracy.
    """
    roll_rad = 0.0 if keypoints is None else roll_from_slopes((KEYPOINTS_FIT @ keypoints).tolist())
    return crop_from_box(box, margin, roll_rad)


def face_roll(points: NDArray[np.floating]) -> float:
    """Return the clockwise roll of the head's vertical axis in the image, in radians, from (68, 2) points.

    The axis of the weak-perspective attitude (`head_model`): continuous from profile to profile, where the line between
    the eyes is off by 10 to 40 degrees (docs/experiments.md).
    """
    return roll_from_slopes((POINTS_FIT @ points).tolist())


def crop_from_points(points: NDArray[np.floating], margin: float, roll_rad: float | None = None) -> CropBox:
    """Return the roll-aligned crop around (68, 2) points: their bounding box along the head's own axes.

    roll_rad: as far as it is known; `face_roll` of the points by default.
    For an upright face it equals `crop_from_box(points_box(points), margin)`, as in the network's training.
    """
    if compiled.kernels is not None and points.shape == FACE_SHAPE and points.dtype.char in "fd":
        return crops_and_boxes([points], margin, [roll_rad])[0][0]
    return crops_from_points(points[None], margin, (roll_rad,))[0]


def crops_from_points(
    points: NDArray[np.floating], margin: float, known_rolls: Sequence[float | None] = ()
) -> list[CropBox]:
    """Return `crop_from_points` of each face of (N, 68, 2) points. known_rolls: N, or none at all."""
    known = known_rolls or [None] * len(points)
    slopes = (POINTS_FIT @ points).tolist() if None in known else known
    rolls = [roll_from_slopes(slope) if roll is None else roll for slope, roll in zip(slopes, known, strict=True)]
    rotations = np.array([[(math.cos(roll), -math.sin(roll)), (math.sin(roll), math.cos(roll))] for roll in rolls])
    upright = points @ rotations
    low, high = upright.min(axis=1), upright.max(axis=1)
    sizes = (high - low).max(axis=1).tolist()
    centres = (rotations @ ((low + high) / 2)[..., None])[..., 0].tolist()
    return [
        CropBox(x, y, margin * max(size, 1.0), roll) for (x, y), size, roll in zip(centres, sizes, rolls, strict=True)
    ]


def crops_and_boxes(
    points: Sequence[NDArray[np.floating]], margin: float, known_rolls: Sequence[float | None]
) -> list[tuple[CropBox, Floats]]:
    """Return `crop_from_points` and `points_box` of each face's (68, 2) points. known_rolls: one per face."""
    if compiled.kernels is None:
        stacked = np.stack(points)
        return list(zip(crops_from_points(stacked, margin, known_rolls), points_box(stacked), strict=True))
    found = []
    for face, known in zip(points, known_rolls, strict=True):
        roll, box = face_roll(face) if known is None else known, np.empty(4, np.float32)
        x, y, size_px = compiled.kernels.measure_crop(face, roll, margin, box)
        found.append((CropBox(x, y, size_px, roll), box))
    return found
