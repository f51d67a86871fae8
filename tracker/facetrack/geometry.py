"""Crops, boxes and the maps between them.

The pixel-centre rule, stated once: the centre of the top left pixel is (0, 0), so a picture W pixels wide spans -0.5 to
W - 0.5. A square of side `size_px` around `centre` becomes a crop of N pixels whose pixel (0, 0) is the centre of the
square's first cell: scale = N / size_px, and the square's centre falls on ((N - 1) / 2, (N - 1) / 2).
"""

from __future__ import annotations

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
    cos, sin = np.cos(crop.roll_rad) * scale, np.sin(crop.roll_rad) * scale
    middle = (out_px - 1) / 2
    return np.array(
        [
            [cos, sin, middle - cos * crop.x - sin * crop.y],
            [-sin, cos, middle + sin * crop.x - cos * crop.y],
        ]
    )


def invert(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) inverse of an affine map."""
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def transform(points: NDArray[np.floating], matrix: NDArray[np.float64]) -> Floats:
    """Apply a (2, 3) affine map to (..., 2) points."""
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def cut(image: Image, crop: CropBox, out_px: int, out: Image | None = None) -> Image:
    """The crop as (out_px, out_px, 3) uint8; black where it leaves the picture. Writes into `out` if given.

    A crop much larger than `out_px` is averaged down first: bilinear sampling alone would skip pixels and shimmer.
    """
    matrix = crop_matrix(crop, out_px)
    shrink = int(crop.size_px / out_px)
    if shrink >= 2:
        image, matrix = _shrunk(image, crop, shrink, matrix)
    return cv2.warpAffine(image, matrix, (out_px, out_px), dst=out, flags=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _shrunk(image: Image, crop: CropBox, shrink: int, matrix: NDArray[np.float64]) -> tuple[Image, NDArray[np.float64]]:
    """The picture's part under the crop, averaged down by a whole factor, and the map from there to the crop."""
    half = crop.size_px * (abs(np.cos(crop.roll_rad)) + abs(np.sin(crop.roll_rad))) / 2 + shrink
    height, width = image.shape[:2]
    x0, y0 = max(0, int(crop.x - half)), max(0, int(crop.y - half))
    x1, y1 = min(width, int(crop.x + half) + 2), min(height, int(crop.y + half) + 2)
    if x1 - x0 < shrink or y1 - y0 < shrink:
        return image, matrix
    # Whole cells only, so that the averaged picture's grid is exact.
    columns, rows = (x1 - x0) // shrink, (y1 - y0) // shrink
    part = image[y0 : y0 + rows * shrink, x0 : x0 + columns * shrink]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # Centre of small pixel (i, j) in the full frame: x0 + i * shrink + (shrink - 1) / 2.
    offset = np.array([x0, y0]) + (shrink - 1) / 2
    moved = np.column_stack([matrix[:, :2] * shrink, matrix[:, :2] @ offset + matrix[:, 2]])
    return small, moved  # type: ignore[return-value]


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


def face_roll(points: NDArray[np.floating]) -> float:
    """Radians by which the line of the eyes is turned clockwise, from the 68 points.

    The mean of each eye's six points is used: corners alone are noisier.
    """
    right = points[list(topology.RIGHT_EYE)].mean(axis=0)
    left = points[list(topology.LEFT_EYE)].mean(axis=0)
    return float(np.arctan2(left[1] - right[1], left[0] - right[0]))


def crop_from_points(points: NDArray[np.floating], margin: float) -> CropBox:
    """The upright-face crop around (68, 2) points: the box is taken in the face's own axes, turned by its roll.

    For an upright face this equals `crop_from_box(points_box(points), margin)`, which is what the network was trained
    on.
    """
    roll = face_roll(points)
    cos, sin = np.cos(roll), np.sin(roll)
    upright = points @ np.array([[cos, -sin], [sin, cos]])
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = (low + high) / 2
    x, y = cos * middle[0] - sin * middle[1], sin * middle[0] + cos * middle[1]
    return CropBox(float(x), float(y), margin * float(max(*(high - low), 1.0)), roll)
