"""Accessories of a head: hair as a cap over the skull, long hair as a curtain behind the face, and glasses.

Each is a mesh in the model's axes (cm, y up), fitted to an already shaped head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.synth.rendering.head_model import HeadModel, Ints
from facetrain.synth.rendering.skin import AXIS_Z_CM, Rng, hairline

SKIN_MATERIALS = ("M_Face", "M_BackHead")
EAR_CM = ((7.2, 20.0), (-2.5, 5.5), (-4.0, 3.6))
"""Box (|x|, y, z) in cm of the mean head without hair: the ears."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangle mesh.

    vertices: (V, 3) cm.
    triangles: (T, 3) vertex indices.
    strand: (V, 2) cm, texture coordinates across and along the hair strands.
    """

    vertices: Floats
    triangles: Ints
    strand: Floats


@dataclass(frozen=True, slots=True)
class Style:
    """Hair and glasses of a person.

    thickness_cm: thickness of the cap, 0 for none.
    length_cm: length of the curtain below the eyes, 0 for none.
    fullness_cm: distance of the curtain from the head.
    curl: 0..1.
    glasses: "" for none, else "round" or "square".
    """

    thickness_cm: float
    length_cm: float
    fullness_cm: float
    curl: float
    glasses: str
    seed: int


def random_style(rng: Rng) -> Style:
    kind = rng.random()
    bald, long = kind < 0.2, kind > 0.6
    return Style(
        thickness_cm=0.0 if bald else float(rng.uniform(0.3, 2.2)),
        length_cm=float(rng.uniform(4, 18)) if long else 0.0,
        fullness_cm=float(rng.uniform(0.3, 2.5)),
        curl=float(rng.uniform(0, 1)),
        glasses="" if rng.random() < 0.8 else ("round", "square")[int(rng.integers(2))],
        seed=int(rng.integers(2**31)),
    )


def hair_cap(model: HeadModel, shaped: Floats, normals: Floats, style: Style, hairline_cm: float) -> Mesh:
    """Return a hair cap: the skull above the hairline, displaced outwards unevenly, thin at the edge."""
    rng = np.random.default_rng(style.seed)
    mean = model.vertices
    angle = np.arctan2(mean[:, 0], mean[:, 2] - AXIS_Z_CM)
    above = (mean[:, 1] - hairline(angle, hairline_cm)) / 1.6
    ear = np.ones(len(mean), bool)
    for axis, (low, high) in enumerate(EAR_CM):
        position = np.abs(mean[:, axis]) if axis == 0 else mean[:, axis]
        ear &= (position > low) & (position < high)
    depth = np.where(ear, -1.0, np.clip(above, -1, 1))
    triangles = model.triangles[model.of_material(*SKIN_MATERIALS)]
    triangles = triangles[(depth[triangles] > -0.95).all(axis=1)]
    used, flat = np.unique(triangles, return_inverse=True)
    position = mean[used]
    waves = sum(
        np.sin(position @ rng.normal(0, frequency, 3) + rng.uniform(0, 6)) for frequency in (0.5, 0.9, 1.6, 2.6)
    ) / 4  # fmt: skip
    # Below the hairline the cap lies under the skin, so that its visible edge is where the two surfaces intersect.
    displaced = style.thickness_cm * np.clip(depth[used], 0, 1) ** 0.7 * (1 + 0.45 * (0.4 + style.curl) * waves)
    rise = np.where(depth[used] > 0, displaced, 0.6 * depth[used]) + 0.12 * waves
    vertices = shaped[used] + normals[used] * rise[:, None]
    strand = np.stack([np.arctan2(position[:, 0], position[:, 2] - AXIS_Z_CM) * 8, position[:, 1]], axis=1)
    return Mesh(vertices.astype(np.float32), flat.reshape(-1, 3), strand.astype(np.float32))


def hair_curtain(shaped: Floats, style: Style) -> Mesh:
    """Return long hair: a sheet around the back and the sides of the head, hanging down from above the ears."""
    rng = np.random.default_rng(style.seed + 1)
    columns, rows = 90, 24
    front = np.deg2rad(rng.uniform(58, 88))
    angle = np.linspace(front, 2 * np.pi - front, columns)
    along = np.linspace(0, 1, rows)
    top, half = float(shaped[:, 1].max()), 7.6
    start = top - 5.0
    y = start - along[:, None] * (start - 3.6 + style.length_cm) + 0.3 * rng.standard_normal(columns)
    out = half + 0.2 + style.fullness_cm * np.minimum(1, 2.5 * along[:, None]) ** 0.8
    out = out + (0.15 + 0.4 * style.curl) * np.sin(angle * rng.integers(12, 30) + 5 * style.curl * along[:, None] * 3)
    out = out + 0.12 * rng.standard_normal(columns)
    x = out * np.sin(angle)
    z = AXIS_Z_CM - 1.0 + out * np.cos(angle) * 1.12
    grid = np.stack([x, y + 0 * x, z], axis=-1).reshape(-1, 3)
    strand = np.stack([(angle * 8)[None, :] + 0 * y, y], axis=-1).reshape(-1, 2)
    return Mesh(grid.astype(np.float32), _grid(rows, columns), strand.astype(np.float32))


def glasses(model: HeadModel, shaped: Floats, style: Style) -> tuple[Mesh, Mesh]:
    """Return (frame, lenses): two rims, a bridge and the temples, placed on the nose in front of the eyes."""
    rng = np.random.default_rng(style.seed + 2)
    points = shaped[model.landmarks].astype(np.float64)
    radii = np.array([rng.uniform(2.1, 2.7), rng.uniform(1.5, 2.2)])
    bar, roundness = float(rng.uniform(0.06, 0.2)), 2.0 if style.glasses == "round" else float(rng.uniform(3, 6))
    front = float(max(points[27, 2] + 0.2, points[[37, 44], 2].max() + 1.3))
    drop = float(rng.uniform(-0.2, 0.5))
    parts, lenses, inner, outer = [], [], [], []
    for eye, side in ((topology.RIGHT_EYE, -1.0), (topology.LEFT_EYE, 1.0)):
        middle = points[list(eye)].mean(axis=0)
        turn = np.linspace(0, 2 * np.pi, 41)
        curve = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        curve = np.sign(curve) * np.abs(curve) ** (2 / roundness) * radii
        bend = -0.035 * (curve[:, 0] + side * 0.6) ** 2
        x = np.sign(middle[0]) * max(abs(middle[0]), radii[0] + 0.75) + curve[:, 0]
        rim = np.stack([x, middle[1] - drop + curve[:, 1], front + bend], axis=1)
        parts.append(_tube(rim, bar, (0, 0, 1)))
        lenses.append(_fan(rim))
        order = np.argsort(rim[:, 0] * side)
        inner.append(rim[order[0]] + [0, 0.35 * radii[1], 0])
        outer.append(rim[order[-1]] + [0, 0.3 * radii[1], 0])
    arch = (inner[0] + inner[1]) / 2 + [0, 0.25, 0.25]
    parts.append(_tube(np.stack([inner[0], arch, inner[1]]), bar, (0, 0, 1)))
    for hinge, side in zip(outer, (-1.0, 1.0), strict=True):
        width = float(np.abs(shaped[model.landmarks[[0, 16]], 0]).mean()) + 0.25
        ear = np.array([side * width, hinge[1] + 0.2, points[0, 2] - 2.5])
        corner = np.array(
            [side * max(abs(hinge[0]) + 0.2, 0.6 * abs(hinge[0]) + 0.4 * width), hinge[1], hinge[2] - 0.6]
        )
        bent = np.stack([hinge, corner, corner + 0.1 * (ear - corner), ear])
        parts.append(_tube(bent, 0.7 * bar, (0, 1, 0)))
    return _join(parts), _join(lenses)


def _grid(rows: int, columns: int) -> Ints:
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])


def _tube(line: NDArray[np.float64], radius: float, across: tuple[float, float, float]) -> Mesh:
    """Return a square bar along a line (N, 3), which must nowhere be parallel to `across`."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.cross(along, np.array(across))
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    sideways = np.cross(along, up)
    ring = [line + radius * (i * up + j * sideways) for i, j in ((1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1))]
    vertices = np.stack(ring, axis=1).reshape(-1, 3).astype(np.float32)
    return Mesh(vertices, _grid(len(line), 5), np.zeros((len(vertices), 2), np.float32))


def _fan(rim: NDArray[np.float64]) -> Mesh:
    vertices = np.concatenate([rim.mean(axis=0, keepdims=True), rim]).astype(np.float32)
    step = np.arange(1, len(rim))
    return Mesh(vertices, np.stack([0 * step, step, step + 1], 1), np.zeros((len(vertices), 2), np.float32))


def _join(parts: list[Mesh]) -> Mesh:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    triangles = [part.triangles + start for part, start in zip(parts, starts, strict=True)]
    return Mesh(
        np.concatenate([part.vertices for part in parts]), np.concatenate(triangles),
        np.concatenate([part.strand for part in parts]),
    )  # fmt: skip
