"""Synthetic faces without external data: painted parametric heads, and a photograph with moved lids and jaw.

Every point is exact. The whole pipeline can be run on them; a network trained on them alone locates painted faces well
and real ones roughly. As in 300-W the jaw's points lie on the visible outline, not at fixed points of the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import rotation_from_deg
from facetrack.demo_clip.puppet import PATCH, SCALE, Puppet
from facetrack.geometry import CropBox, crop_matrix, cut, transform
from facetrack.types import Floats, Image
from facetrain.sample import POSE_ANGLES, Sample
from facetrain.synth.head_paint import PX_PER_MM, SIZE, paint
from facetrain.synth.head_shape import STEP_MM, X_MM, Y_MM, random_shape, sample_surface, surface

Array = NDArray[np.float64]
Rng = np.random.Generator

SIDE_PX = 192
"""Side of the square images; a face spans about half of it."""
SUPERSAMPLING = 2
"""Supersampling factor."""
PUPPET_SHARE = 0.15
YAW_DEG, PITCH_DEG, ROLL_DEG = 18.0, 9.0, 10.0
"""Standard deviations; yaw and pitch are clipped at twice that: a surface over the face plane has no back."""
PATH_SHARES = np.linspace(1.0, 0.45, 16)
"""Positions searched for the visible outline, as shares of the distance from the middle of the face to the jaw."""


def read_synthetic(count: int, seed: int = 0) -> list[Sample]:
    """Draw `count` samples in the 68-point scheme; sample i is a function of (seed, i) alone."""
    return [draw(seed, index) for index in range(count)]


def draw(seed: int, index: int) -> Sample:
    """Draw one sample.

    Attributes: eyes_open, mouth_open and smile 0/1 where unambiguous, and the angles yaw_deg, pitch_deg, roll_deg of
    painted heads (signs as in `facetrack.types.Pose`).
    """
    rng = np.random.default_rng((seed, index))
    if rng.random() < PUPPET_SHARE:
        return _photograph_sample(rng, index)
    return _painted_head(rng, index)


@dataclass(frozen=True, slots=True, eq=False)
class _Camera:
    """Perspective camera of a painted head.

    rotation: (3, 3) head to camera.
    distance_mm: distance of the head's origin.
    scale: px per mm at that distance.
    centre: (2,) px of the head's origin.
    """

    rotation: Array
    distance_mm: float
    scale: float
    centre: Array

    def project(self, points: Array) -> Array:
        """Project (..., 3) mm to (..., 2) px."""
        rotated = points @ self.rotation.T
        return rotated[..., :2] * (self.scale * self.distance_mm / (rotated[..., 2:] + self.distance_mm)) + self.centre


def _painted_head(rng: Rng, index: int) -> Sample:
    shape = random_shape(rng)
    depth = surface(shape.points)
    angles = _angles(rng)
    side = SIDE_PX * SUPERSAMPLING
    view = _Camera(
        rotation_from_deg(*angles), float(rng.uniform(350, 1200)), side * float(rng.uniform(0.38, 0.56)) / 165,
        np.array([side / 2, side / 2 - 0.1 * side]) + rng.normal(0, 0.04 * side, 2),
    )  # fmt: skip
    points = _with_visible_jaw(shape.points, depth, view)
    skin, head, colour = paint(shape, rng)
    lit = _shade(skin, depth, view, rng)
    scene = _background(side, rng)
    _body(scene, view, colour, rng)
    _splat(scene, lit, head, depth, view)
    image = np.asarray(cv2.resize(scene, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    on_image = ((view.project(points) + 0.5) / SUPERSAMPLING - 0.5).astype(np.float32)
    attributes = _attributes(max(shape.closure), min(shape.closure), shape.opening)
    attributes |= dict(zip(POSE_ANGLES, angles, strict=True))
    if abs(shape.smile - 0.25) > 0.15:
        attributes["smile"] = float(shape.smile > 0.25)
    return _sample(f"head_{index:06d}.png", f"head_{index:06d}", _add_camera_noise(image, rng), on_image, attributes)


def _attributes(closure: float, min_closure: float, opening: float) -> dict[str, float | str]:
    """Return binary labels where unambiguous: a half-closed eye has none."""
    labels: dict[str, float | str] = {}
    if closure < 0.4 or min_closure > 0.8:
        labels["eyes_open"] = float(closure < 0.4)
    if opening < 0.1 or opening > 0.3:
        labels["mouth_open"] = float(opening > 0.3)
    return labels


def _sample(name: str, group: str, image: Image, points: Floats, attributes: dict[str, float | str]) -> Sample:
    ones = np.ones(topology.N_POINTS, np.float32)
    return Sample(name, group, "synthetic", image, points, ones, attributes=attributes)


def _angles(rng: Rng) -> tuple[float, float, float]:
    yaw, pitch = (float(np.clip(rng.normal(0, s), -2 * s, 2 * s)) for s in (YAW_DEG, PITCH_DEG))
    return yaw, pitch, float(rng.normal(0, ROLL_DEG))


def _with_visible_jaw(points: Array, depth: NDArray[np.float32], view: _Camera) -> Array:
    """Place the points on the surface, and the jaw's points on its visible outline, as 300-W labels it.

    The outline is the outermost projection among candidates between the jaw and the middle of the face.
    """
    points = points.copy()
    points[:, 2] = sample_surface(depth, points[:, :2])
    jaw = points[list(topology.JAW)]
    middle = np.array([0.0, points[topology.NOSE_TIP, 1]])
    paths = middle + (jaw[:, None, :2] - middle) * np.stack([PATH_SHARES, 0.3 * PATH_SHARES + 0.7], axis=1)
    candidates = np.concatenate([paths, sample_surface(depth, paths)[..., None]], axis=-1)
    projected = view.project(candidates)
    outward = view.project(jaw) - view.project(points[topology.NOSE_TIP])
    best = (projected * outward[:, None]).sum(axis=-1).argmax(axis=1)
    points[list(topology.JAW)] = candidates[np.arange(len(jaw)), best]
    return points


def _grid(depth: NDArray[np.float32]) -> Array:
    """Return the (H, W, 3) position in mm of each painted pixel."""
    x = X_MM[0] + np.arange(SIZE[0]) / PX_PER_MM
    y = Y_MM[0] + np.arange(SIZE[1]) / PX_PER_MM
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    return np.concatenate([plane, _to_pixels(depth)[..., None]], axis=-1)


def _to_pixels(nodes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interpolate values on the surface's nodes linearly to the painted pixels."""
    step = np.float32(PX_PER_MM * STEP_MM)
    columns, rows = np.meshgrid(*(np.arange(count, dtype=np.float32) / step for count in SIZE))
    interpolated = cv2.remap(nodes, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(interpolated, dtype=np.float32)


def _splat(scene: Image, skin: Image, head: NDArray[np.uint8], depth: NDArray[np.float32], view: _Camera) -> None:
    """Draw the surface into the scene pixel by pixel from back to front (painter's algorithm), and fill holes.

    Rows and columns are traversed towards the camera, which is the correct order for a surface over a plane: the last
    pixel drawn at a position wins.
    """
    to_camera = view.rotation.T @ np.array([0.0, 0.0, -1.0])
    step = tuple(slice(None, None, 1 if to_camera[axis] >= 0 else -1) for axis in (1, 0))
    grid, colours, on_head = _grid(depth)[step], skin[step], head[step] > 127
    position = np.rint(view.project(grid[on_head])).astype(np.int64)
    side = scene.shape[0]
    inside = ((position >= 0) & (position < side)).all(axis=1)
    flat = position[inside, 1] * side + position[inside, 0]
    drawn = np.zeros((side, side), np.uint8)
    layer = np.zeros_like(scene)
    layer.reshape(-1, 3)[flat] = colours[on_head][inside]
    drawn.reshape(-1)[flat] = 255
    closed = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = (closed > 0) & (drawn == 0)
    blurred = cv2.blur(layer.astype(np.float32), (5, 5))
    share = cv2.blur(drawn.astype(np.float32) / 255, (5, 5))[..., None]
    layer[holes] = (blurred / np.maximum(share, 0.04))[holes].clip(0, 255).astype(np.uint8)
    scene[closed > 0] = layer[closed > 0]


def _shade(skin: Image, depth: NDArray[np.float32], view: _Camera, rng: Rng) -> Image:
    """Shade by Lambert's law under one lamp and ambient light, with a weak highlight."""
    dz_dy, dz_dx = np.gradient(cv2.GaussianBlur(depth, (0, 0), 0.7), STEP_MM)
    normal = np.stack([dz_dx, dz_dy, -np.ones_like(dz_dx)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lamp = np.array([rng.normal(0, 0.6), rng.normal(-0.4, 0.4), -1.0])
    lamp = view.rotation.T @ (lamp / np.linalg.norm(lamp))
    ambient = rng.uniform(0.35, 0.75)
    facing = np.clip(normal @ lamp, 0, 1)
    shade = ambient + (1.1 - ambient) * facing
    shine = rng.uniform(0, 40) * facing**18
    both = _to_pixels(np.dstack([shade, shine]).astype(np.float32))
    return np.clip(skin * both[..., :1] + both[..., 1:], 0, 255).astype(np.uint8)


def _background(side: int, rng: Rng) -> Image:
    """Draw a blurred random background of colour patches."""
    size = int(rng.integers(2, 8))
    patches = rng.uniform(20, 235, (size, size, 1)) + rng.normal(0, 25, (size, size, 3))
    interpolation = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    scene = cv2.resize(np.clip(patches, 0, 255).astype(np.uint8), (side, side), interpolation=interpolation)
    for _ in range(int(rng.integers(0, 7))):
        low, high = rng.integers(-side // 4, side, 2), rng.integers(10, side, 2)
        colour = tuple(float(v) for v in rng.uniform(20, 230) + rng.normal(0, 35, 3))
        cv2.rectangle(scene, (int(low[0]), int(low[1])), (int(low[0] + high[0]), int(low[1] + high[1])), colour, -1)
    return np.asarray(cv2.blur(scene, (int(rng.integers(1, 14)),) * 2), dtype=np.uint8)


def _body(scene: Image, view: _Camera, skin: tuple[float, float, float], rng: Rng) -> None:
    """Draw shoulders, neck and ears behind the head."""

    def at(x: float, y: float, z: float) -> tuple[int, int]:
        px, py = view.project(np.array([x, y, z]))
        return round(float(px)), round(float(py))

    unit = view.scale
    cloth = tuple(float(v) for v in rng.integers(0, 230, 3))
    dark = (skin[0] * 0.62, skin[1] * 0.62, skin[2] * 0.62)
    x, y = at(0, 235, 70)
    cv2.ellipse(scene, (x, y), (round(190 * unit), round(90 * unit)), 0, 0, 360, cloth, -1, cv2.LINE_AA)
    neck = [at(-52, 60, 70), at(52, 60, 70), at(60, 190, 70), at(-60, 190, 70)]
    cv2.fillPoly(scene, [np.array(neck, np.int32)], dark, cv2.LINE_AA)
    for side in (-1, 1):
        axes = (round(12 * unit), round(27 * unit))
        cv2.ellipse(scene, at(side * 76, 16, 60), axes, side * -8, 0, 360, dark, -1, cv2.LINE_AA)


def _add_camera_noise(image: Image, rng: Rng) -> Image:
    """Apply a camera's channel gains and noise."""
    gain = rng.normal(1.0, 0.06, 3) * rng.uniform(0.75, 1.15)
    noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(0, 5)
    return np.clip(image * gain.astype(np.float32) + noise, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _puppet() -> Puppet:
    return Puppet()


def _photograph_sample(rng: Rng, index: int) -> Sample:
    """Draw a sample of the astronaut's photograph; all of them are one group, since it is one person."""
    puppet = _puppet()
    closure, opening = (float(np.clip(rng.uniform(-0.6, 1.3), 0, 1)) for _ in range(2))
    patch, points = puppet.pose(closure, opening)
    x0, y0, x1, y1 = (SCALE * edge for edge in PATCH)
    margin = 120
    around = puppet.image[y0 - margin : y1 + margin, x0 - 2 * margin : x1 + 2 * margin].copy()
    around[margin : margin + y1 - y0, 2 * margin : 2 * margin + x1 - x0] = patch
    large = (points + 0.5) * SCALE - 0.5 - [x0 - 2 * margin, y0 - margin]
    middle = (large.min(axis=0) + large.max(axis=0)) / 2 + rng.normal(0, 15, 2)
    extent = float(np.ptp(large, axis=0).max())
    crop = CropBox(float(middle[0]), float(middle[1]), extent * float(rng.uniform(1.5, 2.0)), float(rng.normal(0, 0.2)))
    image = cut(around, crop, SIDE_PX)
    crop_points = transform(large, crop_matrix(crop, SIDE_PX))
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        crop_points = crop_points[topology.FLIP] * np.array([-1, 1], np.float32)
        crop_points = crop_points + np.array([SIDE_PX - 1, 0], np.float32)
    attributes = _attributes(closure, closure, opening)
    image = _add_camera_noise(image, rng)
    return _sample(f"photograph_{index:06d}.png", "astronaut", image, crop_points.astype(np.float32), attributes)
