"""Compositing of a script's scenes, people over a photograph from back to front, with the ground truth per frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.geometry import points_box, transform
from facetrack.types import Floats, Frame, Image
from facetrain.synth.crowd import script
from facetrain.synth.crowd.script import SIZE, Key, Occluder, Role, Scene
from facetrain.synth.crowd.sprites import Person, Sprite
from facetrain.synth.crowd.truth import PRESENT_SHARE, FaceTruth, Span

NOISE_SIGMA = 2.0
"""Standard deviation of the sensor noise, in grey levels."""
NOISE_MARGIN = 64
"""Margin in px by which the noise field exceeds the frame: each frame uses another part of one field."""
OCCLUDER_COLOUR = (96.0, 118.0, 132.0)


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer of a frame.

    x0, y0: its top-left px in the frame.
    bgra: (h, w, 4) float32, BGR premultiplied by the opacity, and the opacity 0..1.
    """

    x0: int
    y0: int
    bgra: Floats

    def composite_onto(self, canvas: Floats) -> None:
        height, width = self.bgra.shape[:2]
        part = canvas[self.y0 : self.y0 + height, self.x0 : self.x0 + width]
        part *= 1 - self.bgra[..., 3:]
        part += self.bgra[..., :3]

    def subtract_from(self, visibility: Floats) -> None:
        """Multiply `visibility` (H, W) by the layer's transparency."""
        height, width = self.bgra.shape[:2]
        visibility[self.y0 : self.y0 + height, self.x0 : self.x0 + width] *= 1 - self.bgra[..., 3]


class CrowdClip:
    """Synthetic clip; iterating yields (Frame, its ground-truth faces), `render(index)` any frame, reproducibly.

    people: one for each role, in the scenes' order.
    backgrounds: one photograph (H, W, 3) for each scene.
    Raises ValueError where the number of either does not match.
    """

    def __init__(
        self, scenes: Sequence[Scene], people: Sequence[Person], backgrounds: Sequence[Image], fps: float, seed: int
    ) -> None:
        roles = sum(len(scene.roles) for scene in scenes)
        if len(people) != roles or len(backgrounds) != len(scenes):
            raise ValueError(
                f"{len(scenes)} scenes with {roles} roles need as many backgrounds and people, got "
                f"{len(backgrounds)} and {len(people)}"
            )
        self.fps, self.seed = fps, seed
        self._people = people
        self._backgrounds = [fill_frame(image) for image in backgrounds]
        self._scenes = scenes
        shape = (SIZE[1] + NOISE_MARGIN, SIZE[0] + NOISE_MARGIN, 3)
        self._noise = NOISE_SIGMA * np.random.default_rng((seed, 3)).standard_normal(shape, np.float32)
        self.spans: list[Span] = []
        self._first_person: list[int] = []
        frame = person = 0
        for scene in scenes:
            count = round(scene.seconds * fps)
            self.spans.append(Span(scene.name, frame, frame + count - 1))
            self._first_person.append(person)
            frame, person = frame + count, person + len(scene.roles)

    def __len__(self) -> int:
        return self.spans[-1].last + 1

    def __iter__(self) -> Iterator[tuple[Frame, tuple[FaceTruth, ...]]]:
        for index in range(len(self)):
            yield self.render(index)

    def render(self, index: int) -> tuple[Frame, tuple[FaceTruth, ...]]:
        """Render frame `index`, at index / fps seconds, with its faces; persons are numbered from 1."""
        number = next(i for i, span in enumerate(self.spans) if index <= span.last)
        scene, time_s = self._scenes[number], (index - self.spans[number].first) / self.fps
        layers: list[Layer | None] = []
        faces: list[tuple[int, int, Sprite, Key, Floats]] = []
        person = self._first_person[number]
        for role in scene.layers:
            key = script.interpolate(role.keys, time_s)
            if isinstance(role, Occluder):
                layers.append(_occluder_layer(role, key))
                continue
            sprite = self._people[person].sprite(key.yaw_deg)
            person += 1
            matrix = _sprite_to_frame(sprite, key, self._sway(role, person, time_s))
            layers.append(warp_sprite(sprite.bgra, matrix))
            faces.append((len(layers), person, sprite, key, transform(sprite.points, matrix)))
        image = self._composite(self._backgrounds[number], layers, index)
        # Of each face: the number of layers up to it (those after it are in front), and its data.
        truths = (
            _face_truth(person, sprite, key, points, layers[n:], scene.present_yaw_deg)
            for n, person, sprite, key, points in faces
        )
        return Frame(image, time_s=index / self.fps, index=index), tuple(
            truth for truth in truths if _overlaps_frame(truth)
        )

    def _sway(self, role: Role, person: int, time_s: float) -> NDArray[np.float64]:
        rng = np.random.default_rng((self.seed, 2, person))
        return script.sway(role, rng, np.array([time_s]))[0]

    def _composite(self, background: Image, layers: Sequence[Layer | None], index: int) -> Image:
        canvas = background.astype(np.float32)
        for layer in layers:
            if layer is not None:
                layer.composite_onto(canvas)
        x, y = np.random.default_rng((self.seed, 3, index)).integers(0, NOISE_MARGIN, 2)
        canvas += self._noise[y : y + SIZE[1], x : x + SIZE[0]]
        return np.asarray(cv2.convertScaleAbs(np.maximum(canvas, 0, out=canvas)), np.uint8)


def fill_frame(image: Image) -> Image:
    """Crop and scale the photograph's middle to the frame size, slightly defocused."""
    scale = max(SIZE[0] / image.shape[1], SIZE[1] / image.shape[0])
    size = max(SIZE[0], round(image.shape[1] * scale)), max(SIZE[1], round(image.shape[0] * scale))
    large = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    x, y = (size[0] - SIZE[0]) // 2, (size[1] - SIZE[1]) // 2
    return np.asarray(cv2.blur(large[y : y + SIZE[1], x : x + SIZE[0]], (3, 3)), dtype=np.uint8)


def _sprite_to_frame(sprite: Sprite, key: Key, sway: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) map from sprite px to frame px: centre to the keyframe, rotated clockwise by the sway."""
    scale, roll = key.size_px / sprite.size_px, np.deg2rad(sway[2])
    linear = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.column_stack([linear, np.array([key.x, key.y]) + sway[:2] - linear @ sprite.centre])


def warp_sprite(bgra: Floats, matrix: NDArray[np.float64]) -> Layer | None:
    """Warp a sprite's (h, w, 4) image into the frame by a (2, 3) map; None where it lies outside the frame.

    Before a strong reduction the sprite is area-averaged by a whole factor: bilinear sampling alone would alias.
    """
    height, width = bgra.shape[:2]
    corners = transform(np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]), matrix)
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, SIZE)
    if x1 <= x0 or y1 <= y0:
        return None
    shrink = int(1 / np.sqrt(abs(np.linalg.det(matrix[:, :2]))) + 1e-9)
    if shrink >= 2:
        columns, rows = width // shrink, height // shrink
        part = bgra[: rows * shrink, : columns * shrink]
        bgra = np.asarray(cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
        # Reduced pixel i has its centre at shrink * i + (shrink - 1) / 2 in the full-size image.
        shift = matrix[:, :2] @ np.full(2, (shrink - 1) / 2) + matrix[:, 2]
        matrix = np.column_stack([shrink * matrix[:, :2], shift])
    moved = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    return Layer(int(x0), int(y0), np.asarray(cv2.warpAffine(bgra, moved, (int(x1 - x0), int(y1 - y0))), np.float32))


def _occluder_layer(occluder: Occluder, key: Key) -> Layer | None:
    width, height = occluder.size
    x0, y0 = np.maximum(np.rint([key.x - width / 2, key.y - height / 2]).astype(int), 0)
    x1, y1 = np.minimum(np.rint([key.x + width / 2, key.y + height / 2]).astype(int), SIZE)
    if x1 <= x0 or y1 <= y0:
        return None
    plate = np.ones((y1 - y0, x1 - x0, 4), np.float32)
    plate[..., :3] = OCCLUDER_COLOUR
    return Layer(int(x0), int(y0), plate)


def _face_truth(
    person: int, sprite: Sprite, key: Key, points: Floats, in_front: Sequence[Layer | None], present_yaw_deg: float
) -> FaceTruth:
    unoccluded = visible_share(points, [layer for layer in in_front if layer is not None])
    present = unoccluded >= PRESENT_SHARE and abs(key.yaw_deg) <= present_yaw_deg
    return FaceTruth(person, points, sprite.shown * unoccluded, bool(present))


def visible_share(points: Floats, in_front: Sequence[Layer]) -> float:
    """Return the share (0..1) of the points' convex hull inside the frame and not occluded by the layers in front.

    points: (N, 2) px.
    """
    low, high = np.floor(points.min(axis=0)).astype(int), np.ceil(points.max(axis=0)).astype(int) + 1
    hull = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(np.rint((points - low) * 16).astype(np.int32)), 1, cv2.LINE_8, 4)
    visibility = np.ones(SIZE[::-1], np.float32)
    for layer in in_front:
        layer.subtract_from(visibility)
    x0, y0 = np.clip(low, 0, SIZE)
    x1, y1 = np.clip(high, 0, SIZE)
    inside = hull[y0 - low[1] : y1 - low[1], x0 - low[0] : x1 - low[0]]
    return float((inside * visibility[y0:y1, x0:x1]).sum() / max(int(hull.sum()), 1))


def _overlaps_frame(face: FaceTruth) -> bool:
    x0, y0, x1, y1 = points_box(face.points)
    return bool(x0 <= SIZE[0] - 1 and y0 <= SIZE[1] - 1 and x1 >= 0 and y1 >= 0)
