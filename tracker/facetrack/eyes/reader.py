"""A second look at both eyes of every face, by a small network on crops cut around each eye.

The landmark network sees a whole face at 112 px, in which an eye is 12 to 20 px wide; here it is 28. Right and left are
the person's own. The left eye is mirrored, so that the network sees right eyes only; both lie in one square crop, the
right eye above the left, which makes one row of the batch per face.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import halve, transform
from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT, EYES_SIZE
from facetrack.types import EyesReading, Floats, Image

Array = NDArray[np.float64]

EYE_WIDTHS = 2.3
"""Width of an eye's crop in widths of the eye; its height is half of that."""
WIDTH_OF_NOSE = 0.38
"""Least width of an eye over the distance from the eyes' corners to the base of the nose: the first percentile of
helen_train (median .54). In profile the corners draw together, but the eye keeps its height."""
LAPLACE_SD = math.sqrt(2.0)
"""Standard deviation of a Laplace density over its scale, which the network predicts."""
ORDER = (topology.RIGHT_EYE, tuple(topology.FLIP[list(topology.RIGHT_EYE)].tolist()))
"""Points of the 68 in the network's order, that of the right eye, for the right eye and the mirrored left one."""
_CORNERS = np.array([[points[0], points[3]] for points in ORDER])
_BACK = np.array([list(topology.RIGHT_EYE).index(int(topology.FLIP[p])) for p in topology.LEFT_EYE])


def eye_matrices(points: NDArray[np.floating], columns: int, widths: float = EYE_WIDTHS) -> Array:
    """Return the (N, 2, 2, 3) affine maps from frame px to the px of each eye's crop, right and left eye.

    points: (N, 68, 2) px. columns: width of an eye's crop, px; its height is columns // 2.
    widths: width of the crop in widths of the eye.
    The crop is centred between the eye's corners and turned along the mean direction of both eyes' corners. It is
    scaled by the eye's width, but at least by the mean of both eyes' and by WIDTH_OF_NOSE. The left eye's is mirrored.
    """
    corners = points[:, _CORNERS].astype(np.float64)  # (N, 2 eyes, outer and inner, 2)
    along = corners[:, :, 1] - corners[:, :, 0]
    along[:, 1] *= -1
    width = np.sqrt((along**2).sum(axis=-1))
    direction = along.sum(axis=1)
    length = np.sqrt((direction**2).sum(axis=-1, keepdims=True))
    upright = np.array([1.0, 0.0])
    direction = np.where(length > 1e-6, direction / np.maximum(length, 1e-6), upright)
    nose = points[:, topology.NOSE_BASE[2]] - corners.mean(axis=(1, 2))
    least = np.maximum(width.mean(axis=1), WIDTH_OF_NOSE * np.sqrt((nose**2).sum(axis=-1)))
    scale = columns / (widths * np.maximum(np.maximum(width, least[:, None]), 1.0))
    cos, sin = direction[:, None, 0] * scale, direction[:, None, 1] * scale
    matrices = np.empty((*width.shape, 2, 3))
    matrices[:, :, 0, 0], matrices[:, :, 0, 1], matrices[:, :, 1, 0], matrices[:, :, 1, 1] = cos, sin, -sin, cos
    matrices[:, 1, 0] *= -1
    centre = np.array([(columns - 1) / 2, (columns // 2 - 1) / 2])
    matrices[..., 2] = centre - (matrices[..., :2] @ corners.mean(axis=2)[..., None])[..., 0]
    return matrices


def inverse(matrices: Array) -> Array:
    """Return the inverses of (..., 2, 3) affine maps."""
    linear = np.linalg.inv(matrices[..., :2])
    return np.concatenate([linear, -(linear @ matrices[..., 2:])], axis=-1)


def cut_eye(image: Image, matrix: Array, out: Image, flags: int = cv2.INTER_LINEAR) -> None:
    """Sample one eye's crop into `out`, (H, W, 3) uint8; black where it leaves the image.

    matrix: (2, 3) from image px to crop px. As in `geometry.cut`, the image is first halved until the crop is less than
    twice as large as `out`.
    """
    rows, columns = out.shape[:2]
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    if scale > 0.5:
        cv2.warpAffine(image, matrix, (columns, rows), dst=out, flags=flags)
        return
    # The part of the image under the crop, on a grid of whole cells.
    cell = 2 ** math.floor(-math.log2(scale))
    centre = inverse(matrix) @ np.array([(columns - 1) / 2, (rows - 1) / 2, 1.0])
    reach = math.hypot(columns, rows) / 2 / scale + 2 * cell
    height, width = image.shape[:2]
    x0, y0 = (max(0, int(c - reach)) // cell * cell for c in centre)
    x1, y1 = (
        max(start, min(end, int(c + reach))) for c, start, end in zip(centre, (x0, y0), (width, height), strict=True)
    )
    part = image[y0 : y0 + (y1 - y0) // cell * cell, x0 : x0 + (x1 - x0) // cell * cell]
    if not part.size:
        out[:] = 0
        return
    for _ in range(int(math.log2(cell))):
        part = halve(part)
    reduced = matrix.copy()
    reduced[:, 2] += matrix[:, :2] @ np.array((x0 + (cell - 1) / 2, y0 + (cell - 1) / 2))
    reduced[:, :2] *= cell
    cv2.warpAffine(part, reduced, (columns, rows), dst=out, flags=flags)


class EyeReader:
    """Reader of both eyes of all faces in one batch.

    engine: a network of kind `eyes`. Raises ModelFileError for any other.
    """

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "eyes" or spec.input_px is None:
            raise ModelFileError(f"network '{spec.name}' is a {spec.kind} network; expected an eyes network")
        self.engine, self._side = engine, spec.input_px
        self._batch = np.empty((0, self._side, self._side, 3), np.uint8)

    def __call__(self, image: Image, faces: Sequence[Floats]) -> list[EyesReading | None]:
        """Return the reading of each face, in order; None for one whose points are not finite.

        image: (H, W, 3) uint8 BGR. faces: (68, 2) points px each, as the landmark network places them.
        """
        valid = [index for index, points in enumerate(faces) if np.isfinite(points[list(topology.INNER_51)]).all()]
        if not valid:
            return [None] * len(faces)
        matrices = eye_matrices(np.stack([faces[index] for index in valid]), self._side)
        readings = _in_frame(self._run(image, matrices), matrices)
        if len(valid) == len(faces):
            return list(readings)
        found = dict(zip(valid, readings, strict=True))
        return [found.get(index) for index in range(len(faces))]

    def _run(self, image: Image, matrices: Array) -> Floats:
        """Return the network's (N, 2, EYES_SIZE) outputs of the crops that the matrices describe."""
        count, half = len(matrices), self._side // 2
        if len(self._batch) < count:
            self._batch = np.empty((count, *self._batch.shape[1:]), np.uint8)
        for crop, pair in zip(self._batch, matrices, strict=False):
            cut_eye(image, pair[0], crop[:half])
            cut_eye(image, pair[1], crop[half:])
        return self.engine(self._batch[:count])[EYES_OUTPUT]


def _in_frame(outputs: Floats, matrices: Array) -> list[EyesReading]:
    """Decode (N, 2, EYES_SIZE) outputs and map them from crop px to frame px."""
    assert outputs.shape[-1] == EYES_SIZE
    back = inverse(matrices)
    px = np.sqrt((back[..., 0, :2] ** 2).sum(axis=-1)).astype(np.float32)  # frame px of a crop px
    at = EYES_COLUMNS
    placed = outputs[..., : at["iris"].stop].reshape(*outputs.shape[:2], -1, 2)
    placed = transform(placed, back)
    contour = placed[:, :, :6].copy()
    contour[:, 1] = contour[:, 1, _BACK]
    radius = outputs[..., at["iris_radius"]][..., 0] * px
    gap = np.maximum(outputs[..., at["gap"]][..., 0], 0)
    # One exponential for all scales and odds; logits of +-30 stay finite.
    powers = np.exp(np.clip(outputs[..., at["contour_scale"].start :], -30, 30))
    start = at["contour_scale"].start
    part = {name: powers[..., columns.start - start : columns.stop - start] for name, columns in at.items()}
    contour_sigma = LAPLACE_SD * part["contour_scale"] * px[..., None]
    contour_sigma[:, 1] = contour_sigma[:, 1, _BACK]
    iris_sigma = LAPLACE_SD * part["iris_scale"][..., 0] * px
    gap_sigma = LAPLACE_SD * part["gap_scale"][..., 0]
    state = part["state"] / part["state"].sum(axis=-1, keepdims=True)
    covered = part["covered"][..., 0] / (1 + part["covered"][..., 0])
    return [
        EyesReading(
            contour[i], contour_sigma[i], placed[i, :, 6], radius[i], iris_sigma[i], gap[i], gap_sigma[i], state[i],
            covered[i],
        )
        for i in range(len(outputs))
    ]  # fmt: skip
