"""People to put into a picture: a face cut from a photograph, or a rendered head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from facetrack import topology
from facetrack.detector import Detector
from facetrack.errors import DataError
from facetrack.geometry import box_iou, points_box, touching
from facetrack.types import Floats, Image
from facetrain.formats.packs import split
from facetrain.sample import Sample, face_extent
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.clips import Actor, random_actor
from facetrain.synth.rendering.render import Renderer

HELD_OUT_SHARE = 0.05
"""The smallest share that a recipe here holds aside (see `packs.split`): no recipe trains on whom it picks."""
HEAD = (0.82, 1.1)
HEAD_UP = 0.12
"""The mask's half axes and how far its middle lies above the points' box, over the box's longer side: hair above,
collar below, as the photographs of HELEN have it."""
RIM = 0.05
"""Blur of the mask's edge, over the same side."""
ROOM_ABOVE = 0.4
"""A photograph must show so much above the brows, over the same side, or the hair would end in a straight line."""
MAX_TURN = 0.5
"""By which share the nose's bridge may lie nearer to one outer eye corner than to the other: a face that looks aside is
cut off by the mask."""
TURNING_HEAD = (1.1, 1.1)
"""The same of a head that is seen from all sides."""
HEAD_PX, HEAD_FOCAL_PX, HEAD_STEP_DEG = 256, 440.0, 2.0
GREEN = 30.0
"""A pixel is ground, or half of it, where green passes the other colours by so many levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """picture: (H, W, 4) float32, BGR times cover, and cover 0..1. points: (68, 2) px of the picture. centre, size_px:
    middle and longer side of the points' box as the face looks into the camera. shown: 0..1 share of the points that
    the head itself does not hide."""

    picture: Floats
    points: Floats
    centre: Floats
    size_px: float
    shown: float = 1.0


class Person(Protocol):
    """Whoever has a sprite for every angle."""

    def sprite(self, yaw_deg: float) -> Sprite: ...


@dataclass(frozen=True, slots=True, eq=False)
class Photographed:
    """A face as its photograph has it, at every angle."""

    picture: Sprite

    def sprite(self, yaw_deg: float) -> Sprite:
        return self.picture


class Rendered:
    """A 3-D head; each angle, in steps of 2 degrees, is rendered once."""

    def __init__(self, renderer: Renderer, seed: int) -> None:
        self._renderer = renderer
        self._actor: Actor = random_actor(renderer.model, seed, (HEAD_PX, HEAD_PX))
        middle = (HEAD_PX - 1) / 2
        self._camera = Camera(HEAD_FOCAL_PX, (middle, middle), (HEAD_PX, HEAD_PX))
        self._sprites: dict[float, Sprite] = {}
        front = renderer.truth(self._actor.rest, self._camera).points
        self._centre, self._size_px = _middle(front), face_extent(front)

    def sprite(self, yaw_deg: float) -> Sprite:
        yaw = HEAD_STEP_DEG * round(yaw_deg / HEAD_STEP_DEG)
        if yaw not in self._sprites:
            self._sprites[yaw] = self._render(yaw)
        return self._sprites[yaw]

    def _render(self, yaw_deg: float) -> Sprite:
        actor = self._actor
        key = np.zeros((HEAD_PX, HEAD_PX, 3), np.uint8)
        key[:] = (0, 255, 0)  # neither skin nor hair nor lips are of this green
        state = replace(actor.rest, yaw_deg=yaw_deg)
        image, truth = self._renderer.render(
            state, actor.look, actor.style, actor.light, self._camera, key, actor.canvas
        )
        blue, green, red = cv2.split(image.astype(np.float32))
        head = (green - np.maximum(blue, red) < GREEN).astype(np.float32)  # lashes before the green are left out
        smaller = np.asarray(cv2.blur(cv2.erode(head, np.ones((3, 3))), (3, 3)))  # green is mixed into the rim
        cover = (smaller * head_mask(image.shape[:2], self._centre, self._size_px, TURNING_HEAD)).astype(np.float32)
        return Sprite(_covered(image, cover), truth.points, self._centre, self._size_px, float(truth.visible.mean()))


def head_mask(shape: tuple[int, ...], centre: Floats, size_px: float, axes: tuple[float, float] = HEAD) -> Floats:
    """(H, W) 0..1: a soft ellipse over a head with its hair, and nothing at the picture's own edge."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across, along = axes[0] * size_px, axes[1] * size_px
    inside = ((x - centre[0]) / across) ** 2 + ((y - centre[1] + HEAD_UP * size_px) / along) ** 2 < 1
    inside[[0, -1]] = inside[:, [0, -1]] = False
    blurred = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), RIM * size_px, borderType=cv2.BORDER_CONSTANT)
    # 0 at the half-way line of the blurred edge: what is outside the ellipse must not glow.
    return np.clip(2 * np.asarray(blurred, np.float32) - 1, 0, 1)


def photographed(sample: Sample) -> Photographed:
    """The face of a labelled photograph, cut out with its hair."""
    points, image = sample.points, sample.image
    centre, size_px = _middle(points), face_extent(points)
    half = np.array(HEAD) * size_px
    low = np.floor(np.maximum(centre - half - [0, HEAD_UP * size_px], 0)).astype(int)
    high = np.ceil(centre + half).astype(int) + 1
    part = image[low[1] : high[1], low[0] : high[0]]
    origin = low.astype(np.float32)
    cover = head_mask(part.shape[:2], centre - origin, size_px)
    return Photographed(Sprite(_covered(part, cover), points - origin, centre - origin, size_px))


def choose(samples: Sequence[Sample], detector: Detector, count: int, seed: int) -> list[Photographed]:
    """`count` different people whose photographs are fit to be cut out, drawn by the seed; those that no recipe trains
    on come first. Raises DataError where there are fewer."""
    chosen: list[Photographed] = []
    groups: set[str] = set()
    for sample in _drawn(samples, seed):
        if len(chosen) == count:
            break
        if sample.group not in groups and fit_to_cut(sample, detector):
            groups.add(sample.group)
            chosen.append(photographed(sample))
    if len(chosen) < count:
        raise DataError(
            f"only {len(chosen)} people of {len(samples)} labelled faces can be cut out (68 points, from the front, "
            f"alone, hair in the picture), but the clip needs {count}; give a larger pack such as helen_train"
        )
    return chosen


def _drawn(samples: Sequence[Sample], seed: int) -> Iterator[Sample]:
    kept, aside = split([s for s in samples if s.scheme == topology.SCHEME], HELD_OUT_SHARE)
    rng = np.random.default_rng((seed, 1))
    for part in (aside, kept):
        for index in rng.permutation(len(part)):
            yield part[int(index)]


def fit_to_cut(sample: Sample, detector: Detector) -> bool:
    """Whether all points are known, the face looks ahead, its hair is in the picture, and no other face is under the
    mask."""
    points = sample.points
    if not np.isfinite(points).all() or points[:, 1].min() < ROOM_ABOVE * face_extent(points):
        return False
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    bridge = points[topology.NOSE_BRIDGE[0]]
    halves = np.array([np.linalg.norm(bridge - right), np.linalg.norm(left - bridge)])
    if halves.min() < (1 - MAX_TURN) * halves.max():
        return False
    return not _others(sample.image, points, detector)


def _others(image: Image, points: Floats, detector: Detector) -> bool:
    size_px, centre = face_extent(points), _middle(points)
    half = np.array(HEAD) * size_px
    mask = np.concatenate([centre - half, centre + half])
    boxes = detector(image).boxes
    other = box_iou(boxes, points_box(points)[None])[:, 0] < 0.3
    return bool((other & touching(mask, boxes)).any())


def _middle(points: Floats) -> Floats:
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _covered(image: Image, cover: Floats) -> Floats:
    return np.concatenate([image * cover[..., None], cover[..., None]], axis=2).astype(np.float32)
