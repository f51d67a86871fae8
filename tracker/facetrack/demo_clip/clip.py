"""A clip whose truth is known: a virtual camera pans, zooms and rolls over a photograph whose face blinks and yawns.

It serves `facetrack demo` and the tests. Every frame is a function of the options and its index alone, so frames can be
drawn in any order and are the same each time.
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
"""How fast lids fall and rise: they close in some 70-100 ms and open more slowly (Caffier et al., 2003)."""
_ENTER_S = 0.3
"""How long the face takes to leave the view and to come back, and a cover to slide over it."""
_SEAM_PX = 400
"""Where the second face's mirrored photograph is joined on, so that two faces come near each other."""
_MARGIN_PX = 200
"""Soft continuation of the scene on all sides, in photograph px."""
_SOFT_PX = 12
"""Width of the photograph's rim that fades into it; the hair begins 15 px below the upper edge."""


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """What the clip shows.

    size: (width, height) px. speed: factor on the pace of the camera. noise_sigma: of the sensor, in grey levels.
    faces: 1, or 2 (the second is the first one mirrored, with its own blinks and yawns).
    blinks, yawns: (start, end) in seconds, of every face; None for a schedule drawn from the seed.
    absent: spans in which every face is out of view. covered: spans in which a board hides the first face.
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
    """One face of a frame as it really is.

    points: (68, 2) float32 px of the frame, also where they lie outside it. visible: (68,) bool, inside the frame and
    not behind the board. closure: of the eyelids, 0 open to 1 closed. opening: of the jaw, from the photograph's
    smile 0 to a yawn 1.
    """

    points: Floats
    visible: NDArray[np.bool_]
    closure: float
    opening: float


class SyntheticClip:
    """Iterate for (Frame, one FaceTruth per face); `render(index)` draws any one frame."""

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
        """Frame `index` at index / fps seconds, and what is true of it."""
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
        image = self._film(camera, board, index)
        return Frame(image, time_s, index), tuple(faces)

    def camera(self, time_s: float) -> Array:
        """(2, 3) from photograph px to frame px: a turn, a scale and a shift."""
        return self._path(time_s, self._anchor(), self._eye_distance())

    def _anchor(self) -> Array:
        """(2,) scene px that the camera aims at: the face, or the middle between two."""
        middle = self._puppet.points.mean(axis=0)
        return middle if self.options.faces == 1 else np.array([_SEAM_PX - 0.5, middle[1]])

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
        """Points (68, 2) of the photograph -> of face `number` in the scene, both in photograph px."""
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

    def _film(self, camera: Array, board: Array | None, index: int) -> Image:
        # Scene px, enlarged and with a margin -> photograph px, by pixel centres; then the camera.
        offset = (0.5 / SCALE - 0.5) - _MARGIN_PX
        matrix = np.column_stack([camera[:, :2] / SCALE, camera[:, :2] @ [offset, offset] + camera[:, 2]])
        border = cv2.BORDER_REPLICATE
        filmed = cv2.warpAffine(self._scene, matrix, self.options.size, flags=cv2.INTER_LINEAR, borderMode=border)
        image = np.asarray(filmed, dtype=np.uint8)
        if board is not None:
            cv2.fillConvexPoly(image, np.rint(board * 16).astype(np.int32), (96, 118, 132), cv2.LINE_AA, shift=4)
        if self.options.noise_sigma <= 0:
            return image
        x, y = np.random.default_rng((self.options.seed, index)).integers(0, 64, 2)
        noise = self._noise[y : y + image.shape[0], x : x + image.shape[1]]
        return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), dtype=np.uint8)

    def _board(self, time_s: float, camera: Array) -> Array | None:
        """(4, 2) corners in frame px of the board in front of the first face, or None."""
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
    """Smooth camera motion: sums of three sines below half a hertz (times the speed) for place, size and roll."""

    def __init__(self, options: ClipOptions, rng: np.random.Generator) -> None:
        self._options = options
        self._hz = rng.uniform(0.08, 0.45, (4, 3)) * options.speed
        self._phase = rng.uniform(0.0, 2 * np.pi, (4, 3))

    def __call__(self, time_s: float, anchor: Array, eye_distance_px: float) -> Array:
        """(2, 3) scene px -> frame px, with the anchor where the path has it."""
        options = self._options
        x, y, zoom, roll = np.sin(2 * np.pi * self._hz * time_s + self._phase).mean(axis=1)
        width, height = options.size
        alone = options.faces == 1
        centre = np.array([width * (0.5 + (0.28 if alone else 0.1) * x), height * (0.5 + (0.2 if alone else 0.15) * y)])
        away = max((_ramp(time_s, span) for span in options.absent), default=0.0)
        centre[0] += away * 1.6 * width
        # Eyes a sixth of the frame's width apart, a tenth where two have to fit, within a factor of 1.6 either way.
        scale = width * (0.17 if alone else 0.105) * (1.6 if alone else 1.25) ** (1.5 * zoom) / eye_distance_px
        angle = np.radians(30.0 if alone else 15.0) * roll
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.column_stack([turn, centre - turn @ anchor])


def _scene(photograph: Image, faces: int) -> Image:
    """The enlarged photograph, or two joined as in a mirror, with soft margins."""
    if faces == 2:
        half = photograph[:, : SCALE * _SEAM_PX]
        photograph = np.concatenate([half, half[:, ::-1]], axis=1)
    margin, soft = SCALE * _MARGIN_PX, SCALE * _SOFT_PX
    scene = cv2.copyMakeBorder(photograph, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    small = cv2.resize(scene, None, fx=1 / 16, fy=1 / 16, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cv2.GaussianBlur(small, (0, 0), 6), scene.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    height, width = scene.shape[:2]
    # How far inside the photograph each row and column lies: it fades into its surroundings at the edges.
    inside_x, inside_y = (
        np.clip((np.minimum(np.arange(n), np.arange(n)[::-1]) - margin) / soft, 0.0, 1.0) for n in (width, height)
    )
    cover = np.outer(inside_y, inside_x).astype(np.float32)
    return np.asarray(cv2.blendLinear(scene, blurred, cover, 1.0 - cover), dtype=np.uint8)


def _smoothstep(share: float) -> float:
    share = min(max(share, 0.0), 1.0)
    return share * share * (3.0 - 2.0 * share)


def _blink(time_s: float, span: Span) -> float:
    """0..1: down in _CLOSE_S, up in _REOPEN_S (or less in a short blink), closed in between."""
    start, end = span
    squeeze = min(1.0, 0.8 * (end - start) / (_CLOSE_S + _REOPEN_S))
    falling = (time_s - start) / (_CLOSE_S * squeeze)
    rising = (end - time_s) / (_REOPEN_S * squeeze)
    return _smoothstep(min(falling, rising))


def _yawn(time_s: float, span: Span) -> float:
    """0..1, a raised cosine over the span."""
    start, end = span
    if not start < time_s < end:
        return 0.0
    return float(0.5 - 0.5 * np.cos(2 * np.pi * (time_s - start) / (end - start)))


def _ramp(time_s: float, span: Span) -> float:
    """1 within the span, 0 from _ENTER_S outside it."""
    start, end = span
    return _smoothstep(min(time_s - start, end - time_s) / _ENTER_S + 1.0)
