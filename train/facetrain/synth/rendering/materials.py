"""Surface materials of the fragments: albedo and specular parameters."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facetrack.types import Floats
from facetrain.synth.rendering.head_model import EYEBALL_MATERIALS, HeadModel
from facetrain.synth.rendering.raster import Fragments
from facetrain.synth.rendering.scene import EYE, FRAME, HAIR, MOUTH, SKIN, TEETH, Parts, Scene, interpolate
from facetrain.synth.rendering.skin import Look, map_px, sample

COLLAR_CM = -13.0
"""Height on the mean head below which it is clothed."""
IRIS_CM, PUPIL_CM = 0.62, 0.25


def materials(
    parts: Parts,
    scene: Scene,
    fragments: Fragments,
    kinds: NDArray[np.int64],
    look: Look,
    skin_shine: float,
    canvas: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Return (albedo (N, 3) BGR as displayed, shine (N,), gloss (N,)) of the fragments.

    kinds: (N,) material of each fragment, as in `scene`. canvas: the map of the skin.
    """
    rng = np.random.default_rng(look.seed)
    cloth, tooth, frame = rng.uniform(0.05, 0.9, 3), rng.uniform(0.68, 0.9), rng.uniform(0.03, 0.5)
    mean = parts.mean_and_lips
    albedo = np.empty((len(kinds), 3), np.float32)
    shine, gloss = np.full(len(kinds), skin_shine, np.float32), np.full(len(kinds), 14.0, np.float32)

    def of(kind: int, values: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Return the indices of the fragments of a kind, and the vertex values interpolated there."""
        rows = np.flatnonzero(kinds == kind)
        return rows, interpolate(fragments.triangle[rows], fragments.share[rows], scene.triangles, values)

    rows, at = of(SKIN, mean)
    lips = at[:, 3:]
    colour = sample(canvas, map_px(at[:, :3]))
    colour += lips * (look.lip * (colour[:, 1:2] / look.skin[1]) ** 0.5 - colour)
    dressed = np.clip((COLLAR_CM - at[:, 1:2]) / 0.3, 0, 1)
    albedo[rows] = colour + dressed * (cloth - colour)
    shine[rows] = skin_shine * (1 + 2 * lips[:, 0]) * (1 - dressed[:, 0])
    gloss[rows] = 14 + 40 * lips[:, 0]
    rows, at = of(MOUTH, mean)
    albedo[rows] = np.array([0.38, 0.36, 0.66]) * (1 - 0.75 * np.clip((10.0 - at[:, 2:3]) / 5.0, 0, 1))
    rows, at = of(TEETH, mean)
    albedo[rows] = np.array([0.82, 0.92, 0.96]) * tooth * (1 - 0.6 * np.clip((10.0 - at[:, 2:3]) / 4.0, 0, 1))
    gloss[rows], shine[rows] = 40, 0.25
    rows, at = of(EYE, mean)
    albedo[rows] = _eyes(at[:, :3], parts.model, look)
    gloss[rows], shine[rows] = 120, 0.9
    rows, at = of(HAIR, scene.strand)
    albedo[rows] = _hair(at, look)
    gloss[rows], shine[rows] = 8, 0.6 * skin_shine
    rows = np.flatnonzero(kinds == FRAME)
    albedo[rows] = frame
    gloss[rows], shine[rows] = 30, 0.5
    return np.clip(albedo, 0, 1), shine, gloss


def _eyes(mean: Floats, model: HeadModel, look: Look) -> Floats:
    """Return the albedo of the eyeballs at (N, 3) positions on the mean head, whose eyes look straight ahead."""
    out = np.empty_like(mean)
    for side, names in EYEBALL_MATERIALS.items():
        ball = model.vertices[model.vertices_of(names[0])]
        axis = (ball[:, :2].min(axis=0) + ball[:, :2].max(axis=0)) / 2
        rows = np.flatnonzero((mean[:, 0] < 0) == (side == "right"))
        at = mean[rows, :2] - axis
        radius = np.linalg.norm(at, axis=1)[:, None]
        radius = np.where(mean[rows, 2:] < ball[:, 2].mean(), 9, radius)
        fibres = 1 + 0.22 * np.sin(np.arctan2(at[:, 1], at[:, 0])[:, None] * 23 + 9 * radius)
        iris = look.iris * fibres * (1.1 - 0.6 * (radius / IRIS_CM) ** 3)
        redness = np.clip((radius - IRIS_CM) / 1.2, 0, 1)
        white = np.array([0.84, 0.87, 0.9], np.float32) * (1 - redness * np.array([0.22, 0.22, 0.05]))
        edge = np.clip((radius - IRIS_CM) / 0.06 + 0.5, 0, 1)
        pupil = np.clip((radius - PUPIL_CM) / 0.05 + 0.5, 0, 1)
        out[rows] = (iris * (1 - edge) + white * edge) * pupil + 0.02
    return out


def _hair(strand: Floats, look: Look) -> Floats:
    """Return the albedo of hair with streaks along the strands."""
    rng = np.random.default_rng(look.seed + 3)
    streaks = rng.uniform(0.5, 1.35, (64, 512)).astype(np.float32)
    streaks = 0.5 * streaks + 0.5 * np.asarray(cv2.blur(streaks, (1, 9)))
    at = np.stack([np.mod(strand[:, 0] * 9, 511), np.mod(strand[:, 1] * 1.5, 63)], axis=1).astype(np.float32)
    return np.asarray(look.hair * sample(streaks[..., None], at), dtype=np.float32)
