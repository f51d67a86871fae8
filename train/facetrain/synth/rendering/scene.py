"""Mesh of a whole person: head and accessories, with a material per triangle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.synth.rendering.accessories import SKIN_MATERIALS, Mesh, Style, glasses, hair_cap, hair_curtain
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA, Camera
from facetrain.synth.rendering.head_model import EYEBALL_MATERIALS, HeadModel, Ints
from facetrain.synth.rendering.light import smooth_normals
from facetrain.synth.rendering.raster import facing
from facetrain.synth.rendering.skin import Look
from facetrain.synth.rendering.truth import HeadState

SKIN, MOUTH, TEETH, EYE, HAIR, FRAME = range(6)
"""Materials of the triangles. Hair and frames are sheets, drawn on both sides."""
MOUTH_BOX_CM = ((-3.9, 3.9), (-6.5, -0.2), (-3.0, 10.7))
"""Box (x, y, z) in cm of the mean head in which the back-of-head mesh is the inside of the mouth."""
LENS_OPACITY = 0.1
EYEBALL_OFFSET_CM = 0.06
"""Depth offset of the eyeballs: a lid moves over them along a straight line and would intersect them."""


@dataclass(frozen=True)
class Parts:
    """Drawn parts of a model, computed once for all heads."""

    model: HeadModel

    @cached_property
    def opaque(self) -> tuple[Ints, NDArray[np.int64]]:
        """Opaque triangles (T, 3) and their materials (T,)."""
        model = self.model
        balls = [names[0] for names in EYEBALL_MATERIALS.values()]  # the outer ball only; the iris is painted on it
        groups = ((SKIN, SKIN_MATERIALS), (MOUTH, ("M_GumsTongue",)), (TEETH, ("M_Teeth",)), (EYE, tuple(balls)))
        picked = [(model.triangles[model.of_material(*names)], kind) for kind, names in groups]
        triangles = np.concatenate([part for part, _ in picked])
        kinds = np.concatenate([np.full(len(part), kind) for part, kind in picked])
        middle = model.vertices[triangles].mean(axis=1)
        within = [(middle[:, i] > low) & (middle[:, i] < high) for i, (low, high) in enumerate(MOUTH_BOX_CM)]
        inside = np.all(within, axis=0)
        back = np.concatenate(
            [model.of_material("M_BackHead")[model.of_material(*SKIN_MATERIALS)], kinds[kinds > 0] < 0]
        )
        kinds[inside & back] = MOUTH
        return triangles, kinds

    @cached_property
    def lashes(self) -> Ints:
        return self.model.triangles[self.model.of_material("M_EyeLashes")]

    @cached_property
    def lash_opacity(self) -> Floats:
        """Opacity (V,) 0..1 of the lashes, decreasing from lid to tips: the model's lashes are sheets for a texture."""
        model = self.model
        lashes = np.unique(self.lashes)
        lids = model.vertices[model.landmarks[list(topology.RIGHT_EYE + topology.LEFT_EYE)]]
        lids = np.concatenate([lids, (lids + np.roll(lids, 1, axis=0)) / 2])
        apart = np.linalg.norm(model.vertices[lashes][:, None] - lids, axis=-1).min(axis=1)
        out = np.zeros(len(model.vertices), np.float32)
        lower = model.vertices[lashes, 1] < lids[:, 1].mean() - 0.15
        out[lashes] = np.clip(1.15 - apart / 0.75, 0, 1) * np.where(lower, 0.25, 0.8)
        return out

    @cached_property
    def mean_and_lips(self) -> Floats:
        """Mean head and lip weight of each vertex, (V, 4)."""
        return np.concatenate([self.model.vertices, _lip_mask(self.model)[:, None]], axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Drawable scene in the camera's axes; the head's own vertices come first.

    in_camera: (V, 3) cm. flat: (V, 2) px. normals: (V, 3).
    depth_offset: (V,) cm added to the depth in the z-buffer.
    triangles, kinds: (T, 3) vertex indices and (T,) materials of the opaque triangles.
    strand: (V, 2) cm, texture coordinates on hair.
    opacity: (V,) 0..1 of the translucent triangles.
    translucent: translucent triangles (T', 3), each set with its colour.
    """

    in_camera: Floats
    flat: Floats
    normals: Floats
    depth_offset: Floats
    triangles: Ints
    kinds: NDArray[np.int64]
    strand: Floats
    opacity: Floats
    translucent: list[tuple[Ints, Floats]]


def assemble(parts: Parts, state: HeadState, look: Look, style: Style, shaped: Floats, camera: Camera) -> Scene:
    model = parts.model
    triangles, kinds = parts.opaque
    normals = smooth_normals(shaped, triangles)
    extras: list[tuple[Mesh, int]] = []
    if style.thickness_cm > 0:
        extras.append((hair_cap(model, shaped, normals, style, look.hairline_cm), HAIR))
    if style.length_cm > 0:
        extras.append((hair_curtain(shaped, style), HAIR))
    lash_opacity = parts.lash_opacity * (0.55 + 0.45 * look.make_up)
    translucent = [(parts.lashes, look.brow * 0.25)]
    lens: Mesh | None = None
    if style.glasses:
        frame, lens = glasses(model, shaped, style)
        extras.append((frame, FRAME))
    vertices, all_triangles, all_kinds = [shaped], [triangles], [kinds]
    all_normals, strands = [normals], [np.zeros((len(shaped), 2), np.float32)]
    count = len(shaped)
    for mesh, kind in extras:
        vertices.append(mesh.vertices)
        all_triangles.append(mesh.triangles + count)
        all_kinds.append(np.full(len(mesh.triangles), kind))
        all_normals.append(smooth_normals(mesh.vertices, mesh.triangles))
        strands.append(mesh.strand)
        count += len(mesh.vertices)
    if lens is not None:
        vertices.append(lens.vertices)
        all_normals.append(np.zeros_like(lens.vertices))
        strands.append(lens.strand)
        translucent.append((lens.triangles + count, np.full(3, 0.9, np.float32)))
    all_vertices = np.concatenate(vertices)
    in_camera = state.in_camera(model, all_vertices)
    flat = camera.project(in_camera).astype(np.float32)
    joined, kind_of = np.concatenate(all_triangles), np.concatenate(all_kinds)
    drawn = facing(flat, joined) | (kind_of >= HAIR)
    opacity = np.full(len(all_vertices), LENS_OPACITY, np.float32)
    opacity[: len(shaped)] = lash_opacity
    depth_offset = np.zeros(len(all_vertices), np.float32)
    for names in EYEBALL_MATERIALS.values():
        depth_offset[model.vertices_of(*names)] = EYEBALL_OFFSET_CM
    camera_normals = np.concatenate(all_normals) @ (state.rotation @ MODEL_TO_CAMERA).T.astype(np.float32)
    return Scene(
        in_camera, flat, camera_normals, depth_offset, joined[drawn], kind_of[drawn], np.concatenate(strands), opacity,
        translucent,
    )  # fmt: skip


def interpolate(triangle: Ints, share: Floats, triangles: Ints, values: Floats) -> Floats:
    """Interpolate vertex values (V, C) to (N, C) at fragments with triangles (N,) and barycentric weights (N, 3)."""
    corner = triangles[triangle]
    out = share[:, :1] * values[corner[:, 0]]
    out += share[:, 1:2] * values[corner[:, 1]]
    out += share[:, 2:] * values[corner[:, 2]]
    return np.asarray(out, dtype=np.float32)


def _lip_mask(model: HeadModel) -> Floats:
    """Return the (V,) lip weight: 1 inside the outline of the lips in the frontal view, soft at the edge."""
    scale, low = 60.0, np.array([-4.0, -6.5])
    outline = model.vertices[model.landmarks[list(topology.OUTER_LIPS)], :2]
    mask = np.zeros((round(6.0 * scale), round(8.0 * scale)), np.uint8)
    cv2.fillPoly(mask, [np.rint((outline - low) * scale).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.08 * scale).astype(np.float32) / 255
    at = np.rint((model.vertices[:, :2] - low) * scale).astype(int)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < mask.shape[1]) & (at[:, 1] < mask.shape[0])
    inside &= model.vertices[:, 2] > 8.0
    out = np.zeros(len(at), np.float32)
    out[inside] = soft[at[inside, 1], at[inside, 0]]
    return out
