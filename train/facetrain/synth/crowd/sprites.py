"""Sprites of the crowd clip: faces cut out of photographs, and rendered heads."""

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
"""Smallest validation share of this project's recipes (see `packs.split`): no recipe trains on its people."""
MASK_AXES = (0.82, 1.1)
MASK_UP = 0.12
"""Half axes of the elliptic mask, and the height of its centre above that of the points' box, over the box's longer
side: includes the hair and the collar, as in HELEN's photographs."""
MASK_BLUR = 0.05
"""Blur of the mask's edge, over the same side."""
MIN_SPACE_ABOVE = 0.4
"""Least image space above the brows, over the same side: with less, the image border would cut the hair."""
MAX_ASYMMETRY = 0.5
"""Largest relative difference of the distances from the nose bridge to the outer eye corners: the mask would cut off a
face that is turned further."""
TURNING_AXES = (1.1, 1.1)
"""Half axes of the mask for a head that rotates."""
HEAD_PX, HEAD_FOCAL_PX, HEAD_STEP_DEG = 256, 440.0, 2.0
MIN_GREEN = 30.0
"""Excess of green over the other channels, in levels, from which a pixel counts as chroma-key background."""


@dataclass(frozen=True, slots=True, eq=False)
class Sprite:
    """Cut-out face.

    bgra: (H, W, 4) float32, BGR premultiplied by the opacity, and the opacity 0..1.
    points: (68, 2) px of the image `bgra`.
    centre, size_px: centre and longer side of the points' box in the frontal view.
    shown: 0..1 share of the points without self-occlusion.
    """

    bgra: Floats
    points: Floats
    centre: Floats
    size_px: float
    shown: float = 1.0


class Person(Protocol):
    """Source of a sprite for every yaw angle."""

    def sprite(self, yaw_deg: float) -> Sprite: ...


@dataclass(frozen=True, slots=True, eq=False)
class Photographed:
    """Photographed person: the same sprite at every yaw angle."""

    fixed: Sprite

    def sprite(self, yaw_deg: float) -> Sprite:
        return self.fixed


class Rendered:
    """Rendered 3-D head; each yaw angle, in steps of 2 degrees, is rendered once."""

    def __init__(self, renderer: Renderer, seed: int) -> None:
        self._renderer = renderer
        self._actor: Actor = random_actor(renderer.model, seed, (HEAD_PX, HEAD_PX))
        middle = (HEAD_PX - 1) / 2
        self._camera = Camera(HEAD_FOCAL_PX, (middle, middle), (HEAD_PX, HEAD_PX))
        self._sprites: dict[float, Sprite] = {}
        frontal = renderer.truth(self._actor.rest, self._camera).points
        self._centre, self._size_px = _box_centre(frontal), face_extent(frontal)

    def sprite(self, yaw_deg: float) -> Sprite:
        yaw = HEAD_STEP_DEG * round(yaw_deg / HEAD_STEP_DEG)
        if yaw not in self._sprites:
            self._sprites[yaw] = self._render(yaw)
        return self._sprites[yaw]

    def _render(self, yaw_deg: float) -> Sprite:
        actor = self._actor
        key = np.zeros((HEAD_PX, HEAD_PX, 3), np.uint8)
        key[:] = (0, 255, 0)  # chroma key: neither skin nor hair nor lips have this colour
        state = replace(actor.rest, yaw_deg=yaw_deg)
        image, truth = self._renderer.render(
            state, actor.look, actor.style, actor.light, self._camera, key, actor.canvas
        )
        blue, green, red = cv2.split(image.astype(np.float32))
        # Lashes in front of the key colour are lost; the rim, where green is blended in, is eroded.
        head = (green - np.maximum(blue, red) < MIN_GREEN).astype(np.float32)
        eroded = np.asarray(cv2.blur(cv2.erode(head, np.ones((3, 3))), (3, 3)))
        opacity = (eroded * head_mask(image.shape[:2], self._centre, self._size_px, TURNING_AXES)).astype(np.float32)
        shown = float(truth.visible.mean())
        return Sprite(_premultiply(image, opacity), truth.points, self._centre, self._size_px, shown)


def head_mask(shape: tuple[int, ...], centre: Floats, size_px: float, axes: tuple[float, float] = MASK_AXES) -> Floats:
    """Return an (H, W) mask 0..1: a soft ellipse over the head with its hair, zero at the image border."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across, along = axes[0] * size_px, axes[1] * size_px
    inside = ((x - centre[0]) / across) ** 2 + ((y - centre[1] + MASK_UP * size_px) / along) ** 2 < 1
    inside[[0, -1]] = inside[:, [0, -1]] = False
    blurred = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), MASK_BLUR * size_px, borderType=cv2.BORDER_CONSTANT)
    # Zero from the middle of the blurred edge outwards: the mask must not extend beyond the ellipse.
    return np.clip(2 * np.asarray(blurred, np.float32) - 1, 0, 1)


def cut_out(sample: Sample) -> Photographed:
    """Cut out the face of a labelled photograph with its hair."""
    points, image = sample.points, sample.image
    centre, size_px = _box_centre(points), face_extent(points)
    half = np.array(MASK_AXES) * size_px
    low = np.floor(np.maximum(centre - half - [0, MASK_UP * size_px], 0)).astype(int)
    high = np.ceil(centre + half).astype(int) + 1
    part = image[low[1] : high[1], low[0] : high[0]]
    origin = low.astype(np.float32)
    opacity = head_mask(part.shape[:2], centre - origin, size_px)
    return Photographed(Sprite(_premultiply(part, opacity), points - origin, centre - origin, size_px))


def select_people(samples: Sequence[Sample], detector: Detector, count: int, seed: int) -> list[Photographed]:
    """Select `count` different people with suitable photographs at random by the seed, held-out people first.

    Raises DataError where there are fewer.
    """
    selected: list[Photographed] = []
    groups: set[str] = set()
    for sample in _shuffled(samples, seed):
        if len(selected) == count:
            break
        if sample.group not in groups and is_suitable(sample, detector):
            groups.add(sample.group)
            selected.append(cut_out(sample))
    if len(selected) < count:
        raise DataError(
            f"only {len(selected)} people of {len(samples)} labelled faces can be cut out (68 points, frontal, "
            f"no other face, hair in the image), but the clip needs {count}; give a larger pack such as helen_train"
        )
    return selected


def _shuffled(samples: Sequence[Sample], seed: int) -> Iterator[Sample]:
    kept, held_out = split([s for s in samples if s.scheme == topology.SCHEME], HELD_OUT_SHARE)
    rng = np.random.default_rng((seed, 1))
    for part in (held_out, kept):
        for index in rng.permutation(len(part)):
            yield part[int(index)]


def is_suitable(sample: Sample, detector: Detector) -> bool:
    """Return whether a photograph can be cut out.

    Needed: all points known, a frontal face, its hair in the image, and no other face under the mask.
    """
    points = sample.points
    if not np.isfinite(points).all() or points[:, 1].min() < MIN_SPACE_ABOVE * face_extent(points):
        return False
    right, left = points[list(topology.EYE_OUTER_CORNERS)]
    bridge = points[topology.NOSE_BRIDGE[0]]
    halves = np.array([np.linalg.norm(bridge - right), np.linalg.norm(left - bridge)])
    if halves.min() < (1 - MAX_ASYMMETRY) * halves.max():
        return False
    return not _has_other_face(sample.image, points, detector)


def _has_other_face(image: Image, points: Floats, detector: Detector) -> bool:
    size_px, centre = face_extent(points), _box_centre(points)
    half = np.array(MASK_AXES) * size_px
    mask = np.concatenate([centre - half, centre + half])
    boxes = detector(image).boxes
    other = box_iou(boxes, points_box(points)[None])[:, 0] < 0.3
    return bool((other & touching(mask, boxes)).any())


def _box_centre(points: Floats) -> Floats:
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _premultiply(image: Image, opacity: Floats) -> Floats:
    return np.concatenate([image * opacity[..., None], opacity[..., None]], axis=2).astype(np.float32)
