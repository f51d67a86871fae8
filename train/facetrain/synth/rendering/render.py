"""A head as a picture: its mesh is z-buffered at twice the size, painted, lit and averaged down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats, Image
from facetrain.synth.rendering import light as lighting
from facetrain.synth.rendering.accessories import Style
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.light import Light
from facetrain.synth.rendering.materials import materials
from facetrain.synth.rendering.outline import Outline, outline_of
from facetrain.synth.rendering.raster import Fragments, dot, rasterise
from facetrain.synth.rendering.scene import HAIR, Parts, Scene, assemble, mixed
from facetrain.synth.rendering.skin import Look, paint
from facetrain.synth.rendering.truth import HeadState, HeadTruth, measure

SUPER = 2
"""Rendered so many times larger and averaged down."""
GAMMA = 2.2
HIDDEN_CM = 0.45
"""A point is visible unless something is nearer to the camera by more than this."""


@dataclass(frozen=True)
class Renderer:
    """Draws heads of one model; what does not hang on a head is worked out once."""

    model: HeadModel

    @cached_property
    def outline(self) -> Outline:
        return outline_of(self.model)

    @cached_property
    def parts(self) -> Parts:
        return Parts(self.model)

    def truth(self, state: HeadState, camera: Camera) -> HeadTruth:
        """What is known without a picture; every point counts as visible."""
        shaped = self.model.shaped(state.identity, state.expression, state.gaze_deg)
        return measure(self.model, state, shaped, camera, self.outline)

    def render(
        self, state: HeadState, look: Look, style: Style, light: Light, camera: Camera, background: Image,
        canvas: Floats | None = None,
    ) -> tuple[Image, HeadTruth]:  # fmt: skip
        """The picture (H, W, 3) uint8 BGR of the camera's size and its truth.

        background: any size, stretched over the picture. canvas: the look's map from `skin.paint`, for a caller who
        draws the same person many times.
        """
        model = self.model
        shaped = model.shaped(state.identity, state.expression, state.gaze_deg)
        truth = measure(model, state, shaped, camera, self.outline)
        large = camera.enlarged(SUPER)
        scene = assemble(self.parts, state, look, style, shaped, large)
        fragments = rasterise(scene.flat, scene.in_camera[:, 2] + scene.push, scene.triangles, large.size)
        px_per_cm = large.focal_px / state.translation_cm[2]
        paint_map = paint(model, look) if canvas is None else canvas
        colours = _shade(self.parts, scene, fragments, look, light, paint_map, px_per_cm)
        large_picture = np.array(cv2.resize(background, large.size, interpolation=cv2.INTER_LINEAR), np.uint8).reshape(
            -1, 3
        )
        large_picture[fragments.pixel] = _displayed(colours)
        depth = fragments.picture(fragments.depth, np.inf)
        _composite(large_picture, scene, depth, look, light)
        image = cv2.resize(
            large_picture.reshape(large.size[1], large.size[0], 3), camera.size, interpolation=cv2.INTER_AREA
        )
        points = state.in_camera(model, model.points68(shaped)).astype(np.float64)
        seen = _visibility(depth, large, self.outline.seen(scene.in_camera, points, state.rotation, large))
        return np.asarray(image, dtype=np.uint8), replace(truth, visible=seen)


def _shade(
    parts: Parts, scene: Scene, fragments: Fragments, look: Look, light: Light, canvas: Floats, px_per_cm: float
) -> Floats:
    """Linear colours (N, 3) of the fragments."""
    kinds = scene.kinds[fragments.triangle]
    vertices = np.concatenate([scene.in_camera, scene.normals], axis=1)
    both = mixed(fragments.triangle, fragments.share, scene.triangles, vertices)
    place, normal = np.ascontiguousarray(both[:, :3]), np.ascontiguousarray(both[:, 3:])
    towards = np.asarray(-place / np.sqrt(dot(place, place))[:, None], dtype=np.float32)
    inner_side = (kinds >= HAIR) & (dot(normal, towards) < 0)  # sheets of hair are seen from both sides
    normal *= (np.where(inner_side, -1, 1) / (np.sqrt(dot(normal, normal)) + 1e-6)).astype(np.float32)[:, None]
    albedo, shine, gloss = materials(parts, scene, fragments, kinds, look, light.shine, canvas)
    sky = lighting.open_sky(fragments.picture(fragments.depth, np.inf), px_per_cm).ravel()[fragments.pixel]
    arrives = lighting.shadows(light, scene.in_camera, scene.triangles, place)
    return lighting.lit(light, albedo**GAMMA, normal, towards, arrives * (0.4 + 0.6 * sky), sky, shine, gloss)


def _displayed(linear: Floats) -> Image:
    """Linear light to display values, highlights rolled off."""
    rolled: NDArray[np.floating] = np.where(linear > 0.8, 0.8 + 0.2 * (1 - np.exp(-(linear - 0.8) / 0.2)), linear)
    return (np.clip(rolled, 0, 1) ** (1 / GAMMA) * 255).astype(np.uint8)


def _composite(picture: Image, scene: Scene, depth: Floats, look: Look, light: Light) -> None:
    """Lashes and lenses over what is behind them."""
    bright = float(np.clip((light.sky + light.lamp).mean(), 0, 1))
    for triangles, colour in scene.veils:
        veil = rasterise(scene.flat, scene.in_camera[:, 2], triangles, (depth.shape[1], depth.shape[0]))
        before = veil.depth < depth.ravel()[veil.pixel] + 0.02
        at, cover = veil.pixel[before], mixed(veil.triangle, veil.share, triangles, scene.cover[:, None])[before]
        picture[at] = (picture[at] * (1 - cover) + 255 * colour * bright * cover).astype(np.uint8)


def _visibility(depth: Floats, camera: Camera, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(68,) whether the z-buffer shows nothing much nearer at the points (68, 3), or around them: a point on an outline
    falls beside it as often as not. A point outside the picture is not visible."""
    at = np.rint(camera.project(points)).astype(int)
    width, height = camera.size
    out = np.zeros(len(points), bool)
    for index, (x, y) in enumerate(at):
        if 0 <= x < width and 0 <= y < height:
            around = depth[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            out[index] = around.max() > points[index, 2] - HIDDEN_CM
    return out
