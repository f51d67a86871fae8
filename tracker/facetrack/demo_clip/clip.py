"""Synthetic clip with ground truth: a virtual camera pans, zooms and rolls over a photograph that blinks and yawns.

For `facetrack demo` and the tests. Every frame is a function of the options and its index only, so frames can be
rendered in any order and are reproducible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.demo_clip.puppet import PATCH, Puppet
from facetrack.photograph import SCALE
from facetrack.types import Floats, Frame, Image

Array = NDArray[np.float64]
Span = tuple[float, float]

_CLOSE_S, _REOPEN_S = 0.07, 0.12
"""Durations of the lids' closing, some 70-100 ms, and of their slower reopening (Caffier et al., 2003)."""
_ENTER_S = 0.3
"""Duration in which the face leaves or re-enters the view, and in which the occluder moves over it."""
_SEAM_PX = 400
"""Column at which the mirrored photograph of the second face is joined, so that the two faces are near each other."""
_MARGIN_PX = 200
"""Width of the blurred continuation of the scene on all sides, in photograph px."""
_SOFT_PX = 12
"""Width of the photograph's rim that is blended into it; the hair begins 15 px below the upper edge."""


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """Content of the clip; spans are (start, end) in seconds.

    size: (width, height) px.
    noise_sigma: standard deviation of the sensor noise, in grey levels.
    speed: factor on the speed of the camera.
    faces: 1, or 2 (the second is the mirrored first one, with its own blinks and yawns).
    blinks, yawns: spans, the same for every face; None for a random schedule from the seed.
    absent: spans in which every face is out of view.
    covered: spans in which a board occludes the first face.
    """

    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    duration_s: float = 10.0
    seed: int = 0
    noise_sigma: float = 2.0
    speed: float = 1.0
    faces: int = 1
    blinks: tuple[Span, ...] | None = None
    yawns: tuple[Span, ...] | None = None
    absent: tuple[Span, ...] = ()
    covered: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if self.faces not in (1, 2):
            raise ValueError(f"faces must be 1 or 2, got {self.faces}")
        if min(self.fps, self.duration_s, *self.size) <= 0:
            raise ValueError(f"size, fps and duration_s must be above 0, got {self}")


@dataclass(frozen=True, slots=True, eq=False)
class FaceTruth:
    """Ground truth of one face in a frame.

    points: (68, 2) float32 px of the frame, possibly outside it.
    visible: (68,) bool, inside the frame and not occluded by the board.
    closure: of the eyelids, 0 open to 1 closed.
    opening: of the jaw, 0 (the photograph's smile) to 1 (a yawn).
    """

    points: Floats
    visible: NDArray[np.bool_]
    closure: float
    opening: float


class SyntheticClip:
    """Iterable of (Frame, one FaceTruth per face); `render(index)` renders a single frame."""

    def __init__(self, options: ClipOptions | None = None) -> None:
        self.options = options or ClipOptions()
        self._puppet = Puppet()
        self._scene = _scene(self._puppet.image, self.options.faces)
        rng = np.random.default_rng(self.options.seed)
        self._path = _Path(self.options, rng)
        self._blinks = [self._schedule(self.options.blinks, rng, 2.6, (0.15, 0.3)) for _ in range(self.options.faces)]
        self._yawns = [self._schedule(self.options.yawns, rng, 4.0, (0.8, 2.0)) for _ in range(self.options.faces)]
        width, height = self.options.size
        noise = rng.normal(0.0, self.options.noise_sigma, (height + 64, width + 64, 3))
        self._noise = np.rint(noise).astype(np.int16)

    def __len__(self) -> int:
        return round(self.options.duration_s * self.options.fps)

    def __iter__(self) -> Iterator[tuple[Frame, tuple[FaceTruth, ...]]]:
        for index in range(len(self)):
            yield self.render(index)

    def render(self, index: int) -> tuple[Frame, tuple[FaceTruth, ...]]:
        """Render frame `index`, at index / fps seconds, and its ground truth."""
        time_s = index / self.options.fps
        camera = self.camera(time_s)
        board = self._board(time_s, camera)
        faces = []
        for number in range(self.options.faces):
            closure = max((_blink(time_s, span) for span in self._blinks[number]), default=0.0)
            opening = max((_yawn(time_s, span) for span in self._yawns[number]), default=0.0)
            patch, points = self._puppet.pose(closure, opening)
            self._insert(patch, number)
            in_frame = self._in_scene(points, number) @ camera[:, :2].T + camera[:, 2]
            faces.append(FaceTruth(in_frame.astype(np.float32), self._visible(in_frame, board), closure, opening))
        image = self._render_image(camera, board, index)
        return Frame(image, time_s=time_s, index=index), tuple(faces)

    def camera(self, time_s: float) -> Array:
        """Return the (2, 3) similarity transform from photograph px to frame px."""
        return self._path(time_s, self._anchor(), self._eye_distance())

    def _anchor(self) -> Array:
        """Return the camera's target, (2,) scene px: the face's centre, or the point midway between two faces."""
        centre = self._puppet.points.mean(axis=0)
        return centre if self.options.faces == 1 else np.array([_SEAM_PX - 0.5, centre[1]])

    def _eye_distance(self) -> float:
        return float(np.linalg.norm(np.diff(self._puppet.points[list(topology.EYE_OUTER_CORNERS)], axis=0)))

    def _schedule(
        self, given: tuple[Span, ...] | None, rng: np.random.Generator, every_s: float, length_s: Span
    ) -> tuple[Span, ...]:
        if given is not None:
            return given
        starts = np.arange(0.4, 1.0, 1.0) * every_s + np.arange(0.0, self.options.duration_s, every_s)
        starts = starts + rng.uniform(-0.2, 0.2, len(starts)) * every_s
        return tuple((float(start), float(start + rng.uniform(*length_s))) for start in starts)

    def _in_scene(self, points: Array, number: int) -> Array:
        """Map points (68, 2) of the photograph to face `number` in the scene, both in photograph px."""
        if number == 0:
            return points
        mirrored = points[topology.FLIP].copy()
        mirrored[:, 0] = 2 * _SEAM_PX - 1 - mirrored[:, 0]
        return mirrored

    def _insert(self, patch: Image, number: int) -> None:
        x0, y0, x1, y1 = PATCH
        if number == 1:
            patch, x0, x1 = patch[:, ::-1], 2 * _SEAM_PX - x1, 2 * _SEAM_PX - x0
        x0, y0, x1, y1 = (SCALE * (edge + _MARGIN_PX) for edge in (x0, y0, x1, y1))
        self._scene[y0:y1, x0:x1] = patch

    def _render_image(self, camera: Array, board: Array | None, index: int) -> Image:
        # Enlarged scene px, with margin -> photograph px, in the pixel-centre convention; then the camera.
        offset = (0.5 / SCALE - 0.5) - _MARGIN_PX
        matrix = np.column_stack([camera[:, :2] / SCALE, camera[:, :2] @ [offset, offset] + camera[:, 2]])
        border = cv2.BORDER_REPLICATE
        warped = cv2.warpAffine(self._scene, matrix, self.options.size, flags=cv2.INTER_LINEAR, borderMode=border)
        image = np.asarray(warped, dtype=np.uint8)
        if board is not None:
            cv2.fillConvexPoly(image, np.rint(board * 16).astype(np.int32), (96, 118, 132), cv2.LINE_AA, shift=4)
        if self.options.noise_sigma <= 0:
            return image
        x, y = np.random.default_rng((self.options.seed, index)).integers(0, 64, 2)
        noise = self._noise[y : y + image.shape[0], x : x + image.shape[1]]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)

    def _board(self, time_s: float, camera: Array) -> Array | None:
        """Return the (4, 2) corners, frame px, of the board in front of the first face; None if there is none."""
        inward = max((_ramp(time_s, span) for span in self.options.covered), default=0.0)
        if inward == 0.0:
            return None
        face = self._puppet.points @ camera[:, :2].T + camera[:, 2]
        low, high = face.min(axis=0) - 20.0, face.max(axis=0) + 20.0
        shift = (1.0 - inward) * (self.options.size[0] - low[0])
        low[0], high[0] = low[0] + shift, high[0] + shift
        return np.array([low, [high[0], low[1]], high, [low[0], high[1]]])

    def _visible(self, points: Array, board: Array | None) -> NDArray[np.bool_]:
        inside = np.all((points >= 0) & (points <= np.array(self.options.size) - 1), axis=1)
        if board is None:
            return inside
        return inside & ~np.all((points >= board[0]) & (points <= board[2]), axis=1)


class _Path:
    """Smooth camera motion: sums of three sines below .5 Hz (times the speed) for position, scale and roll."""

    def __init__(self, options: ClipOptions, rng: np.random.Generator) -> None:
        self._options = options
        self._hz = rng.uniform(0.08, 0.45, (4, 3)) * options.speed
        self._phase = rng.uniform(0.0, 2 * np.pi, (4, 3))

    def __call__(self, time_s: float, anchor: Array, eye_distance_px: float) -> Array:
        """Return the (2, 3) transform from scene px to frame px that puts the anchor on the path."""
        options = self._options
        x, y, zoom, roll = np.sin(2 * np.pi * self._hz * time_s + self._phase).mean(axis=1)
        width, height = options.size
        single = options.faces == 1
        x_range, y_range = (0.28, 0.2) if single else (0.1, 0.15)
        centre = np.array([width * (0.5 + x_range * x), height * (0.5 + y_range * y)])
        away = max((_ramp(time_s, span) for span in options.absent), default=0.0)
        centre[0] += away * 1.6 * width
        # Eye distance about a sixth of the frame's width, a tenth for two faces; zoom by up to 1.6^1.5 (1.25^1.5) each
        # way.
        scale = width * (0.17 if single else 0.105) * (1.6 if single else 1.25) ** (1.5 * zoom) / eye_distance_px
        angle = np.radians(30.0 if single else 15.0) * roll
        rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.column_stack([rotation, centre - rotation @ anchor])


def _scene(photograph: Image, faces: int) -> Image:
    """Return the enlarged photograph, or it and its mirror image side by side, with blurred margins."""
    if faces == 2:
        half = photograph[:, : SCALE * _SEAM_PX]
        photograph = np.concatenate([half, half[:, ::-1]], axis=1)
    margin, soft = SCALE * _MARGIN_PX, SCALE * _SOFT_PX
    scene = cv2.copyMakeBorder(photograph, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    small = cv2.resize(scene, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cv2.GaussianBlur(small, (0, 0), 6), scene.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    height, width = scene.shape[:2]
    # Weight of each column and row by its distance from the photograph's edge: 0 in the margin, 1 beyond `soft`.
    weight_x, weight_y = (
        np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) - margin) / soft, 0.0, 1.0) for n in (width, height)
    )
    alpha = np.outer(weight_y, weight_x).astype(np.float32)
    return np.asarray(cv2.blendLinear(scene, blurred, alpha, 1.0 - alpha), dtype=np.uint8)


def _smoothstep(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _blink(time_s: float, span: Span) -> float:
    """Return the eyelid closure, 0..1: closing in _CLOSE_S, reopening in _REOPEN_S, both shorter in a short blink."""
    start, end = span
    squeeze = min(1.0, 0.8 * (end - start) / (_CLOSE_S + _REOPEN_S))
    falling = (time_s - start) / (_CLOSE_S * squeeze)
    rising = (end - time_s) / (_REOPEN_S * squeeze)
    return _smoothstep(min(falling, rising))


def _yawn(time_s: float, span: Span) -> float:
    """Return the jaw opening, 0..1: a raised cosine over the span."""
    start, end = span
    if not start < time_s < end:
        return 0.0
    return float(0.5 - 0.5 * np.cos(2 * np.pi * (time_s - start) / (end - start)))


def _ramp(time_s: float, span: Span) -> float:
    """Return 1 within the span, 0 beyond _ENTER_S outside it, with a smooth transition."""
    start, end = span
    return _smoothstep(min(time_s - start, end - time_s) / _ENTER_S + 1.0)
