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

from facetrack import compiled, topology
from facetrack.engine import Engine
from facetrack.errors import ModelFileError
from facetrack.geometry import cut_by
from facetrack.modelfile import EYES_COLUMNS, EYES_OUTPUT, EYES_SIZE
from facetrack.types import EyesReading, Floats, Image

Array = NDArray[np.float64]
Map = tuple[tuple[float, ...], ...]

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


def _columns(name: str, order: Sequence[int] | None = None) -> list[int]:
    """Return an output's columns for the right eye, then for the left one. order: of the left eye's points."""
    at, step = EYES_COLUMNS[name], EYES_COLUMNS[name].stop - EYES_COLUMNS[name].start
    right = list(range(at.start, at.stop))
    size = step // 6
    left = right if order is None else [right[point * size + k] for point in order for k in range(size)]
    return right + [EYES_SIZE + column for column in left]


_CONTOURS, _IRISES, _GAZES = _columns("contour", _BACK), _columns("iris"), _columns("gaze")
_TAKEN = np.array(
    [
        *_CONTOURS[:12], *_IRISES[:2], *_GAZES[:2], *_CONTOURS[12:], *_IRISES[2:], *_GAZES[2:],
        *_columns("iris_radius"), *_columns("gap"),
        *_columns("contour_scale", _BACK), *_columns("iris_scale"), *_columns("gap_scale"), *_columns("gaze_scale"),
        *_columns("state"), *_columns("covered"),
    ]
)  # fmt: skip
"""Both eyes' columns in the order in which they are decoded: each eye's seven places and its look, what is linear,
logarithms."""
_PLACES, _RADIUS, _GAP, _LOGARITHMS = slice(0, 32), slice(32, 34), slice(34, 36), slice(36, 62)
MAX_LOGIT = 30.0


def eye_matrices(points: NDArray[np.floating], columns: int, widths: float = EYE_WIDTHS) -> Array:
    """Return the (N, 2, 2, 3) affine maps from frame px to the px of each eye's crop, right and left eye.

    points: (N, 68, 2) px. columns: width of an eye's crop, px; its height is columns // 2.
    widths: width of the crop in widths of the eye.
    The crop is centred between the eye's corners and turned along the mean direction of both eyes' corners. It is
    scaled by the eye's width, but at least by the mean of both eyes' and by WIDTH_OF_NOSE. The left eye's is mirrored.
    """
    faces = points[:, _PLACED].tolist()
    return np.array([maps for maps, _, _ in (_face_maps(face, columns, widths) for face in faces)])


def _face_maps(placed: list[list[float]], columns: int, widths: float) -> tuple[list[Map], list[Map], list[float]]:
    """Return both eyes' maps into the crops, their inverses without the shift's column, and frame px of a crop px.

    Nested tuples: for one face plain numbers take a tenth of the time of arrays. The inverses are transposed, for
    points as rows, with the shift as the third row.
    """
    (ax, ay), (bx, by), (cx, cy), (dx, dy), (nx, ny) = placed
    right, left = math.hypot(bx - ax, by - ay), math.hypot(dx - cx, dy - cy)
    along_x, along_y = bx - ax + cx - dx, by - ay + cy - dy
    length = math.hypot(along_x, along_y)
    cos, sin = (along_x / length, along_y / length) if length > 1e-6 else (1.0, 0.0)
    nose = math.hypot(nx - (ax + bx + cx + dx) / 4, ny - (ay + by + cy + dy) / 4)
    least = max((right + left) / 2, WIDTH_OF_NOSE * nose, 1.0)
    middle_x, middle_y = (columns - 1) / 2, (columns // 2 - 1) / 2
    maps: list[Map] = []
    back: list[Map] = []
    px: list[float] = []
    for width, x, y, side in ((right, (ax + bx) / 2, (ay + by) / 2, 1.0), (left, (cx + dx) / 2, (cy + dy) / 2, -1.0)):
        scale = columns / (widths * max(width, least))
        c, s = cos * scale, sin * scale
        maps.append(((side * c, side * s, middle_x - side * (c * x + s * y)), (-s, c, middle_y + s * x - c * y)))
        c, s = cos / scale, sin / scale
        across, along = (side * c, side * s), (-s, c)
        shift = (x - middle_x * side * c + middle_y * s, y - middle_x * side * s - middle_y * c)
        back.append((across, along, shift))
        px.append(1 / scale)
    return maps, back, px


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
        self._eyes: list[Image] = []  # its crops, one eye each

    def __call__(self, image: Image, faces: Sequence[Floats]) -> list[EyesReading | None]:
        """Return the reading of each face, in order; None for one whose points are not finite.

        image: (H, W, 3) uint8 BGR. faces: (68, 2) points px each, as the landmark network places them.
        """
        if compiled.kernels is not None:
            return self._compiled(image, faces)
        placed = [points.take(_PLACED, axis=0).tolist() for points in faces]
        valid = [index for index, corners in enumerate(placed) if all(math.isfinite(x + y) for x, y in corners)]
        if not valid:
            return [None] * len(faces)
        maps, back, px = zip(*(_face_maps(placed[index], self._side, EYE_WIDTHS) for index in valid), strict=True)
        outputs = self._run(image, [eye for face in maps for eye in face])
        readings = _in_frame(outputs, np.array(back, np.float32), np.array(px, np.float32))
        if len(valid) == len(faces):
            return list(readings)
        found = dict(zip(valid, readings, strict=True))
        return [found.get(index) for index in range(len(faces))]

    def _compiled(self, image: Image, faces: Sequence[Floats]) -> list[EyesReading | None]:
        """Read the faces as `__call__` does, by compiled kernels."""
        readings: list[EyesReading | None] = [None] * len(faces)
        image = image if image.strides[1:] == (3, 1) else np.ascontiguousarray(image)
        back, px = np.empty((len(faces), 2, 3, 2)), np.empty((len(faces), 2))
        valid: list[int] = []
        with self._lock:
            self._make_room(len(faces))
            for i, points in enumerate(faces):
                k = len(valid)
                if compiled.kernels.cut_eyes(
                    image, points, _PLACED, EYE_WIDTHS, WIDTH_OF_NOSE, self._batch[k], back[k], px[k]
                ):
                    valid.append(i)
            outputs = self.engine(self._batch[: len(valid)])[EYES_OUTPUT] if valid else ()
        for k, i in enumerate(valid):
            values = np.empty(len(_TAKEN), np.float32)
            compiled.kernels.decode_eyes(
                outputs[k], _TAKEN, back[k], px[k], MAX_LOGIT, LAPLACE_SD, values, outputs[k].size
            )
            readings[i] = _reading(values)
        return readings

    def _make_room(self, count: int) -> None:
        """Let the batch hold so many faces at least."""
        if len(self._batch) < count:
            self._batch = np.empty((count, *self._batch.shape[1:]), np.uint8)
            self._eyes = list(self._batch.reshape(2 * count, self._side // 2, *self._batch.shape[2:]))

    def _run(self, image: Image, maps: Sequence[Map]) -> Floats:
        """Return the network's (N, 2, EYES_SIZE) outputs of the crops that the maps of all eyes describe."""
        count = len(maps) // 2
        with self._lock:
            self._make_room(count)
            for crop, eye in zip(self._eyes, maps, strict=False):
                cut_by(image, eye, crop)
            return self.engine(self._batch[:count])[EYES_OUTPUT]


def _reading(values: Floats) -> EyesReading:
    """Return decoded outputs, in the order of `_TAKEN`, by their names."""
    places, sigmas = values[_PLACES].reshape(2, 8, 2), values[_LOGARITHMS]
    return EyesReading(
        places[:, :6], sigmas[:12].reshape(2, 6), places[:, 6], values[_RADIUS], sigmas[12:14], values[_GAP],
        sigmas[14:16], sigmas[18:24].reshape(2, 3), sigmas[24:], places[:, 7], sigmas[16:18],
    )  # fmt: skip


def _in_frame(outputs: Floats, back: Floats, px: Floats) -> list[EyesReading]:
    """Decode (N, 2, EYES_SIZE) outputs and map them from crop px to frame px.

    back: (N, 2, 3, 2), maps from crop px to frame px for points as rows, the shift last. px: (N, 2), frame px of one
    crop px.
    """
    count = len(outputs)
    values = outputs.reshape(count, -1).take(_TAKEN, axis=1)
    placed = values[:, _PLACES].reshape(count, 2, 8, 2) @ back[:, :, :2]
    placed[:, :, :7] += back[:, :, 2:]
    powers = values[:, _LOGARITHMS]
    np.minimum(powers, MAX_LOGIT, out=powers)
    np.maximum(powers, -MAX_LOGIT, out=powers)
    np.exp(powers, out=powers)
    sigmas = powers[:, :18]
    sigmas *= LAPLACE_SD
    contour_sigma = sigmas[:, :12].reshape(count, 2, 6)
    contour_sigma *= px[:, :, None]
    iris_sigma, radius = sigmas[:, 12:14], values[:, _RADIUS]
    iris_sigma *= px
    radius *= px
    gap = np.maximum(values[:, _GAP], 0)
    gaze = placed[:, :, 7]
    gaze /= px[:, :, None]
    state = powers[:, 18:24].reshape(count, 2, 3)
    state /= state.sum(axis=2, keepdims=True)
    covered = powers[:, 24:]
    covered /= covered + 1
    return [
        EyesReading(
            placed[i, :, :6], contour_sigma[i], placed[i, :, 6], radius[i], iris_sigma[i], gap[i],
            sigmas[i, 14:16], state[i], covered[i], gaze[i], sigmas[i, 16:],
        )
        for i in range(count)
    ]  # fmt: skip
