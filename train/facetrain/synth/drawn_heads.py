"""Faces that need no data: painted parametric heads, and the astronaut's photograph with moved lids and jaw.

Every point is exact. The whole chain can be run on them; a network trained on them alone follows painted faces well and
real ones roughly. As in 300-W the jaw's points are those of the visible outline, not fixed ones on the bone.
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
from facetrain.sample import Sample
from facetrain.synth.head_paint import PX_PER_MM, SIZE, paint
from facetrain.synth.head_shape import STEP_MM, X_MM, Y_MM, random_shape, sample_surface, surface

Array = NDArray[np.float64]
Rng = np.random.Generator

SIDE_PX = 192
"""Pictures are square; a face spans about half of the side."""
SUPER = 2
"""Drawn so many times larger and averaged down."""
PUPPET_SHARE = 0.15
YAW_DEG, PITCH_DEG, ROLL_DEG = 18.0, 9.0, 10.0
"""Standard deviations; yaw and pitch are cut at twice that: a surface over the face plane has no back."""
SLIDE = np.linspace(1.0, 0.45, 16)
"""Where along the way to the middle the visible outline is looked for."""


def read_synthetic(count: int, seed: int = 0) -> list[Sample]:
    """`count` samples in the 68 scheme; sample i hangs on (seed, i) alone."""
    return [draw(seed, index) for index in range(count)]


def draw(seed: int, index: int) -> Sample:
    """One sample. Attributes: eyes_open, mouth_open 0/1, smile 0/1 where it is clear, and the angles yaw_deg,
    pitch_deg, roll_deg of painted heads (signs of `facetrack.types.Pose`)."""
    rng = np.random.default_rng((seed, index))
    if rng.random() < PUPPET_SHARE:
        return _photograph(rng, index)
    return _painted(rng, index)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """rotation (3, 3) head to camera; distance_mm of the head's origin; scale px per mm at that distance; centre px."""

    rotation: Array
    distance_mm: float
    scale: float
    centre: Array

    def project(self, points: Array) -> Array:
        """(..., 3) mm -> (..., 2) px."""
        seen = points @ self.rotation.T
        return seen[..., :2] * (self.scale * self.distance_mm / (seen[..., 2:] + self.distance_mm)) + self.centre


def _painted(rng: Rng, index: int) -> Sample:
    shape = random_shape(rng)
    depth = surface(shape.points)
    angles = _angles(rng)
    side = SIDE_PX * SUPER
    view = _View(
        rotation_from_deg(*angles), float(rng.uniform(350, 1200)), side * float(rng.uniform(0.38, 0.56)) / 165,
        np.array([side / 2, side / 2 - 0.1 * side]) + rng.normal(0, 0.04 * side, 2),
    )  # fmt: skip
    points = _outlined(shape.points, depth, view)
    skin, head, colour = paint(shape, rng)
    lit = _light(skin, depth, view, rng)
    scene = _background(side, rng)
    _body(scene, view, colour, rng)
    _splat(scene, lit, head, depth, view)
    image = np.asarray(cv2.resize(scene, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    on_image = ((view.project(points) + 0.5) / SUPER - 0.5).astype(np.float32)
    attributes = _attributes(max(shape.closure), min(shape.closure), shape.opening)
    attributes |= dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), angles, strict=True))
    if abs(shape.smile - 0.25) > 0.15:
        attributes["smile"] = float(shape.smile > 0.25)
    return _sample(f"head_{index:06d}.png", f"head_{index:06d}", _developed(image, rng), on_image, attributes)


def _attributes(closure: float, min_closure: float, opening: float) -> dict[str, float | str]:
    """Only what is clear: a half-closed eye is neither."""
    known: dict[str, float | str] = {}
    if closure < 0.4 or min_closure > 0.8:
        known["eyes_open"] = float(closure < 0.4)
    if opening < 0.1 or opening > 0.3:
        known["mouth_open"] = float(opening > 0.3)
    return known


def _sample(name: str, group: str, image: Image, points: Floats, attributes: dict[str, float | str]) -> Sample:
    ones = np.ones(topology.N_POINTS, np.float32)
    return Sample(name, group, "synthetic", image, points, ones, attributes=attributes)


def _angles(rng: Rng) -> tuple[float, float, float]:
    yaw, pitch = (float(np.clip(rng.normal(0, s), -2 * s, 2 * s)) for s in (YAW_DEG, PITCH_DEG))
    return yaw, pitch, float(rng.normal(0, ROLL_DEG))


def _outlined(points: Array, depth: NDArray[np.float32], view: _View) -> Array:
    """The points on the surface, those of the jaw moved to where its outline is seen (as 300-W labels it): of the
    places on the way from the jaw to the middle of the face, the one that is projected farthest out."""
    points = points.copy()
    points[:, 2] = sample_surface(depth, points[:, :2])
    jaw = points[list(topology.JAW)]
    middle = np.array([0.0, points[topology.NOSE_TIP, 1]])
    ways = middle + (jaw[:, None, :2] - middle) * np.stack([SLIDE, 0.3 * SLIDE + 0.7], axis=1)
    candidates = np.concatenate([ways, sample_surface(depth, ways)[..., None]], axis=-1)
    seen = view.project(candidates)
    outward = view.project(jaw) - view.project(points[topology.NOSE_TIP])
    best = (seen * outward[:, None]).sum(axis=-1).argmax(axis=1)
    points[list(topology.JAW)] = candidates[np.arange(len(jaw)), best]
    return points


def _grid(depth: NDArray[np.float32]) -> Array:
    """(H, W, 3) mm of each painted pixel."""
    x = X_MM[0] + np.arange(SIZE[0]) / PX_PER_MM
    y = Y_MM[0] + np.arange(SIZE[1]) / PX_PER_MM
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    return np.concatenate([plane, _spread(depth)[..., None]], axis=-1)


def _spread(nodes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values on the surface's nodes as values on each painted pixel, linear between the nodes."""
    step = np.float32(PX_PER_MM * STEP_MM)
    columns, rows = np.meshgrid(*(np.arange(count, dtype=np.float32) / step for count in SIZE))
    spread = cv2.remap(nodes, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(spread, dtype=np.float32)


def _splat(scene: Image, skin: Image, head: NDArray[np.uint8], depth: NDArray[np.float32], view: _View) -> None:
    """Draw the surface into the scene, pixel by pixel from back to front: rows and columns are run through towards the
    camera, which for a surface over a plane is the right order, and the last pixel drawn on a place stays."""
    to_camera = view.rotation.T @ np.array([0.0, 0.0, -1.0])
    step = tuple(slice(None, None, 1 if to_camera[axis] >= 0 else -1) for axis in (1, 0))
    grid, colours, there = _grid(depth)[step], skin[step], head[step] > 127
    place = np.rint(view.project(grid[there])).astype(np.int64)
    side = scene.shape[0]
    inside = ((place >= 0) & (place < side)).all(axis=1)
    flat = place[inside, 1] * side + place[inside, 0]
    drawn = np.zeros((side, side), np.uint8)
    layer = np.zeros_like(scene)
    layer.reshape(-1, 3)[flat] = colours[there][inside]
    drawn.reshape(-1)[flat] = 255
    whole = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    holes = (whole > 0) & (drawn == 0)
    near = cv2.blur(layer.astype(np.float32), (5, 5))
    share = cv2.blur(drawn.astype(np.float32) / 255, (5, 5))[..., None]
    layer[holes] = (near / np.maximum(share, 0.04))[holes].clip(0, 255).astype(np.uint8)
    scene[whole > 0] = layer[whole > 0]


def _light(skin: Image, depth: NDArray[np.float32], view: _View, rng: Rng) -> Image:
    """Lambert's law under one lamp and light from everywhere, with a little shine."""
    dz_dy, dz_dx = np.gradient(cv2.GaussianBlur(depth, (0, 0), 0.7), STEP_MM)
    normal = np.stack([dz_dx, dz_dy, -np.ones_like(dz_dx)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lamp = np.array([rng.normal(0, 0.6), rng.normal(-0.4, 0.4), -1.0])
    lamp = view.rotation.T @ (lamp / np.linalg.norm(lamp))
    ambient = rng.uniform(0.35, 0.75)
    facing = np.clip(normal @ lamp, 0, 1)
    shade = ambient + (1.1 - ambient) * facing
    shine = rng.uniform(0, 40) * facing**18
    both = _spread(np.dstack([shade, shine]).astype(np.float32))
    return np.clip(skin * both[..., :1] + both[..., 1:], 0, 255).astype(np.uint8)


def _background(side: int, rng: Rng) -> Image:
    """A blurred room: patches of colour on patches of colour."""
    size = int(rng.integers(2, 8))
    patches = rng.uniform(20, 235, (size, size, 1)) + rng.normal(0, 25, (size, size, 3))
    how = cv2.INTER_CUBIC if rng.random() < 0.7 else cv2.INTER_NEAREST
    scene = cv2.resize(np.clip(patches, 0, 255).astype(np.uint8), (side, side), interpolation=how)
    for _ in range(int(rng.integers(0, 7))):
        low, high = rng.integers(-side // 4, side, 2), rng.integers(10, side, 2)
        colour = tuple(float(v) for v in rng.uniform(20, 230) + rng.normal(0, 35, 3))
        cv2.rectangle(scene, (int(low[0]), int(low[1])), (int(low[0] + high[0]), int(low[1] + high[1])), colour, -1)
    return np.asarray(cv2.blur(scene, (int(rng.integers(1, 14)),) * 2), dtype=np.uint8)


def _body(scene: Image, view: _View, skin: tuple[float, float, float], rng: Rng) -> None:
    """Shoulders, neck and ears behind the head."""

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


def _developed(image: Image, rng: Rng) -> Image:
    """A camera's colours and grain."""
    gain = rng.normal(1.0, 0.06, 3) * rng.uniform(0.75, 1.15)
    noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(0, 5)
    return np.clip(image * gain.astype(np.float32) + noise, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _puppet() -> Puppet:
    return Puppet()


def _photograph(rng: Rng, index: int) -> Sample:
    """The astronaut, seen anew. All of them are one group: it is one person."""
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
    seen = transform(large, crop_matrix(crop, SIDE_PX))
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        seen = seen[topology.FLIP] * np.array([-1, 1], np.float32) + np.array([SIDE_PX - 1, 0], np.float32)
    attributes = _attributes(closure, closure, opening)
    return _sample(
        f"photograph_{index:06d}.png", "astronaut", _developed(image, rng), seen.astype(np.float32), attributes
    )
