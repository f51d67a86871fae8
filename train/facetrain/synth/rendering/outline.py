"""The jaw's points where its outline is seen: 300-W labels what is visible, not a place on the bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.types import Floats
from facetrain.synth.rendering.camera import Camera
from facetrain.synth.rendering.head_model import HeadModel, Ints
from facetrain.synth.rendering.raster import rasterise

SLIDE = np.linspace(1.0, 0.42, 24)
"""Where along the way to the middle of the face the outline is looked for."""
_PX_PER_CM = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """For each point of the jaw a way over the face's surface towards its middle.

    outward: (17, 2) from the middle of the face to the jaw as seen from the front, x right and y down.
    corners: (17, S, 3) vertex indices of the triangles on the way; weights: (17, S, 3) of their corners.
    """

    outward: NDArray[np.float64]
    corners: Ints
    weights: Floats

    def seen(
        self, in_camera: Floats, points: NDArray[np.float64], rotation: NDArray[np.float64], camera: Camera
    ) -> NDArray[np.float64]:
        """(V, 3) head and its (68, 3) points in the camera's axes, its rotation (3, 3) to them -> (68, 3) points;
        those of the jaw moved to the place on their way that is projected farthest out.

        Outwards is told by the head's axes as they appear in the picture, not by the nose: in a turned head that lies
        beyond the far side of the jaw.
        """
        points = points.copy()
        axes = rotation[:2, :2] / np.linalg.norm(rotation[:2, :2], axis=0)
        places = (in_camera[self.corners] * self.weights[..., None]).sum(axis=2)  # (17, S, 3)
        outward = self.outward @ axes.T
        best = (camera.project(places) * outward[:, None]).sum(axis=-1).argmax(axis=1)
        points[list(topology.JAW)] = places[np.arange(len(best)), best]
        return points


def outline_of(model: HeadModel) -> Outline:
    """The ways on the mean head: straight towards the nose in a view from the front, where each pixel knows its
    triangle."""
    triangles = model.triangles[model.of_material("M_Face")]
    vertices = model.vertices.astype(np.float64)
    jaw = vertices[model.landmarks[list(topology.JAW)]]
    middle = np.array([0.0, vertices[model.landmarks[topology.NOSE_TIP], 1]])
    ways = middle + (jaw[:, None, :2] - middle) * np.stack([SLIDE, 0.3 * SLIDE + 0.7], axis=1)
    low = vertices[:, :2].min(axis=0)
    size = np.ceil((vertices[:, :2].max(axis=0) - low) * _PX_PER_CM).astype(int) + 1
    fragments = rasterise(
        (vertices[:, :2] - low) * _PX_PER_CM, 1000 - vertices[:, 2], triangles, (int(size[0]), int(size[1]))
    )
    where = np.full(size[0] * size[1], -1)
    where[fragments.pixel] = np.arange(len(fragments.pixel))
    at = np.rint((ways - low) * _PX_PER_CM).astype(int)
    hit = where[at[..., 1] * size[0] + at[..., 0]]
    corners, weights = triangles[fragments.triangle[hit]], fragments.share[hit]
    own = model.landmarks[list(topology.JAW)]
    corners[:, 0], weights[:, 0] = own[:, None], np.array([1.0, 0.0, 0.0], np.float32)
    missed = hit < 0
    corners[missed], weights[missed] = np.repeat(own, missed.sum(axis=1))[:, None], np.array([1, 0, 0], np.float32)
    return Outline((jaw[:, :2] - middle) * [1, -1], corners, weights)
