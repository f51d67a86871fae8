"""Rendering of a head: z-buffered at twice the size, painted, lit and area-averaged."""

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
from facetrain.synth.rendering.scene import HAIR, Parts, Scene, assemble, interpolate
from facetrain.synth.rendering.skin import Look, paint
from facetrain.synth.rendering.truth import HeadState, HeadTruth, measure

SUPERSAMPLING = 2
"""Supersampling factor."""
GAMMA = 2.2
OCCLUSION_CM = 0.45
"""Depth difference from which a nearer surface occludes a point."""


@dataclass(frozen=True)
class Renderer:
    """Renderer of one model's heads; data shared by all heads are computed once."""

    model: HeadModel

    @cached_property
    def outline(self) -> Outline:
        return outline_of(self.model)

    @cached_property
    def parts(self) -> Parts:
        return Parts(self.model)

    def truth(self, state: HeadState, camera: Camera) -> HeadTruth:
        """Compute the ground truth without rendering; every point counts as visible."""
        shaped = self.model.shaped(state.identity, state.expression, state.gaze_deg)
        return measure(self.model, state, shaped, camera, self.outline)

    def render(
        self, state: HeadState, look: Look, style: Style, light: Light, camera: Camera, background: Image,
        canvas: Floats | None = None,
    ) -> tuple[Image, HeadTruth]:  # fmt: skip
        """Render the (H, W, 3) uint8 BGR image of the camera's size, with its ground truth.

        background: any size, stretched over the image. canvas: the look's map from `skin.paint`, to render the same
        person many times.
        """
        model = self.model
        shaped = model.shaped(state.identity, state.expression, state.gaze_deg)
        truth = measure(model, state, shaped, camera, self.outline)
        large = camera.enlarged(SUPERSAMPLING)
        scene = assemble(self.parts, state, look, style, shaped, large)
        fragments = rasterise(scene.flat, scene.in_camera[:, 2] + scene.depth_offset, scene.triangles, large.size)
        px_per_cm = large.focal_px / state.translation_cm[2]
        paint_map = paint(model, look) if canvas is None else canvas
        colours = _shade(self.parts, scene, fragments, look, light, paint_map, px_per_cm)
        large_image = np.array(cv2.resize(background, large.size, interpolation=cv2.INTER_LINEAR), np.uint8).reshape(
            -1, 3
        )
        large_image[fragments.pixel] = _to_display(colours)
        depth = fragments.to_image(fragments.depth, np.inf)
        _composite(large_image, scene, depth, look, light)
        image = cv2.resize(
            large_image.reshape(large.size[1], large.size[0], 3), camera.size, interpolation=cv2.INTER_AREA
        )
        points = state.in_camera(model, model.points68(shaped)).astype(np.float64)
        visible = _visibility(depth, large, self.outline.visible_points(scene.in_camera, points, state.rotation, large))
        return np.asarray(image, dtype=np.uint8), replace(truth, visible=visible)


def _shade(
    parts: Parts, scene: Scene, fragments: Fragments, look: Look, light: Light, canvas: Floats, px_per_cm: float
) -> Floats:
    """Return the linear colours (N, 3) of the fragments."""
    kinds = scene.kinds[fragments.triangle]
    vertices = np.concatenate([scene.in_camera, scene.normals], axis=1)
    interpolated = interpolate(fragments.triangle, fragments.share, scene.triangles, vertices)
    position, normal = np.ascontiguousarray(interpolated[:, :3]), np.ascontiguousarray(interpolated[:, 3:])
    towards = np.asarray(-position / np.sqrt(dot(position, position))[:, None], dtype=np.float32)
    inner_side = (kinds >= HAIR) & (dot(normal, towards) < 0)  # hair sheets are two-sided
    normal *= (np.where(inner_side, -1, 1) / (np.sqrt(dot(normal, normal)) + 1e-6)).astype(np.float32)[:, None]
    albedo, shine, gloss = materials(parts, scene, fragments, kinds, look, light.shine, canvas)
    ambient = lighting.ambient_occlusion(fragments.to_image(fragments.depth, np.inf), px_per_cm).ravel()[
        fragments.pixel
    ]
    shadow = lighting.shadows(light, scene.in_camera, scene.triangles, position) * (0.4 + 0.6 * ambient)
    return lighting.shade(light, albedo**GAMMA, normal, towards, shadow, ambient, shine, gloss)


def _to_display(linear: Floats) -> Image:
    """Convert linear light to display values, with a soft clip of the highlights."""
    rolled: NDArray[np.floating] = np.where(linear > 0.8, 0.8 + 0.2 * (1 - np.exp(-(linear - 0.8) / 0.2)), linear)
    return (np.clip(rolled, 0, 1) ** (1 / GAMMA) * 255).astype(np.uint8)


def _composite(image: Image, scene: Scene, depth: Floats, look: Look, light: Light) -> None:
    """Blend lashes and lenses over the image, in place."""
    bright = float(np.clip((light.sky + light.lamp).mean(), 0, 1))
    for triangles, colour in scene.translucent:
        layer = rasterise(scene.flat, scene.in_camera[:, 2], triangles, (depth.shape[1], depth.shape[0]))
        in_front = layer.depth < depth.ravel()[layer.pixel] + 0.02
        at = layer.pixel[in_front]
        opacity = interpolate(layer.triangle, layer.share, triangles, scene.opacity[:, None])[in_front]
        image[at] = (image[at] * (1 - opacity) + 255 * colour * bright * opacity).astype(np.uint8)


def _visibility(depth: Floats, camera: Camera, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the (68,) visibility of points (68, 3): no much nearer surface at the pixel or around it.

    The neighbourhood is needed since points on an outline often project beside it. Points outside the image are not
    visible.
    """
    at = np.rint(camera.project(points)).astype(int)
    width, height = camera.size
    out = np.zeros(len(points), bool)
    for index, (x, y) in enumerate(at):
        if 0 <= x < width and 0 <= y < height:
            neighbourhood = depth[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
            out[index] = neighbourhood.max() > points[index, 2] - OCCLUSION_CM
    return out
