"""Crops, boxes and the maps between them.

The pixel-centre rule, stated once: the centre of the top left pixel is (0, 0), so a picture W pixels wide spans -0.5 to
W - 0.5. A square of side `size_px` around `centre` becomes a crop of N pixels whose pixel (0, 0) is the centre of the
square's first cell: scale = N / size_px, and the square's centre falls on ((N - 1) / 2, (N - 1) / 2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats, Image

FOREHEAD = 0.24
"""Share of a WIDER-style box (hairline to chin, as YuNet's) above the brows. On helen_train and ytfaces_train the
extent of the 68 points begins .24 of YuNet's box's height below its top (standard deviation .05) and agrees with it on
the other three sides within .03."""


@dataclass(frozen=True, slots=True)
class CropBox:
    """A square region of a picture, possibly rotated.

    x, y: the centre in px. size_px: the side. roll_rad: clockwise as seen, 0 for an upright square.
    """

    x: float
    y: float
    size_px: float
    roll_rad: float = 0.0


def crop_matrix(crop: CropBox, out_px: int) -> NDArray[np.float64]:
    """(2, 3) affine map from full-frame px to the crop's px.

    By hand: an upright crop of side 100 at (50, 50) into 50 px sends (50, 50) to (24.5, 24.5) and (52, 50) to (25.5,
    24.5).
    """
    scale = out_px / crop.size_px
    cos, sin = math.cos(crop.roll_rad) * scale, math.sin(crop.roll_rad) * scale
    middle = (out_px - 1) / 2
    return np.array(
        [
            [cos, sin, middle - cos * crop.x - sin * crop.y],
            [-sin, cos, middle + sin * crop.x - cos * crop.y],
        ]
    )


def frame_matrices(crops: Sequence[CropBox], crop_px: int) -> NDArray[np.float64]:
    """(N, 2, 3) affine maps back from the px of each crop to full-frame px: the inverses of `crop_matrix`."""
    middle, rows = (crop_px - 1) / 2, []
    for crop in crops:
        scale = crop.size_px / crop_px
        cos, sin = math.cos(crop.roll_rad) * scale, math.sin(crop.roll_rad) * scale
        rows.append(((cos, -sin, crop.x + (sin - cos) * middle), (sin, cos, crop.y - (sin + cos) * middle)))
    return np.array(rows)


def transform(points: NDArray[np.floating], matrix: NDArray[np.float64]) -> Floats:
    """Apply a (2, 3) affine map to (..., 2) points, or each of (N, 2, 3) to its own (K, 2) of (N, K, 2)."""
    linear, shift = matrix[..., :2], matrix[..., None, :, 2]
    if matrix.ndim == 2:
        shift = matrix[:, 2]
    return (points @ linear.swapaxes(-1, -2) + shift).astype(np.float32)


def cut(image: Image, crop: CropBox, out_px: int, out: Image | None = None) -> Image:
    """The crop as (out_px, out_px, 3) uint8; black where it leaves the picture. Writes into `out` if given.

    A crop more than twice as large as `out_px` is halved first until it is not: bilinear sampling alone would skip
    pixels and shimmer.
    """
    matrix = crop_matrix(crop, out_px)
    halvings = max(0, math.floor(math.log2(crop.size_px / out_px)))
    if halvings:
        image, matrix = _halved(image, crop, halvings, matrix)
    return cv2.warpAffine(image, matrix, (out_px, out_px), dst=out, flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _halved(image: Image, crop: CropBox, times: int, matrix: NDArray[np.float64]) -> tuple[Image, NDArray[np.float64]]:
    """The picture's part under the crop, its resolution halved so many times, and the map from there to the crop."""
    cell = 2**times
    half = crop.size_px * (abs(math.cos(crop.roll_rad)) + abs(math.sin(crop.roll_rad))) / 2 + 2 * cell
    height, width = image.shape[:2]
    # Cells begin at the picture's corner: they stay where they are while the crop moves.
    x0, y0 = (max(0, int(start)) // cell * cell for start in (crop.x - half, crop.y - half))
    # Whole cells only, so that the averaged picture's grid is exact.
    columns = (min(width, int(crop.x + half) + 2) - x0) // cell
    rows = (min(height, int(crop.y + half) + 2) - y0) // cell
    if columns < 1 or rows < 1:
        return image, matrix
    part = image[y0 : y0 + rows * cell, x0 : x0 + columns * cell]
    for _ in range(times):
        part = halve(part)
    # Centre of small pixel (i, j) in the full frame: x0 + i * cell + (cell - 1) / 2.
    offset = np.array((x0 + (cell - 1) / 2, y0 + (cell - 1) / 2))
    moved = np.empty((2, 3))
    moved[:, :2], moved[:, 2] = matrix[:, :2] * cell, matrix[:, :2] @ offset + matrix[:, 2]
    return part, moved


def halve(image: Image) -> Image:
    """(H, W, 3) -> (H // 2, W // 2, 3), averaged. To average down by more, again and again as far as that goes: OpenCV
    takes a fifth of the time over four pixels that it takes over nine."""
    return cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def points_box(points: NDArray[np.floating]) -> Floats:
    """(..., N, 2) points -> (..., 4) x0 y0 x1 y1, their extent."""
    return np.concatenate([points.min(axis=-2), points.max(axis=-2)], axis=-1).astype(np.float32)


def below_forehead(boxes: Floats, roll_rad: Floats | None = None) -> Floats:
    """(N, 4) WIDER-style boxes -> the extent of the 68 points (brows to chin): FOREHEAD is cut off.

    roll_rad: (N,) how far each head is turned clockwise, 0 if not given. The forehead of a turned head lies to the
    side: each side of the box loses as much of it as it faces it.
    """
    roll = np.zeros(len(boxes), np.float32) if roll_rad is None else roll_rad
    up = np.stack([np.sin(roll), -np.cos(roll)], axis=1)  # unit vector from the chin to the hairline
    cut = FOREHEAD * (boxes[:, 2:] - boxes[:, :2]) * up
    low, high = np.minimum(cut, 0), np.maximum(cut, 0)
    return (boxes - np.concatenate([low, high], axis=1)).astype(np.float32)


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """(N, 4), (M, 4) -> (N, M) intersection over union."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - inter
    return (inter / np.maximum(union, 1e-9)).astype(np.float32)


def touching(box: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(4,), (N, 4) -> (N,): which of them share any ground with the box."""
    shared = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return np.asarray((shared > 0).all(axis=1))


def crop_from_box(box: NDArray[np.floating], margin: float, roll_rad: float = 0.0) -> CropBox:
    """The landmarker's crop for a face box: same centre, side = margin * the longer side."""
    x0, y0, x1, y1 = (float(v) for v in box)
    return CropBox((x0 + x1) / 2, (y0 + y1) / 2, margin * max(x1 - x0, y1 - y0, 1.0), roll_rad)


def crop_from_detection(box: NDArray[np.floating], keypoints: NDArray[np.floating] | None, margin: float) -> CropBox:
    """The crop for a detected face: its box, turned with the line of the eyes where the detector gives (5, 2)
    keypoints.

    The first two keypoints are the eyes. Without the turn a head tilted by 45 degrees loses a third of the accuracy.
    """
    if keypoints is None:
        return crop_from_box(box, margin)
    across = keypoints[1] - keypoints[0]
    return crop_from_box(box, margin, float(np.arctan2(across[1], across[0])))


_EYE_TO_EYE = np.zeros(topology.N_POINTS)
_EYE_TO_EYE[list(topology.LEFT_EYE)], _EYE_TO_EYE[list(topology.RIGHT_EYE)] = 1 / 6, -1 / 6


def face_roll(points: NDArray[np.floating]) -> float:
    """Radians by which the line of the eyes is turned clockwise, from the 68 points.

    The mean of each eye's six points is used: corners alone are noisier.
    """
    x, y = (_EYE_TO_EYE @ points).tolist()
    return math.atan2(y, x)


def crop_from_points(points: NDArray[np.floating], margin: float) -> CropBox:
    """The upright-face crop around (68, 2) points: the box is taken in the face's own axes, turned by its roll.

    For an upright face this equals `crop_from_box(points_box(points), margin)`, which is what the network was trained
    on.
    """
    return crops_from_points(points[None], margin)[0]


def crops_from_points(points: NDArray[np.floating], margin: float) -> list[CropBox]:
    """`crop_from_points` of (N, 68, 2)."""
    rolls = [math.atan2(y, x) for x, y in (_EYE_TO_EYE @ points).tolist()]
    turns = np.array([[(math.cos(roll), -math.sin(roll)), (math.sin(roll), math.cos(roll))] for roll in rolls])
    upright = points @ turns
    low, high = upright.min(axis=1), upright.max(axis=1)
    sizes = (high - low).max(axis=1).tolist()
    middles = (turns @ ((low + high) / 2)[..., None])[..., 0].tolist()
    return [
        CropBox(x, y, margin * max(size, 1.0), roll) for (x, y), size, roll in zip(middles, sizes, rolls, strict=True)
    ]
