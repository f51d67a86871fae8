"""Self-occlusion: which of the 68 points a turned head hides, by a z-buffer of the mean head over yaw and pitch.

Under weak perspective this does not depend on the roll.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.angles import euler_deg, rotation_from_deg
from facetrack.types import Floats
from facetrain.labelling.head_fit import HeadBasis
from facetrain.synth.rendering.camera import MODEL_TO_CAMERA
from facetrain.synth.rendering.head_model import HeadModel
from facetrain.synth.rendering.raster import rasterise

YAWS_DEG, PITCHES_DEG = np.arange(-105.0, 106.0, 5.0), np.arange(-60.0, 61.0, 10.0)
PX_PER_CM, SIDE_PX = 6.0, 240
FAR_CM = 400.0
"""Distance of the camera in the depths that are compared; the projection itself is parallel."""
TOLERANCE_CM = 0.4
SKIN = ("M_Face", "M_BackHead")
EYES = ("M_ScleraLeft", "M_ScleraRight", "M_IrisLeft", "M_IrisRight")


def visibility_table(model: HeadModel, basis: HeadBasis) -> Floats:
    """(yaws, pitches, 68) 1 where the mean head shows the point, 0 where it occludes it.

    A point is visible if it lies no deeper than the deepest surface of its pixel and its eight neighbours: on the
    outline, the near surface is its own.
    """
    vertices = (model.vertices - model.origin) @ MODEL_TO_CAMERA
    skin = model.vertices_of(*SKIN)
    points = vertices[[skin[np.linalg.norm(vertices[skin] - point, axis=1).argmin()] for point in basis.mean[:68]]]
    triangles = model.triangles[model.of_material(*SKIN, *EYES)]
    return np.stack(
        [np.stack([_visible(vertices, points, triangles, yaw, pitch) for pitch in PITCHES_DEG]) for yaw in YAWS_DEG]
    ).astype(np.float32)


def _visible(
    vertices: NDArray[np.floating], points: NDArray[np.floating], triangles: NDArray[np.int64], yaw: float, pitch: float
) -> NDArray[np.bool_]:
    turn = rotation_from_deg(yaw, pitch, 0.0).T
    head, seen = vertices @ turn, points @ turn
    shift = SIDE_PX / 2 - head[:, :2].mean(axis=0) * PX_PER_CM
    fragments = rasterise(head[:, :2] * PX_PER_CM + shift, head[:, 2] + FAR_CM, triangles, (SIDE_PX, SIDE_PX))
    depth = fragments.to_image(fragments.depth, 2 * FAR_CM)
    x, y = np.rint(seen[:, :2] * PX_PER_CM + shift).astype(int).T
    near = [
        depth[np.clip(y + down, 0, SIDE_PX - 1), np.clip(x + right, 0, SIDE_PX - 1)]
        for right in (-1, 0, 1)
        for down in (-1, 0, 1)
    ]
    return np.asarray(seen[:, 2] + FAR_CM <= np.max(near, axis=0) + TOLERANCE_CM)


def look_up(table: Floats, rotations: NDArray[np.floating]) -> Floats:
    """(N, 3, 3) head to camera -> (N, 68) from 0 to 1, bilinear in yaw and pitch."""
    angles = np.array([euler_deg(rotation.astype(np.float64))[:2] for rotation in rotations]).reshape(-1, 2)
    place = []
    for values, grid in ((angles[:, 0], YAWS_DEG), (angles[:, 1], PITCHES_DEG)):
        place.append(np.clip((values - grid[0]) / (grid[1] - grid[0]), 0, len(grid) - 1.001))
    (i, j), (a, b) = (p.astype(int) for p in place), ((p - p.astype(int))[:, None] for p in place)
    out = (1 - a) * (1 - b) * table[i, j] + a * (1 - b) * table[i + 1, j]
    out += (1 - a) * b * table[i, j + 1] + a * b * table[i + 1, j + 1]
    return np.asarray(out, np.float32).reshape(-1, topology.N_POINTS)
