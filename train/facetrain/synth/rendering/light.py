"""Light on a head: from everywhere, from one lamp that casts shadows, and from a second one that does not."""

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
"""Nearer than this to what is lit counts as lit: the shadow's map is coarser than the head."""
WRAP = 0.25
"""Skin scatters light past the edge of its own shadow: the lamp's cosine reaches this much further."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Colours are linear BGR, 1 = white paper fully lit. Directions (3,) point to the lamp, in the camera's axes
    (x right, y down, z away). sky, ground: light from above and below. shine: strength of highlights on skin.
    softness_cm: how far a shadow's edge is spread."""

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
        way = np.array([right, -up, -near])
        return (way / np.linalg.norm(way)).astype(np.float32)

    ambient, whole = float(rng.uniform(0.25, 0.75)), float(np.exp(rng.normal(0.05, 0.28)))
    lamp_from = towards(rng.normal(0, 0.9), rng.normal(0.5, 0.5), rng.uniform(0.3, 1.2))
    fill_from = towards(-lamp_from[0] + rng.normal(0, 0.7), rng.normal(0, 0.5), rng.uniform(-0.6, 1))
    return Light(
        sky=tint(whole * ambient, 0.08), ground=tint(whole * ambient * rng.uniform(0.3, 0.9), 0.08),
        lamp=tint(whole * (1.15 - ambient) * rng.uniform(0.7, 1.3), 0.1), lamp_from=lamp_from,
        fill=tint(whole * rng.uniform(0, 0.4), 0.15), fill_from=fill_from,
        shine=float(rng.uniform(0.02, 0.3)), softness_cm=float(rng.uniform(0.05, 0.8)),
    )  # fmt: skip


def plain_light() -> Light:
    """Even light from above the camera, for pictures in which nothing but the head should change."""
    white = np.ones(3, np.float32)
    way = np.array([0.25, -0.5, -0.83], np.float32)
    return Light(0.55 * white, 0.4 * white, 0.5 * white, way, 0 * white, way, 0.08, 0.4)


def lit(
    light: Light, albedo: Floats, normal: Floats, towards: Floats, shadow: Floats, open_sky: Floats,
    shine: Floats, gloss: Floats,
) -> Floats:  # fmt: skip
    """Linear colours (N, 3) of points with paint albedo (N, 3), unit normals and unit directions to the eye (N, 3).

    shadow (N,): share of the lamp that arrives; open_sky (N,): share of the light from everywhere; shine and gloss
    (N,): strength and exponent of the highlight (Blinn, 1977).
    """
    up = (0.5 - 0.5 * normal[:, 1:2]).astype(np.float32)
    received = (light.ground + (light.sky - light.ground) * up) * open_sky[:, None]
    shining = np.zeros_like(albedo)
    for colour, way, arrives in ((light.lamp, light.lamp_from, shadow), (light.fill, light.fill_from, open_sky)):
        if not colour.any():
            continue
        cosine = np.clip((normal @ way + WRAP) / (1 + WRAP), 0, 1)
        received = received + (cosine * arrives)[:, None] * colour
        # The scattered rim is redder: blood takes blue and green out of light on a long way through skin.
        received -= (cosine * (1 - cosine) * arrives)[:, None] * (colour * np.array([0.3, 0.18, 0.0], np.float32))
        half = towards + way
        spot = np.clip(dot(normal, half) / (np.sqrt(dot(half, half)) + 1e-6), 0, 1) ** gloss * shine * arrives
        shining += colour * spot[:, None]
    return albedo * received + shining


def shadows(light: Light, vertices: Floats, triangles: Ints, points: Floats) -> Floats:
    """(N,) share of the lamp's light that reaches points (N, 3): a depth map seen from the lamp (Williams, 1978),
    looked up at several places around each (percentage closer filtering, Reeves 1987)."""
    away = -light.lamp_from.astype(np.float64)
    aside = np.cross(away, [0.0, 1.0, 0.1])
    aside /= np.linalg.norm(aside)
    axes = np.stack([aside, np.cross(away, aside), away]).astype(np.float32)
    seen, places = vertices @ axes.T, points @ axes.T
    low, high = places[:, :2].min(axis=0) - 0.5, places[:, :2].max(axis=0) + 0.5
    scale = float((SHADOW_PX - 1) / (high - low).max())
    flat = (seen[:, :2] - low) * scale
    toward_lamp = triangles[facing(flat, triangles)]
    start = float(seen[:, 2].min()) - 100.0  # a lamp far away: depth is all but linear
    fragments = rasterise(flat, seen[:, 2] - start, toward_lamp, (SHADOW_PX, SHADOW_PX))
    depth = fragments.picture(fragments.depth, 1e6)
    spread = light.softness_cm * scale
    rows = -(-len(points) // 4096)
    arrives = np.zeros(len(points), np.float32)
    offsets = ((0.0, 0.0), (1.0, 0.3), (-0.3, 1.0), (-1.0, -0.3), (0.3, -1.0))
    target = places[:, 2] - start - SHADOW_BIAS_CM - 0.4 * light.softness_cm
    at = np.zeros((rows * 4096, 2), np.float32)
    at[: len(points)] = (places[:, :2] - low) * scale
    for dx, dy in offsets:
        grid = (at + np.array([dx, dy], np.float32) * spread).reshape(rows, 4096, 2)
        nearest = cv2.remap(
            depth, grid[..., 0], grid[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=1e6
        )
        arrives += nearest.reshape(-1)[: len(points)] > target
    return np.asarray(arrives / len(offsets), dtype=np.float32)


def open_sky(depth: Floats, px_per_cm: float) -> Floats:
    """(H, W) 0..1 from a depth map in cm: what lies deeper than its surroundings gets less light from everywhere.

    depth: (H, W), inf where nothing is.
    """
    there = np.isfinite(depth).astype(np.float32)
    flat = np.where(there > 0, depth, 0).astype(np.float32)
    out = np.ones_like(flat)
    for radius_cm, strength in ((0.35, 1.0), (1.2, 0.6)):
        size = (max(3, int(2 * radius_cm * px_per_cm) | 1),) * 2
        mean = cv2.blur(flat, size) / np.maximum(cv2.blur(there, size), 1e-3)
        # Bounded: a neck far behind the chin is not in a hole beside it.
        hollow = np.clip((flat - mean) / radius_cm - 0.08, 0, 0.5)
        out *= np.exp(-2 * strength * hollow)
    return np.asarray(out, dtype=np.float32)


def smooth_normals(vertices: Floats, triangles: Ints) -> Floats:
    """(V, 3) unit normals, the mean of the triangles around a vertex weighted by their area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    flat = triangles.ravel()
    sums = [np.bincount(flat, np.repeat(face[:, axis], 3), minlength=len(vertices)) for axis in range(3)]
    total: NDArray[np.float64] = np.stack(sums, axis=1)
    total /= np.linalg.norm(total, axis=1, keepdims=True) + 1e-12
    return total.astype(np.float32)
