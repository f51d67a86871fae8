"""Lighting of a head: ambient light, a key lamp with shadows, and a fill lamp without."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats
from facetrain.synth.rendering.raster import Ints, dot, facing, rasterise

Rng = np.random.Generator

SHADOW_PX = 192
SHADOW_BIAS_CM = 0.18
"""Depth tolerance of the shadow test, since the shadow map is coarser than the head."""
WRAP = 0.25
"""Extension of the lamp's cosine beyond the terminator, since skin scatters light past its shadow's edge."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Lighting; colours are linear BGR, 1 = white paper fully lit.

    sky, ground: ambient light from above and below.
    lamp, fill: colours of the key lamp and of the fill lamp.
    lamp_from, fill_from: (3,) directions to the lamps in the camera's axes (x right, y down, z away).
    shine: strength of specular highlights on skin.
    softness_cm: width of the shadows' edges.
    """

    sky: Floats
    ground: Floats
    lamp: Floats
    lamp_from: Floats
    fill: Floats
    fill_from: Floats
    shine: float
    softness_cm: float


def random_light(rng: Rng) -> Light:
    def tint(strength: float, spread: float) -> Floats:
        warm = rng.normal(0, spread)
        return (strength * np.array([1 - warm, 1, 1 + warm])).clip(0.0, 3).astype(np.float32)

    def towards(right: float, up: float, near: float) -> Floats:
        direction = np.array([right, -up, -near])
        return (direction / np.linalg.norm(direction)).astype(np.float32)

    ambient, level = float(rng.uniform(0.25, 0.75)), float(np.exp(rng.normal(0.05, 0.28)))
    lamp_from = towards(rng.normal(0, 0.9), rng.normal(0.5, 0.5), rng.uniform(0.3, 1.2))
    fill_from = towards(-lamp_from[0] + rng.normal(0, 0.7), rng.normal(0, 0.5), rng.uniform(-0.6, 1))
    return Light(
        sky=tint(level * ambient, 0.08), ground=tint(level * ambient * rng.uniform(0.3, 0.9), 0.08),
        lamp=tint(level * (1.15 - ambient) * rng.uniform(0.7, 1.3), 0.1), lamp_from=lamp_from,
        fill=tint(level * rng.uniform(0, 0.4), 0.15), fill_from=fill_from,
        shine=float(rng.uniform(0.02, 0.3)), softness_cm=float(rng.uniform(0.05, 0.8)),
    )  # fmt: skip


def plain_light() -> Light:
    """Return even light from above the camera, for images in which only the head varies."""
    white = np.ones(3, np.float32)
    direction = np.array([0.25, -0.5, -0.83], np.float32)
    return Light(0.55 * white, 0.4 * white, 0.5 * white, direction, 0 * white, direction, 0.08, 0.4)


def shade(
    light: Light, albedo: Floats, normal: Floats, towards: Floats, shadow: Floats, ambient: Floats,
    shine: Floats, gloss: Floats,
) -> Floats:  # fmt: skip
    """Return the linear colours (N, 3) of surface points.

    albedo, normal, towards: (N, 3), normals and directions to the eye as unit vectors.
    shadow: (N,) share of the lamp's light that arrives.
    ambient: (N,) share of the ambient light that arrives.
    shine, gloss: (N,) strength and exponent of the specular highlight (Blinn, 1977).
    """
    up = (0.5 - 0.5 * normal[:, 1:2]).astype(np.float32)
    received = (light.ground + (light.sky - light.ground) * up) * ambient[:, None]
    specular = np.zeros_like(albedo)
    for colour, direction, arriving in ((light.lamp, light.lamp_from, shadow), (light.fill, light.fill_from, ambient)):
        if not colour.any():
            continue
        cosine = np.clip((normal @ direction + WRAP) / (1 + WRAP), 0, 1)
        received = received + (cosine * arriving)[:, None] * colour
        # Light scattered at the terminator is redder: skin absorbs blue and green over long paths.
        received -= (cosine * (1 - cosine) * arriving)[:, None] * (colour * np.array([0.3, 0.18, 0.0], np.float32))
        half = towards + direction
        highlight = np.clip(dot(normal, half) / (np.sqrt(dot(half, half)) + 1e-6), 0, 1) ** gloss * shine * arriving
        specular += colour * highlight[:, None]
    return albedo * received + specular


def shadows(light: Light, vertices: Floats, triangles: Ints, points: Floats) -> Floats:
    """Return the (N,) share of the lamp's light that reaches points (N, 3).

    Shadow mapping (Williams, 1978) with percentage-closer filtering (Reeves, 1987).
    """
    lamp_axis = -light.lamp_from.astype(np.float64)
    side_axis = np.cross(lamp_axis, [0.0, 1.0, 0.1])
    side_axis /= np.linalg.norm(side_axis)
    axes = np.stack([side_axis, np.cross(lamp_axis, side_axis), lamp_axis]).astype(np.float32)
    occluders, surface = vertices @ axes.T, points @ axes.T
    low, high = surface[:, :2].min(axis=0) - 0.5, surface[:, :2].max(axis=0) + 0.5
    scale = float((SHADOW_PX - 1) / (high - low).max())
    flat = (occluders[:, :2] - low) * scale
    toward_lamp = triangles[facing(flat, triangles)]
    start = float(occluders[:, 2].min()) - 100.0  # a distant lamp: depth is almost linear
    fragments = rasterise(flat, occluders[:, 2] - start, toward_lamp, (SHADOW_PX, SHADOW_PX))
    depth = fragments.to_image(fragments.depth, 1e6)
    radius_px = light.softness_cm * scale
    rows = -(-len(points) // 4096)
    arrives = np.zeros(len(points), np.float32)
    offsets = ((0.0, 0.0), (1.0, 0.3), (-0.3, 1.0), (-1.0, -0.3), (0.3, -1.0))
    surface_depth = surface[:, 2] - start - SHADOW_BIAS_CM - 0.4 * light.softness_cm
    at = np.zeros((rows * 4096, 2), np.float32)
    at[: len(points)] = (surface[:, :2] - low) * scale
    for dx, dy in offsets:
        grid = (at + np.array([dx, dy], np.float32) * radius_px).reshape(rows, 4096, 2)
        nearest = cv2.remap(
            depth, grid[..., 0], grid[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=1e6
        )
        arrives += nearest.reshape(-1)[: len(points)] > surface_depth
    return np.asarray(arrives / len(offsets), dtype=np.float32)


def ambient_occlusion(depth: Floats, px_per_cm: float) -> Floats:
    """Return the (H, W) share 0..1 of ambient light: pixels deeper than their surroundings get less.

    depth: (H, W) cm, inf for the background.
    """
    covered = np.isfinite(depth).astype(np.float32)
    flat = np.where(covered > 0, depth, 0).astype(np.float32)
    out = np.ones_like(flat)
    for radius_cm, strength in ((0.35, 1.0), (1.2, 0.6)):
        size = (max(3, int(2 * radius_cm * px_per_cm) | 1),) * 2
        mean = cv2.blur(flat, size) / np.maximum(cv2.blur(covered, size), 1e-3)
        # Bounded: a neck far behind the chin is not in a hollow beside it.
        hollow = np.clip((flat - mean) / radius_cm - 0.08, 0, 0.5)
        out *= np.exp(-2 * strength * hollow)
    return np.asarray(out, dtype=np.float32)


def smooth_normals(vertices: Floats, triangles: Ints) -> Floats:
    """Return (V, 3) unit normals, the area-weighted mean over the triangles around each vertex."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    flat = triangles.ravel()
    sums = [np.bincount(flat, np.repeat(face[:, axis], 3), minlength=len(vertices)) for axis in range(3)]
    total: NDArray[np.float64] = np.stack(sums, axis=1)
    total /= np.linalg.norm(total, axis=1, keepdims=True) + 1e-12
    return total.astype(np.float32)
