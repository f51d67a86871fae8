"""Composition of one scene of the face detector: pictures placed in cells, with the labels of their faces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import points_box, transform
from facetrack.topology import FIVE_FLIP
from facetrack.types import Floats, Image
from facetrain.samples.pictures import FacePicture

Rect = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole px; x1 and y1 are exclusive."""

Rng = np.random.Generator
PADDING, FACE, IGNORED = 0, 1, 2


@dataclass(slots=True, eq=False)
class Scene:
    """Scene under construction.

    image: (S, S, 3). boxes: list of (4,) px. kinds: FACE or IGNORED for each box.
    keypoints: list of (5, 2) px, NaN where unknown.
    """

    image: Image
    boxes: list[Floats] = field(default_factory=list)
    keypoints: list[Floats] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)

    def add(self, box: Floats, keypoints: Floats | None, kind: int) -> None:
        self.boxes.append(box)
        self.keypoints.append(np.full((5, 2), np.nan, np.float32) if keypoints is None else keypoints)
        self.kinds.append(kind)


def paste(
    scene: Scene, picture: FacePicture, image: Image, matrix: NDArray[np.float64], cell: Rect,
    smallest_px: float = 8.0, reduction: int = 1, soft_px: float = 0.0,
) -> None:  # fmt: skip
    """Draw an image into a cell and add the labels of its faces.

    image: the picture decoded at 1/reduction. matrix: (2, 3) map from full-size image px to scene px.
    smallest_px: see `add_label`. soft_px: width of the seam in which the image fades into the background, 0 for a sharp
    edge.
    """
    x0, y0, x1, y1 = cell
    into = matrix.copy()
    # Pixel centres at integers: full = (small + 1/2) reduction - 1/2.
    into[:, 2] += matrix[:, :2] @ np.full(2, (reduction - 1) / 2) - np.array([x0, y0])
    into[:, :2] *= reduction
    before = scene.image[y0:y1, x0:x1]
    view, size = before.copy(), (x1 - x0, y1 - y0)
    cv2.warpAffine(image, into, size, dst=view, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
    if soft_px > 0:
        weight = _fading(image.shape[:2], into, size, soft_px)
        view = np.rint(before + weight[..., None] * (view.astype(np.float32) - before)).astype(np.uint8)
    scene.image[y0:y1, x0:x1] = view
    mirrored = np.linalg.det(matrix[:, :2]) < 0
    outlines, points = transform(picture.outlines, matrix), transform(picture.keypoints, matrix)
    if mirrored:
        points = points[:, list(FIVE_FLIP)]
    for box, five in zip(points_box(outlines), points, strict=True):
        add_label(scene, box, five, cell, FACE, smallest_px)
    corners = picture.ignore[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    for box in points_box(transform(corners, matrix)):
        add_label(scene, box, None, cell, IGNORED, smallest_px)


def _fading(shape: tuple[int, ...], matrix: NDArray[np.float64], size: tuple[int, int], soft_px: float) -> Floats:
    """Return (H, W) weights of an image warped into a cell of `size`: 1 inside, falling to 0 at its own edge.

    At the cell's edge, too, where the image is cut off.
    """
    inside = cv2.warpAffine(np.ones(shape, np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
    framed = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.clip(distance / soft_px, 0, 1).astype(np.float32)


def add_label(
    scene: Scene, box: Floats, points: Floats | None, cell: Rect, kind: int, smallest_px: float = 8.0
) -> None:
    """Add a box as face; as ignore region if under half inside its cell; not at all if under a tenth inside.

    A face whose longer side is below smallest_px becomes an ignore region, too.
    """
    inside = np.concatenate([np.maximum(box[:2], cell[:2]), np.minimum(box[2:], cell[2:])]).astype(np.float32)
    visible = np.prod(np.clip(inside[2:] - inside[:2], 0, None)) / max(1e-6, np.prod(box[2:] - box[:2]))
    if visible < 0.1:
        return
    if kind == FACE and visible >= 0.5 and longer_side(box) >= smallest_px:
        scene.add(box, points, FACE)
    else:
        scene.add(inside, None, IGNORED)


def cells(side: int, rng: Rng) -> Iterator[Rect]:
    """Divide the scene into 1, 4 or 9 cells (or 2, 3 or 6) by unevenly spaced lines."""
    columns, rows = (int(n) for n in rng.choice(3, 2, p=[0.6, 0.28, 0.12]) + 1)
    if rng.random() < 0.7:
        rows = columns
    xs, ys = _cuts(side, columns, rng), _cuts(side, rows, rng)
    for y0, y1 in pairwise(ys):
        for x0, x1 in pairwise(xs):
            yield x0, y0, x1, y1


def inner_cell(cell: Rect, box: Floats, rng: Rng) -> Rect:
    """Shrink a cell to a face with uneven margins, lest the network learns a pack's cropping as a cue."""
    margin = longer_side(box) * rng.uniform(0.03, 0.35, 4)
    grown = np.round(box + margin * [-1, -1, 1, 1]).astype(int)
    x0, y0 = np.clip(grown[:2], cell[:2], np.array(cell[2:]) - 1)
    x1, y1 = np.clip(grown[2:], [x0 + 1, y0 + 1], cell[2:])
    return int(x0), int(y0), int(x1), int(y1)


def _cuts(side: int, parts: int, rng: Rng) -> list[int]:
    inner = [round(side * (i + rng.uniform(-0.15, 0.15)) / parts) for i in range(1, parts)]
    return [0, *inner, side]


def turn_scale(degrees: float, scale_x: float, scale_y: float, mirror: bool) -> NDArray[np.float64]:
    """Return the (2, 2) matrix that mirrors and scales, then rotates clockwise in the image."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag([-scale_x if mirror else scale_x, scale_y])


def place(linear: NDArray[np.float64], anchor: NDArray, target: NDArray) -> NDArray[np.float64]:
    """Return the (2, 3) affine map with the given linear part that maps `anchor` to `target`."""
    return np.column_stack([linear, target - linear @ anchor])


def longer_side(box: Floats) -> float:
    return float(max(box[2] - box[0], box[3] - box[1]))
