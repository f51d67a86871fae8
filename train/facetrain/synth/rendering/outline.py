"""Jaw landmarks on the visible outline: 300-W labels the visible contour, not fixed points of the jaw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel, Ints
from facetrain.synth.rendering.raster import rasterise

PATH_SHARES = np.linspace(1.0, 0.42, 24)
"""Positions searched for the outline, as shares of the distance from the middle of the face to the jaw."""
_PX_PER_CM = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Search paths over the face's surface, from each jaw point towards the middle of the face.

    outward: (17, 2) from the middle of the face to the jaw in the frontal view, x right and y down.
    corners: (17, S, 3) vertex indices of the triangles on the paths.
    weights: (17, S, 3) barycentric weights of the corners.
    """

    outward: NDArray[np.float64]
    corners: Ints
    weights: Floats

    def visible_points(
        self, in_camera: Floats, points: NDArray[np.float64], rotation: NDArray[np.float64], camera: Camera
    ) -> NDArray[np.float64]:
        """Return the (68, 3) points with the jaw's points moved to the outermost projection on their paths.

        in_camera: (V, 3) head in the camera's axes. points: (68, 3), likewise. rotation: (3, 3) head to camera.
        Outwards is measured in the projected head axes, not from the nose: in a turned head the nose lies beyond the
        far side of the jaw.
        """
        points = points.copy()
        axes = rotation[:2, :2] / np.linalg.norm(rotation[:2, :2], axis=0)
        candidates = (in_camera[self.corners] * self.weights[..., None]).sum(axis=2)  # (17, S, 3)
        outward = self.outward @ axes.T
        best = (camera.project(candidates) * outward[:, None]).sum(axis=-1).argmax(axis=1)
        points[list(topology.JAW)] = candidates[np.arange(len(best)), best]
        return points


def outline_of(model: HeadModel) -> Outline:
    """Compute the search paths on the mean head: straight towards the nose in a rasterised frontal view."""
    triangles = model.triangles[model.of_material("M_Face")]
    vertices = model.vertices.astype(np.float64)
    jaw = vertices[model.landmarks[list(topology.JAW)]]
    middle = np.array([0.0, vertices[model.landmarks[topology.NOSE_TIP], 1]])
    paths = middle + (jaw[:, None, :2] - middle) * np.stack([PATH_SHARES, 0.3 * PATH_SHARES + 0.7], axis=1)
    low = vertices[:, :2].min(axis=0)
    size = np.ceil((vertices[:, :2].max(axis=0) - low) * _PX_PER_CM).astype(int) + 1
    fragments = rasterise(
        (vertices[:, :2] - low) * _PX_PER_CM, 1000 - vertices[:, 2], triangles, (int(size[0]), int(size[1]))
    )
    fragment_of_pixel = np.full(size[0] * size[1], -1)
    fragment_of_pixel[fragments.pixel] = np.arange(len(fragments.pixel))
    at = np.rint((paths - low) * _PX_PER_CM).astype(int)
    hit = fragment_of_pixel[at[..., 1] * size[0] + at[..., 0]]
    corners, weights = triangles[fragments.triangle[hit]], fragments.share[hit]
    jaw_vertices = model.landmarks[list(topology.JAW)]
    corners[:, 0], weights[:, 0] = jaw_vertices[:, None], np.array([1.0, 0.0, 0.0], np.float32)
    missed = hit < 0
    corners[missed] = np.repeat(jaw_vertices, missed.sum(axis=1))[:, None]
    weights[missed] = np.array([1, 0, 0], np.float32)
    return Outline((jaw[:, :2] - middle) * [1, -1], corners, weights)
