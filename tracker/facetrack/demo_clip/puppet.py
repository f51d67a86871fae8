"""Photographed face with movable eyelids and jaw, and the ground truth of its 68 points in every state.

The photograph is NASA's portrait of an astronaut (see _assets/README.md). A lid is the skin above the eye, stretched
down over it; the jaw is the lower face without the upper teeth, warped by a thin-plate spline and composited in front
of the neck. All processing is on a patch around the face, enlarged SCALE times.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.photograph import SCALE, enlarge, enlarged, load_photograph
from facetrack.types import Image

Array = NDArray[np.float64]
Map = NDArray[np.float32]

PATCH = (158, 76, 288, 240)
"""x0, y0, x1, y1 px in the photograph: from above the brows to the collar, so that a dropped chin stays inside."""
LID_TRAVEL = 0.82
LOWER_LID_TRAVEL = 0.1
"""Travel of the upper lid down and of the lower lid up, as shares of the open eye's height; .08 remain: the lashes."""
JAW_DROP = 0.3
"""Travel of the lower lip at opening 1, a yawn, in distances between the outer eye corners."""
_BROW_GAP_PX = 2.5
_LOWER_LID_REACH_PX = 7.0
_LASH_BGR, _LASH_COVER, _LASH_PX = np.array([34.0, 42.0, 56.0]), 0.75, 0.8
_DARK_BGR, _TONGUE_BGR = np.array([22.0, 20.0, 44.0]), np.array([72.0, 68.0, 138.0])
_GRID = 12
"""Grid step of the spline, enlarged px; interpolated linearly in between (the spline is smooth)."""


class Puppet:
    """Face in the state of the photograph; `pose` renders any other state.

    image: (H, W, 3) uint8 BGR, the photograph enlarged SCALE times.
    points: (68, 2) px in the photograph (not enlarged).
    """

    def __init__(self) -> None:
        photograph, self.points = load_photograph()
        self.size = (photograph.shape[1], photograph.shape[0])
        self.image = enlarge(photograph)
        x0, y0, x1, y1 = (SCALE * edge for edge in PATCH)
        self._patch = self.image[y0:y1, x0:x1]
        self._origin = np.array(PATCH[:2], dtype=np.float64)
        self._jaw_weight = _jaw_weights()
        # The jaw's region begins at the tip of the nose: nothing above moves with the jaw.
        self._jaw_row = int((self.points[topology.NOSE_TIP, 1] - PATCH[1]) * SCALE)
        self._jaw_origin = self._origin + np.array([0.0, self._jaw_row / SCALE])
        self._jaw_size = (self._patch.shape[0] - self._jaw_row, self._patch.shape[1])
        self._teeth = self._mask(self._inner_mouth(self.points), blur_px=0.6)

    def pose(self, closure: float, opening: float) -> tuple[Image, Array]:
        """Render the face with eyelid `closure` and jaw `opening`, each 0..1.

        Returns (patch, points): the region PATCH of the enlarged image, uint8 BGR, a new array; (68, 2) float64 px in
        the photograph.
        """
        patch, points = self._patch.copy(), self.points.copy()
        if closure > 0:
            for eye in (topology.RIGHT_EYE, topology.LEFT_EYE):
                self._close(patch, points, eye, closure)
        if opening > 0:
            points = self._moved_jaw(points, opening)
            patch = self._open(patch, points)
        return patch, points

    def _close(self, patch: Image, points: Array, eye: tuple[int, ...], closure: float) -> None:
        """Draw one eye's lids at `closure` into the patch and move its points."""
        outline = self.points[list(eye)]
        upper, lower = (
            np.polyfit(line[:, 0], line[:, 1], 3) for line in (outline[[0, 1, 2, 3]], outline[[0, 5, 4, 3]])
        )
        x_px = np.arange(np.ceil(outline[:, 0].min()), outline[:, 0].max(), 1.0 / SCALE)
        brow = topology.RIGHT_BROW if eye == topology.RIGHT_EYE else topology.LEFT_BROW
        brow_y = np.interp(x_px, *self.points[list(brow)].T) + _BROW_GAP_PX
        top_y, bottom_y = (np.asarray(np.polyval(line, x_px), dtype=np.float64) for line in (upper, lower))
        self._draw_lids(patch, x_px, brow_y, top_y, bottom_y, closure)
        height = np.polyval(lower, outline[:, 0]) - np.polyval(upper, outline[:, 0])
        travel = np.array([0.0, LID_TRAVEL, LID_TRAVEL, 0.0, -LOWER_LID_TRAVEL, -LOWER_LID_TRAVEL])
        points[list(eye), 1] += closure * travel * height

    def _draw_lids(
        self, patch: Image, x_px: Array, brow_y: Array, top_y: Array, bottom_y: Array, closure: float
    ) -> None:
        """Draw the lids of one eye into the patch.

        x_px: (W,) columns.
        brow_y, top_y, bottom_y: (W,) y of the brow's lower edge and of the open upper and lower lid there.
        """
        gap = np.maximum(bottom_y - top_y, 0.0)
        lid_y, lower_y = top_y + LID_TRAVEL * closure * gap, bottom_y - LOWER_LID_TRAVEL * closure * gap
        y_px = np.arange(np.floor(brow_y.min()), bottom_y.max() + _LOWER_LID_REACH_PX, 1.0 / SCALE)[:, None]
        # The skin stretches between brow and lid edge; the sine's flat end keeps the thickness of the lashes.
        down = (lid_y - top_y) * np.sin(np.pi / 2 * np.clip((y_px - brow_y) / (lid_y - brow_y), 0.0, 1.0))
        up = (bottom_y - lower_y) * np.clip(1.0 - (y_px - lower_y) / _LOWER_LID_REACH_PX, 0.0, 1.0)
        lid = self._sample(x_px, y_px - down)
        under = self._sample(x_px, y_px + np.where(y_px > lower_y, up, 0.0))
        alpha = np.clip((lid_y - y_px) * SCALE + 0.5, 0.0, 1.0)[..., None]
        lids = alpha * lid + (1.0 - alpha) * under
        # Lashes: a dark line along the lid's edge that fades in with the closure and thins out to the corners.
        lashes = _LASH_COVER * closure * (gap / gap.max()) ** 0.5 * np.exp(-(((y_px - lid_y) / _LASH_PX) ** 2))
        lids += lashes[..., None] * (_LASH_BGR - lids)
        column, row = np.rint(enlarged(np.array([x_px[0], y_px[0, 0]]) - self._origin)).astype(int)
        patch[row : row + len(y_px), column : column + len(x_px)] = np.rint(lids).astype(np.uint8)

    def _sample(self, x_px: Array, y_px: Array) -> Image:
        """Sample the original patch at photograph coordinates: x (W,), y (H, W) -> (H, W, 3)."""
        map_x = np.broadcast_to(enlarged(x_px - self._origin[0]), y_px.shape).astype(np.float32)
        map_y = enlarged(y_px - self._origin[1]).astype(np.float32)
        return _remapped(self._patch, map_x, map_y)

    def _moved_jaw(self, points: Array, opening: float) -> Array:
        eye_distance = np.linalg.norm(np.diff(self.points[list(topology.EYE_OUTER_CORNERS)], axis=0))
        return points + opening * JAW_DROP * eye_distance * self._jaw_weight

    def _open(self, patch: Image, points: Array) -> Image:
        """Return the patch with the lower face warped to `points`."""
        below = patch[self._jaw_row :]
        warped = _remapped(below, *self._jaw_maps(points))
        face = _blend(below, warped, self._mask(self._face_outline(points), blur_px=1.2))
        interior = _blend(self._mouth_interior(points), below, self._teeth)
        lower = _blend(face, interior, self._mask(self._inner_mouth(points), blur_px=0.5))
        return np.concatenate([patch[: self._jaw_row], lower])

    def _jaw_maps(self, points: Array) -> tuple[Map, Map]:
        """Return the x and y of the source pixel for each px of the jaw's region: position minus displacement."""
        height, width = self._jaw_size
        moving = [*topology.JAW, *topology.OUTER_LIPS, *topology.INNER_LIPS, *topology.NOSE_BASE]
        frame = _border(PATCH)
        centres = np.concatenate([points[moving], frame])
        shift = np.concatenate([points[moving] - self.points[moving], np.zeros_like(frame)])
        grid_y, grid_x = np.mgrid[0 : height + _GRID : _GRID, 0 : width + _GRID : _GRID]
        grid = np.stack([grid_x, grid_y], axis=-1).reshape(-1, 2)
        coarse = SCALE * thin_plate(centres, shift, (grid + 0.5) / SCALE - 0.5 + self._jaw_origin)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        field = cv2.remap(coarse.reshape(*grid_x.shape, 2).astype(np.float32), x / _GRID, y / _GRID, cv2.INTER_LINEAR)
        field *= np.clip(y / (3.0 * SCALE), 0.0, 1.0)[..., None]
        return x - field[..., 0], y - field[..., 1]

    def _mouth_interior(self, points: Array) -> Image:
        """Return an image of a dark mouth with a tongue at its bottom, in the size of the jaw's region."""
        height, width = self._jaw_size
        upper, lower = (
            points[lip[1]] - self._jaw_origin for lip in (topology.INNER_LIP_UPPER, topology.INNER_LIP_LOWER)
        )
        depth = (np.arange(height) / SCALE - upper[1]) / max(lower[1] - upper[1], 1.0)
        share = 0.75 * np.clip((depth - 0.55) / 0.4, 0.0, 1.0)[:, None]
        column = np.rint(_DARK_BGR + share * (_TONGUE_BGR - _DARK_BGR)).astype(np.uint8)
        return np.repeat(column[:, None], width, axis=1)

    def _face_outline(self, points: Array) -> Array:
        """Return the outline of the lower face, slightly outside the jaw line; closed across the eyes."""
        jaw = points[list(topology.JAW)]
        centre = points[topology.NOSE_TIP]
        return _smooth(centre + (jaw - centre) * 1.015)

    def _inner_mouth(self, points: Array) -> Array:
        """Return the smoothed outline of the inner lips."""
        right, left = (points[index] for index in topology.INNER_LIP_CORNERS)
        upper = _smooth(np.array([right, *points[list(topology.INNER_LIP_UPPER)], left]))
        lower = _smooth(np.array([right, *points[list(topology.INNER_LIP_LOWER)], left]))
        return np.concatenate([upper, lower[::-1]])

    def _mask(self, outline: Array, blur_px: float) -> Map:
        """Rasterise an outline, (N, 2) px in the photograph, to a blurred mask (H, W) 0..1 of the jaw's region."""
        mask = np.zeros(self._jaw_size, np.uint8)
        exact = enlarged(outline - self._jaw_origin) * 16.0  # fillPoly's fixed point: 4 bits
        cv2.fillPoly(mask, [np.rint(exact).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
        return cv2.GaussianBlur(mask, (0, 0), blur_px * SCALE / 2.0).astype(np.float32) / np.float32(255.0)


def thin_plate(centres: Array, values: Array, at: Array) -> Array:
    """Interpolate values (N, D) at centres (N, 2) by a thin-plate spline (Duchon, 1977) at (M, 2) -> (M, D)."""
    n = len(centres)
    affine = np.column_stack([np.ones(n), centres])
    system = np.block([[_thin_plate_kernel(centres, centres), affine], [affine.T, np.zeros((3, 3))]])
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, values.shape[1]))]))
    return _thin_plate_kernel(at, centres) @ weights[:n] + np.column_stack([np.ones(len(at)), at]) @ weights[n:]


def _thin_plate_kernel(a: Array, b: Array) -> Array:
    """Return r^2 log r of all pairs, (M, N), as 0.5 r^2 log r^2, which needs no square root."""
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1)
    return 0.5 * squared * np.log(squared + 1e-12)


def _jaw_weights() -> Array:
    """Return the displacement of each point, (68, 2), in units of the jaw drop: x to the midline, y down."""
    weights = np.zeros((topology.N_POINTS, 2))
    # The jaw rotates about the ears: full travel at the chin, decreasing to zero at the sides.
    side = np.abs(np.arange(len(topology.JAW)) - len(topology.JAW) // 2) / (len(topology.JAW) // 2)
    weights[list(topology.JAW), 1] = np.clip(1.0 - (side / 0.75) ** 2, 0.0, 1.0)
    # Lower lip: full travel at the midline, little at the corners, which move towards each other.
    for upper, lower in (
        (topology.OUTER_LIPS[:7], topology.OUTER_LIPS[7:]),
        (topology.INNER_LIPS[:5], topology.INNER_LIPS[5:]),
    ):
        weights[list(lower), 1] = np.sin(np.pi * np.linspace(0, 1, len(lower) + 2)[1:-1]) ** 0.25
        for corner, inward in ((upper[0], 1.0), (upper[-1], -1.0)):
            weights[corner] = (0.12 * inward, 0.3)
    return weights


def _border(box: tuple[int, int, int, int], steps: int = 6) -> Array:
    x0, y0, x1, y1 = box
    along_x, along_y = np.linspace(x0, x1, steps), np.linspace(y0, y1, steps)
    sides = [np.column_stack([along_x, np.full(steps, y)]) for y in (y0, y1)]
    sides += [np.column_stack([np.full(steps - 2, x), along_y[1:-1]]) for x in (x0, x1)]
    return np.concatenate(sides)


def _smooth(line: Array, steps: int = 8) -> Array:
    """Interpolate an open line by a Catmull-Rom curve: (N, 2) -> ((N - 1) * steps + 1, 2)."""
    padded = np.concatenate([2 * line[:1] - line[1:2], line, 2 * line[-1:] - line[-2:-1]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return np.concatenate([*pieces, line[-1:]])


def _remapped(image: Image, map_x: Map, map_y: Map) -> Image:
    return np.asarray(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def _blend(below: Image, above: Image, alpha: Map) -> Image:
    """Composite `above` over `below` with opacity alpha, (H, W) 0..1."""
    return np.asarray(cv2.blendLinear(below, above, 1.0 - alpha, alpha), dtype=np.uint8)
