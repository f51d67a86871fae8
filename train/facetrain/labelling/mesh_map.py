"""MediaPipe's 478-point mesh mapped onto the 68 points by a linear regression fitted on hand-labelled faces.

The mesh is aligned by a similarity to its mean, and ridge regression takes the aligned 468 points of the face (without
the irises) to the 68. Both a picture and its mirror image are used for fitting and prediction: so a shift of all
labels along x, which a mirrored picture would have the other way round, is not learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facetrack import topology
from facetrack.errors import DataError
from facetrack.geometry import crop_from_box, cut, frame_matrices, points_box, transform
from facetrack.types import Floats, Image
from facetrain.sample import Sample

Array = NDArray[np.float64]
Mesh = Callable[[Image], Floats]
"""(H, W, 3) BGR -> (N, 478, 2) px, as `facetrack.detector.mediapipe_mesh.MediaPipeMesh`."""

N_MESH = 468
N_WITH_IRISES = 478
CROP_MARGIN, CROP_PX = 2.2, 400
"""The mesh network finds small and turned faces that it misses on whole pictures in a crop of 2.2 times the face."""
MAX_FIT_ERROR = 0.08
"""Mean error over the outer eye corners above which a face is left out of the fit: the mesh is of someone else."""
RIDGES = (0.5, 10.0)
"""Penalty of the last fit, and of those before it, which find the faces to leave out; 5-fold cross-validation on 1538
faces: NME 3.14 % at 1, 3.17 at 3, 3.25 at 10, 3.36 at 30."""


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> tuple[Array, Array]:
    """Fit similarities of source (N, K, 2) onto target (K, 2): A (N, 2, 2) and b (N, 2) of target = source A + b.

    Least squares, without reflection (Umeyama, TPAMI 1991, eq. 40 to 42 in the plane).
    """
    centre, goal = source.mean(axis=1), target.mean(axis=0)
    s, t = source - centre[:, None], target - goal
    size = (s**2).sum(axis=(1, 2))
    along = (s * t).sum(axis=(1, 2)) / size
    across = (s[..., 0] * t[:, 1] - s[..., 1] * t[:, 0]).sum(axis=1) / size
    matrix = np.stack([np.stack([along, across], axis=1), np.stack([-across, along], axis=1)], axis=1)
    return matrix, goal - (centre[:, None] @ matrix)[:, 0]


@dataclass(frozen=True, slots=True, eq=False)
class MeshMap:
    """A linear map from the mesh to the 68 points.

    mean: (468, 2) the mean mesh, centred, of unit root mean square radius.
    weights: (937, 136) from the aligned mesh's difference from it and a constant 1 to the 68 points in the same frame.
    """

    mean: Array
    weights: Array

    def __call__(self, meshes: NDArray[np.floating]) -> Array:
        """(N, 468 or more, 2) px -> (N, 68, 2) px."""
        meshes = meshes[:, :N_MESH].astype(np.float64)
        matrix, shift = similarity(meshes, self.mean)
        aligned = (meshes @ matrix + shift[:, None] - self.mean).reshape(len(meshes), -1)
        points = (_with_one(aligned) @ self.weights).reshape(len(meshes), -1, 2)
        return np.asarray((points - shift[:, None]) @ np.linalg.inv(matrix))

    def both(self, plain: NDArray[np.floating], mirrored: NDArray[np.floating]) -> Array:
        """Average the predictions on a picture and on its mirror image.

        mirrored: the mirror image's mesh with x already turned back into the picture.
        """
        other = mirror(self(mirrored * np.array([-1.0, 1.0])))
        return np.asarray((self(plain) + other) / 2)


def fit_mesh_map(plain: Array, mirrored: Array, points: Array) -> tuple[MeshMap, NDArray[np.bool_]]:
    """Fit the map to hand-labelled faces; also returns (N,) which of them were used.

    plain, mirrored: (N, 478, 2) px as in `MeshMap.both`, NaN where no face was found. points: (N, 68, 2) px.
    """
    found = np.asarray(np.isfinite(plain).all(axis=(1, 2)) & np.isfinite(mirrored).all(axis=(1, 2)))
    used: NDArray[np.bool_] = found.copy()
    eyes = np.linalg.norm(np.diff(points[:, list(topology.EYE_OUTER_CORNERS)], axis=1)[:, 0], axis=1)
    for ridge in (RIDGES[1], RIDGES[1], RIDGES[0]):
        if used.sum() < 2:
            raise DataError(f"{int(used.sum())} of {len(points)} faces can be used; expected two or more")
        fitted = _fit(plain[used], mirrored[used], points[used], ridge)
        if ridge == RIDGES[0]:
            break
        error = np.full(len(points), np.inf)
        error[found] = np.linalg.norm(fitted.both(plain[found], mirrored[found]) - points[found], axis=2).mean(axis=1)
        used = np.asarray(error / eyes < MAX_FIT_ERROR)
    return fitted, used


def _fit(plain: Array, mirrored: Array, points: Array, ridge: float) -> MeshMap:
    flip = np.array([-1.0, 1.0])
    meshes = np.concatenate([plain[:, :N_MESH], mirrored[:, :N_MESH] * flip]).astype(np.float64)
    points = np.concatenate([points, mirror(points)]).astype(np.float64)
    mean = meshes[0] - meshes[0].mean(axis=0)
    for _ in range(5):  # generalised Procrustes analysis
        matrix, shift = similarity(meshes, mean)
        mean = (meshes @ matrix + shift[:, None]).mean(axis=0)
        mean = (mean - mean.mean(axis=0)) / np.sqrt((mean**2).sum(axis=1).mean())
    matrix, shift = similarity(meshes, mean)
    aligned = _with_one((meshes @ matrix + shift[:, None] - mean).reshape(len(meshes), -1))
    target = (points @ matrix + shift[:, None]).reshape(len(points), -1)
    penalty = np.full(aligned.shape[1], ridge)
    penalty[-1] = 0.0
    weights = np.linalg.solve(aligned.T @ aligned + np.diag(penalty), aligned.T @ target)
    return MeshMap(np.asarray(mean, np.float64), np.asarray(weights, np.float64))


def mirror(points: Array) -> Array:
    """(N, 68, 2) -> the points of the mirror images about x = 0."""
    return np.asarray(points[:, topology.FLIP] * np.array([-1.0, 1.0]))


def mesh_of(sample: Sample, mesh: Mesh) -> tuple[Floats, Floats]:
    """(478, 2) px of the picture and of its mirror image (x turned back), NaN where no face is found.

    mesh is run on a crop around the sample's own points.
    """
    crop = crop_from_box(points_box(sample.points), CROP_MARGIN)
    picture = cut(sample.image, crop, CROP_PX)
    back = frame_matrices([crop], CROP_PX)[0]
    nothing = np.full((N_WITH_IRISES, 2), np.nan, np.float32)
    found, turned = mesh(picture), mesh(np.ascontiguousarray(picture[:, ::-1]))
    plain = found[0] if len(found) else nothing
    mirrored = (turned[0] if len(turned) else nothing).copy()
    mirrored[:, 0] = CROP_PX - 1 - mirrored[:, 0]
    return transform(plain, back), transform(mirrored, back)


def _with_one(rows: Array) -> Array:
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
