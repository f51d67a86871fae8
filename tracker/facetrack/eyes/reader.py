"""A second look at both eyes of every face, by a small network on crops cut around each eye.

The landmark network sees a whole face at 112 px, in which an eye is 12 to 20 px wide; here it is 28. Right and left are
the person's own. The left eye is mirrored, so that the network sees right eyes only; both lie in one square crop, the
right eye above the left, which makes one row of the batch per face.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import cut_by, inverse
from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT
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
_PLACED = np.array([ORDER[0][0], ORDER[0][3], ORDER[1][0], ORDER[1][3], topology.NOSE_BASE[2]])
"""Outer and inner corner of the right and of the left eye, base of the nose."""
_BACK = [list(topology.RIGHT_EYE).index(int(topology.FLIP[p])) for p in topology.LEFT_EYE]
"""Where each of the left eye's points lies in the network's order."""
_LOGARITHMS = EYES_COLUMNS["contour_scale"].start
"""First column of logarithms and logits; positions and the gap come before."""
_EXPONENTS = {
    name: slice(columns.start - _LOGARITHMS, columns.stop - _LOGARITHMS)
    for name, columns in EYES_COLUMNS.items()
    if columns.start >= _LOGARITHMS
}
MAX_LOGIT = 30.0


def eye_matrices(points: NDArray[np.floating], columns: int, widths: float = EYE_WIDTHS) -> Array:
    """Return the (N, 2, 2, 3) affine maps from frame px to the px of each eye's crop, right and left eye.

    points: (N, 68, 2) px. columns: width of an eye's crop, px; its height is columns // 2.
    widths: width of the crop in widths of the eye.
    The crop is centred between the eye's corners and turned along the mean direction of both eyes' corners. It is
    scaled by the eye's width, but at least by the mean of both eyes' and by WIDTH_OF_NOSE. The left eye's is mirrored.
    """
    return np.array([_face_matrices(face, columns, widths) for face in points[:, _PLACED].tolist()])


def _face_matrices(placed: list[list[float]], columns: int, widths: float) -> tuple[tuple[object, ...], ...]:
    """Return both eyes' maps as nested tuples: for one face plain numbers take a tenth of the time of arrays."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy), (nx, ny) = placed
    right, left = math.hypot(bx - ax, by - ay), math.hypot(dx - cx, dy - cy)
    along_x, along_y = bx - ax + cx - dx, by - ay + cy - dy
    length = math.hypot(along_x, along_y)
    cos, sin = (along_x / length, along_y / length) if length > 1e-6 else (1.0, 0.0)
    nose = math.hypot(nx - (ax + bx + cx + dx) / 4, ny - (ay + by + cy + dy) / 4)
    least = max((right + left) / 2, WIDTH_OF_NOSE * nose, 1.0)
    middle_x, middle_y = (columns - 1) / 2, (columns // 2 - 1) / 2
    maps = []
    for width, x, y, side in ((right, (ax + bx) / 2, (ay + by) / 2, 1.0), (left, (cx + dx) / 2, (cy + dy) / 2, -1.0)):
        scale = columns / (widths * max(width, least))
        c, s = cos * scale, sin * scale
        maps.append(
            ((side * c, side * s, middle_x - side * (c * x + s * y)), (-s, c, middle_y + s * x - c * y))
        )  # fmt: skip
    return tuple(maps)


class EyeReader:
    """Reader of both eyes of all faces in one batch.

    engine: a network of kind `eyes`. Raises ModelFileError for any other.
    """

    def __init__(self, engine: Engine) -> None:
        spec = engine.spec
        if spec.kind != "eyes" or spec.input_px is None:
            raise ModelFileError(f"network '{spec.name}' is a {spec.kind} network; expected an eyes network")
        self.engine, self._side = engine, spec.input_px
        self._lock = threading.Lock()  # of the batch: trackers may share a reader
        self._batch = np.empty((0, self._side, self._side, 3), np.uint8)

    def __call__(self, image: Image, faces: Sequence[Floats]) -> list[EyesReading | None]:
        """Return the reading of each face, in order; None for one whose points are not finite.

        image: (H, W, 3) uint8 BGR. faces: (68, 2) points px each, as the landmark network places them.
        """
        placed = [points[_PLACED].tolist() for points in faces]
        valid = [index for index, corners in enumerate(placed) if all(math.isfinite(x + y) for x, y in corners)]
        if not valid:
            return [None] * len(faces)
        matrices = np.array([_face_matrices(placed[index], self._side, EYE_WIDTHS) for index in valid])
        readings = _in_frame(self._run(image, matrices), matrices)
        if len(valid) == len(faces):
            return list(readings)
        found = dict(zip(valid, readings, strict=True))
        return [found.get(index) for index in range(len(faces))]

    def _run(self, image: Image, matrices: Array) -> Floats:
        """Return the network's (N, 2, EYES_SIZE) outputs of the crops that the matrices describe."""
        count, half = len(matrices), self._side // 2
        with self._lock:
            if len(self._batch) < count:
                self._batch = np.empty((count, *self._batch.shape[1:]), np.uint8)
            for crop, pair in zip(self._batch, matrices, strict=False):
                cut_by(image, pair[0], crop[:half])
                cut_by(image, pair[1], crop[half:])
            return self.engine(self._batch[:count])[EYES_OUTPUT]


def _in_frame(outputs: Floats, matrices: Array) -> list[EyesReading]:
    """Decode (N, 2, EYES_SIZE) outputs and map them from crop px to frame px."""
    at, exponents = EYES_COLUMNS, _EXPONENTS
    back = inverse(matrices).astype(np.float32)
    px = np.sqrt((back[:, :, :1, :2] ** 2).sum(axis=-1))  # (N, 2, 1) frame px of a crop px
    placed = outputs[..., : at["iris"].stop].reshape(len(outputs), 2, -1, 2)
    placed = placed @ back[..., :2].swapaxes(-1, -2) + back[:, :, None, :, 2]
    powers = np.exp(np.minimum(np.maximum(outputs[..., _LOGARITHMS:], -MAX_LOGIT), MAX_LOGIT))
    scales = powers * (np.float32(LAPLACE_SD) * px)
    contour, contour_sigma = placed[:, :, :6], scales[..., exponents["contour_scale"]]
    contour[:, 1], contour_sigma[:, 1] = contour[:, 1, _BACK], contour_sigma[:, 1, _BACK]
    radius = outputs[..., at["iris_radius"].start] * px[..., 0]
    iris_sigma = scales[..., exponents["iris_scale"].start]
    gap = np.maximum(outputs[..., at["gap"].start], 0)
    gap_sigma = np.float32(LAPLACE_SD) * powers[..., exponents["gap_scale"].start]
    state = powers[..., exponents["state"]]
    state = state / state.sum(axis=-1, keepdims=True)
    odds = powers[..., exponents["covered"].start]
    covered = odds / (1 + odds)
    return [
        EyesReading(
            contour[i], contour_sigma[i], placed[i, :, 6], radius[i], iris_sigma[i], gap[i], gap_sigma[i], state[i],
            covered[i],
        )
        for i in range(len(outputs))
    ]  # fmt: skip
